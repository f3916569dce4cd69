use super::{BLOCK_BYTES, FORMATS, World, file_of, reader};
use crate::{
    block_file::{
        BatchLimits, BlockRange, BlockReader, BlockWriter, End, Format, ImportFault, Imported,
        Next, export, import,
    },
    runtime::Block,
};
use chain_spec::Preset;
use std::{
    io::{self, Read},
    sync::mpsc,
};
use sync_component::ports::ReadChain;

const SMALL: BatchLimits = BatchLimits {
    blocks: 2,
    bytes: usize::MAX,
};

fn imported(world: &World, file: Vec<u8>, format: Format) -> (Imported, Result<End, ImportFault>) {
    let mut so_far = Imported::default();
    let blocks = reader(file, format);
    let end = import(&world.chain, blocks, SMALL, &mut so_far, &mut |_| {
        Next::GoOn
    });
    (so_far, end)
}

fn refused(world: &World, blocks: &[Block]) -> (Imported, ImportFault) {
    let (so_far, end) = imported(world, file_of(blocks, Format::Binary), Format::Binary);
    (so_far, end.unwrap_err())
}

#[test]
fn exported_chain_is_the_same_chain_when_imported_and_is_skipped_the_second_time() {
    let old = World::empty().grown(5);
    for format in FORMATS {
        let range = BlockRange { from: 1, to: 5 };
        let mut writer = BlockWriter::begin(Vec::new(), format, range.count()).unwrap();
        let mut told = 0;
        let end = export(&old.chain, range, &mut writer, &mut |now| {
            told = now.blocks;
            Next::GoOn
        });
        assert_eq!((end.unwrap(), told), (End::Whole, 5));
        let file = writer.finish().unwrap();

        let new = World::empty();
        let (so_far, end) = imported(&new, file.clone(), format);
        assert_eq!(end.unwrap(), End::Whole);
        assert_eq!((so_far.imported, so_far.skipped), (5, 0));
        assert_eq!(so_far.last, Some(old.chain.best()));
        assert_eq!(new.chain.tip().unwrap(), old.chain.tip().unwrap());
        let (so_far, end) = imported(&new, file, format);
        assert_eq!(end.unwrap(), End::Whole);
        assert_eq!((so_far.imported, so_far.skipped), (0, 5));
    }
}

#[test]
fn file_that_begins_with_our_genesis_or_overlaps_is_taken() {
    let old = World::empty().grown(4);
    let new = World::empty();
    let blocks = old.blocks();
    let file = [&[old.block(0)], &blocks[..2], &blocks[1..]].concat();
    let (so_far, end) = imported(&new, file_of(&file, Format::Json), Format::Json);
    assert_eq!(end.unwrap(), End::Whole);
    assert_eq!((so_far.imported, so_far.skipped), (4, 2));
    assert_eq!(new.chain.best(), old.chain.best());
}

#[test]
fn export_stops_where_it_is_told() {
    let old = World::empty().grown(4);
    let range = BlockRange { from: 2, to: 4 };
    let mut writer = BlockWriter::begin(Vec::new(), Format::Json, range.count()).unwrap();
    let end = export(&old.chain, range, &mut writer, &mut |now| {
        if now.last == 3 {
            Next::Stop
        } else {
            Next::GoOn
        }
    });
    assert_eq!(end.unwrap(), End::Stopped);
    assert_eq!(
        writer.finish().unwrap(),
        file_of(&old.blocks()[1..3], Format::Json)
    );
}

#[test]
fn invalid_block_is_named_and_all_before_it_stay() {
    let old = World::empty().grown(4);
    let mut blocks = old.blocks();
    blocks[3].header.state_root = sp_core::H256::zero();
    let new = World::empty();
    let (so_far, fault) = refused(&new, &blocks);
    let ImportFault::Refused { id, begins, .. } = &fault else {
        panic!("{fault}");
    };
    assert_eq!(id.number, 4);
    assert!(*begins > 8);
    assert_eq!(so_far.imported, 3);
    assert_eq!(so_far.last.unwrap(), new.chain.best());
    assert_eq!(new.chain.best().number, 3);
    // The right one goes on.
    let (so_far, end) = imported(&new, file_of(&old.blocks(), Format::Json), Format::Json);
    assert_eq!(end.unwrap(), End::Whole);
    assert_eq!((so_far.imported, so_far.skipped), (1, 3));
}

#[test]
fn blocks_that_have_no_place_here_are_told_apart() {
    let old = World::empty().grown(4);
    let mut spec = Preset::Dev.spec();
    spec.slot_duration = sp_consensus_aura::SlotDuration::from_millis(4_000);
    let other = World::of(&spec);
    for blocks in [old.blocks(), vec![old.block(0)]] {
        let (so_far, fault) = refused(&other, &blocks);
        assert!(matches!(fault, ImportFault::OtherChain { .. }), "{fault}");
        assert_eq!(so_far, Imported::default());
    }
    // Whose they are cannot be told from these.
    let (_, fault) = refused(&World::empty(), &old.blocks()[2..]);
    assert!(
        matches!(fault, ImportFault::NoParent { id, begins: 8, best, .. } if id.number == 3 && best.number == 0),
        "{fault}"
    );
    // A gap within the file.
    let new = World::empty();
    let blocks = old.blocks();
    let (so_far, fault) = refused(&new, &[&blocks[..1], &blocks[2..]].concat());
    assert!(matches!(fault, ImportFault::NoParent { id, .. } if id.number == 3));
    assert_eq!((so_far.imported, new.chain.best().number), (1, 1));
}

#[test]
fn broken_file_costs_nothing_that_was_read_before() {
    let old = World::empty().grown(4);
    for format in FORMATS {
        let mut file = file_of(&old.blocks(), format);
        file.truncate(file.len() - 10);
        let new = World::empty();
        let (so_far, end) = imported(&new, file, format);
        assert!(matches!(end, Err(ImportFault::Read(_))), "{end:?}");
        assert_eq!((so_far.imported, new.chain.best().number), (3, 3));
    }
}

#[test]
fn stop_comes_between_batches_and_tells_how_far_it_came() {
    let old = World::empty().grown(6);
    let new = World::empty();
    let mut so_far = Imported::default();
    let blocks = reader(file_of(&old.blocks(), Format::Binary), Format::Binary);
    let end = import(&new.chain, blocks, SMALL, &mut so_far, &mut |now| {
        if now.imported >= 4 {
            Next::Stop
        } else {
            Next::GoOn
        }
    });
    assert_eq!(end.unwrap(), End::Stopped);
    assert_eq!((so_far.imported, new.chain.best().number), (4, 4));
}

/// A pipe into which nobody writes any more.
struct Silent(io::Cursor<Vec<u8>>, mpsc::Receiver<()>);

impl Read for Silent {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.0.read(into)? {
            0 => self.1.recv().map_or(Ok(0), |()| Ok(0)),
            count => Ok(count),
        }
    }
}

#[test]
fn input_that_says_nothing_does_not_keep_it_from_stopping() {
    let old = World::empty().grown(3);
    let new = World::empty();
    let (sender, receiver) = mpsc::channel();
    let mut file = file_of(&old.blocks(), Format::Binary);
    file.truncate(file.len() - 1);
    let silent = Silent(io::Cursor::new(file), receiver);
    let blocks = BlockReader::new(silent, Format::Binary, BLOCK_BYTES);
    let mut so_far = Imported::default();
    let end = import(&new.chain, blocks, SMALL, &mut so_far, &mut |now| {
        if now.imported >= 2 {
            Next::Stop
        } else {
            Next::GoOn
        }
    });
    assert_eq!(end.unwrap(), End::Stopped);
    assert_eq!(new.chain.best().number, 2);
    drop(sender);
}
