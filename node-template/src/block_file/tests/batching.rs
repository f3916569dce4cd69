use super::{World, file_of, reader};
use crate::{
    block_file::{BatchLimits, Batches, Format, ReadError},
    runtime::Block,
};

const MANY: usize = usize::MAX;

/// How many blocks each batch has, and the error at the end.
fn sizes(file: Vec<u8>, blocks: usize, bytes: usize) -> (Vec<usize>, Option<ReadError>) {
    let mut sizes = Vec::new();
    for batch in Batches::new(reader(file, Format::Binary), BatchLimits { blocks, bytes }) {
        match batch {
            Ok(batch) => sizes.push(batch.len()),
            Err(error) => return (sizes, Some(error)),
        }
    }
    (sizes, None)
}

fn whole(blocks: &[Block], most: usize, bytes: usize) -> Vec<usize> {
    let (sizes, error) = sizes(file_of(blocks, Format::Binary), most, bytes);
    assert!(error.is_none(), "{error:?}");
    sizes
}

#[test]
fn batches_are_full_by_count_or_by_bytes() {
    let blocks = World::empty().grown(5).blocks();
    let one = codec::Encode::encoded_size(&blocks[0]);
    assert_eq!(whole(&blocks, 2, MANY), [2, 2, 1]);
    assert_eq!(whole(&blocks, 5, MANY), [5]);
    assert_eq!(whole(&blocks, MANY, MANY), [5]);
    assert_eq!(whole(&blocks, MANY, 1), [1; 5]);
    assert_eq!(whole(&blocks, MANY, one + 1), [2, 2, 1]);
}

#[test]
fn block_that_does_not_follow_begins_another_batch() {
    let blocks = World::empty().grown(4).blocks();
    let twice = [&blocks[..], &blocks[1..]].concat();
    assert_eq!(whole(&twice, MANY, MANY), [4, 3]);
    let gap = [&blocks[..1], &blocks[2..]].concat();
    assert_eq!(whole(&gap, MANY, MANY), [1, 2]);
}

#[test]
fn what_was_read_before_an_error_comes_before_it() {
    let blocks = World::empty().grown(3).blocks();
    let mut file = file_of(&blocks, Format::Binary);
    file.pop();
    let (sizes, error) = sizes(file, MANY, MANY);
    assert_eq!(sizes, [2]);
    assert!(
        matches!(error, Some(ReadError::Truncated { .. })),
        "{error:?}"
    );
}
