use super::{BLOCK_BYTES, FORMATS, World, file_of, reader};
use crate::{
    block_file::{BlockReader, Format, NextBlock, NotABlock, ReadError},
    runtime::Block,
};
use codec::Encode;
use proptest::prelude::*;
use sp_runtime::{Justifications, generic::SignedBlock};
use std::io::{self, Read};

/// The blocks before the error, and the error.
fn read_all(mut blocks: BlockReader<impl Read>) -> (Vec<Block>, Option<ReadError>) {
    let mut read = Vec::new();
    for next in blocks.by_ref() {
        match next {
            Ok(block) => read.push(block.block),
            Err(error) => return (read, Some(error)),
        }
    }
    (read, None)
}

#[test]
fn what_is_written_is_read_with_its_places() {
    let world = World::empty().grown(3);
    let blocks = [vec![world.block(0)], world.blocks()].concat();
    for format in FORMATS {
        let file = file_of(&blocks, format);
        let length = u64::try_from(file.len()).unwrap();
        let read: Result<Vec<_>, _> = reader(file, format).collect();
        let read = read.unwrap();
        let read_blocks: Vec<_> = read.iter().map(|read| read.block.clone()).collect();
        assert_eq!(read_blocks, blocks);
        for (one, next) in read.iter().zip(&read[1..]) {
            assert!(one.ends <= next.begins && one.begins < one.ends);
            assert_eq!(one.bytes, one.block.encoded_size());
        }
        // The line feed behind the last one is nobody's.
        assert!(length - read.last().unwrap().ends <= 1);
    }
}

#[test]
fn json_may_have_any_white_space_between_blocks_or_none() {
    let world = World::empty().grown(2);
    let lines = String::from_utf8(file_of(&world.blocks(), Format::Json)).unwrap();
    for between in ["", "\r\n\r\n", " \t "] {
        let text = format!("{between}{}", lines.replace('\n', between));
        let (read, error) = read_all(reader(text.into_bytes(), Format::Json));
        assert!(error.is_none(), "{between:?}: {error:?}");
        assert_eq!(read, world.blocks());
    }
}

#[test]
fn every_cut_is_an_error_and_costs_only_what_is_behind_it() {
    let blocks = World::empty().grown(2).blocks();
    for format in FORMATS {
        let whole = file_of(&blocks, format);
        // A line feed at the end is not needed.
        let ends = whole.len() - usize::from(format == Format::Json);
        let one = file_of(&blocks[..1], format).len() - usize::from(format == Format::Json);
        for cut in 0..ends {
            let (read, error) = read_all(reader(whole[..cut].to_vec(), format));
            assert_eq!(read, blocks[..usize::from(cut >= one)], "{format:?} {cut}");
            let is_block_end = format == Format::Json && (cut == one || cut == one + 1);
            assert_eq!(error.is_none(), is_block_end, "{format:?} {cut}: {error:?}");
            if let Some(ReadError::Truncated { ends, .. }) = error {
                assert_eq!(ends, u64::try_from(cut).unwrap());
            }
        }
    }
}

/// A file that is wrong: how many blocks come before the error, and what the error says.
fn says(world: &World, format: Format, file: impl Into<Vec<u8>>, before: usize, said: &str) {
    let (read, error) = read_all(reader(file.into(), format));
    let text = error.expect(said).to_string();
    assert_eq!(read, world.blocks()[..before], "{format:?}: {text}");
    assert!(text.contains(said), "{format:?}: {text}, not {said}");
    assert!(!text.contains('\n'), "{text}");
}

/// `file` with the byte at `at` changed.
fn with(file: &[u8], at: usize, byte: u8) -> Vec<u8> {
    let mut file = file.to_vec();
    file[at] = byte;
    file
}

#[test]
fn number_of_blocks_that_does_not_hold_is_said() {
    let world = World::empty().grown(2);
    let file = file_of(&world.blocks(), Format::Binary);
    let table = [
        (vec![], 0, "ends at byte 0"),
        (vec![1, 0], 0, "ends at byte 2"),
        (vec![0; 8], 0, "no block in it"),
        (with(&file, 0, 3), 2, "says that it has 3 blocks"),
        (with(&file, 7, 0x7f), 2, "behind 2 of them"),
        (with(&file, 0, 1), 1, "more than the 1 blocks"),
        ([&file[..], &[0]].concat(), 2, "bytes follow"),
        (
            file_of(&world.blocks(), Format::Json),
            0,
            "leave --binary out",
        ),
    ];
    for (file, before, said) in table {
        says(&world, Format::Binary, file, before, said);
    }
}

#[test]
fn text_that_is_not_a_block_is_said() {
    let world = World::empty().grown(2);
    let file = file_of(&world.blocks(), Format::Json);
    let binary = file_of(&world.blocks(), Format::Binary);
    let deep = b"[".repeat(100_000);
    let table = [
        (vec![], 0, "no block in it"),
        (b" \n".to_vec(), 0, "no block in it"),
        (b"hello".to_vec(), 0, "no block in JSON"),
        (b"[1, 2]".to_vec(), 0, "no block in JSON"),
        (b"{\"block\":1}".to_vec(), 0, "no block in JSON"),
        (deep.clone(), 0, "no block in JSON"),
        ([b"{\"block\":", &deep[..]].concat(), 0, "no block in JSON"),
        ([&file[..], b"x"].concat(), 2, "block #3"),
        (binary, 0, "the first block, which begins at byte 0"),
    ];
    for (file, before, said) in table {
        says(&world, Format::Json, file, before, said);
    }
}

#[test]
fn broken_block_is_said_with_its_number_and_place() {
    let world = World::empty().grown(2);
    for format in FORMATS {
        let file = file_of(&world.blocks(), format);
        let begins = reader(file.clone(), format).last().unwrap().unwrap().begins;
        let at = usize::try_from(begins).unwrap();
        let said = format!("block #2, which begins at byte {at}");
        // In SCALE the hash of the parent takes any bytes, a number of 2^30 digest items does not; in either format what
        // tells of justifications is the last that is read.
        let broken = match format {
            Format::Json => with(&file, at, b'!'),
            Format::Binary => [&file[..at + 97], &[0xfe, 0xff, 0xff, 0xff]].concat(),
        };
        says(&world, format, broken, 1, &said);
        let last = file.len() - if format == Format::Json { 3 } else { 1 };
        says(&world, format, with(&file, last, 7), 1, &said);
    }
}

#[test]
fn block_with_justifications_is_of_another_kind_of_chain() {
    let world = World::empty().grown(1);
    let justified = SignedBlock {
        block: world.block(1),
        justifications: Some(Justifications::from((*b"FRNK", vec![1]))),
    };
    let said = "has justifications";
    let text = serde_json::to_vec(&justified).unwrap();
    says(&world, Format::Json, text, 0, said);
    says(
        &world,
        Format::Binary,
        (1_u64, &justified).encode(),
        0,
        said,
    );
}

#[test]
fn block_longer_than_the_chain_allows_is_refused_before_it_is_read_whole() {
    let blocks = World::empty().grown(1).blocks();
    let longest = blocks[0].encoded_size();
    for format in FORMATS {
        let file = file_of(&blocks, format);
        let exact = BlockReader::new(&file[..], format, longest);
        assert!(read_all(exact).1.is_none());
        let short = BlockReader::new(&file[..], format, longest - 1);
        assert!(
            matches!(
                read_all(short).1,
                Some(ReadError::TooLong {
                    block: NextBlock::First,
                    ..
                })
            ),
            "{format:?}"
        );
    }
    // Files without an end.
    let begun = b"{\"block\":\"".chain(io::repeat(b'a'));
    let endless = BlockReader::new(begun, Format::Json, 1_000);
    assert!(matches!(
        read_all(endless).1,
        Some(ReadError::TooLong { .. })
    ));
    let begun = [1, 0, 0, 0, 0, 0, 0, 0].chain(io::repeat(0xff));
    let endless = BlockReader::new(begun, Format::Binary, 1_000);
    assert!(read_all(endless).1.is_some());
    let zeros = BlockReader::new([1].chain(io::repeat(0)), Format::Binary, 1_000);
    assert!(read_all(zeros).1.is_some());
}

#[test]
fn list_that_claims_to_be_long_takes_no_memory_for_it() {
    let block = World::empty().grown(1).block(1);
    let mut file = (1_u64, &block.header).encode();
    // 2^30 - 1 extrinsics.
    file.extend([0xfe, 0xff, 0xff, 0xff]);
    let (_, error) = read_all(reader(file.clone(), Format::Binary));
    assert!(
        matches!(error, Some(ReadError::Truncated { .. })),
        "{error:?}"
    );
    // As many as there are bytes: each takes far more memory than its byte pays for.
    let endless = BlockReader::new(file.chain(io::repeat(0)), Format::Binary, BLOCK_BYTES);
    assert!(matches!(
        read_all(endless).1,
        Some(ReadError::Malformed {
            fault: NotABlock::Scale(_),
            ..
        })
    ));
}

/// Gives what it has, then fails.
struct Failing(io::Cursor<Vec<u8>>);

impl Read for Failing {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.0.read(into)? {
            0 => Err(io::Error::other("a bad sector")),
            count => Ok(count),
        }
    }
}

#[test]
fn disk_that_fails_is_told_from_a_file_that_is_wrong() {
    let blocks = World::empty().grown(1).blocks();
    for format in FORMATS {
        let file = file_of(&blocks, format);
        for cut in [0, 4, 100, file.len()] {
            let failing = Failing(io::Cursor::new(file[..cut].to_vec()));
            let (_, error) = read_all(BlockReader::new(failing, format, BLOCK_BYTES));
            let Some(ReadError::Io { at, source }) = error else {
                panic!("{format:?} {cut}: {error:?}");
            };
            assert!(at <= u64::try_from(cut).unwrap());
            assert!(source.to_string().contains("a bad sector"));
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_or_go_on_forever(
        bytes in proptest::collection::vec(any::<u8>(), 0..600),
        begins_well in any::<bool>(),
    ) {
        let begin: &[u8] = if begins_well { &[2, 0, 0, 0, 0, 0, 0, 0] } else { b"" };
        for format in FORMATS {
            let file = [begin, &bytes].concat();
            let (read, _) = read_all(reader(file, format));
            prop_assert!(read.len() < 600);
        }
    }

    #[test]
    fn flipped_bits_never_make_it_panic(at in 0_usize..800, bit in 0_u8..8) {
        thread_local! {
            static FILES: [Vec<u8>; 2] = {
                let blocks = World::empty().grown(1).blocks();
                FORMATS.map(|format| file_of(&blocks, format))
            };
        }
        let files = FILES.with(Clone::clone);
        for (format, mut file) in FORMATS.into_iter().zip(files) {
            let at = at % file.len();
            file[at] ^= 1 << bit;
            let (read, _) = read_all(reader(file, format));
            prop_assert!(read.len() <= 1);
        }
    }
}
