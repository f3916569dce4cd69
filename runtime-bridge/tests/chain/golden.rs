//! The store's bytes. A change of `golden/store.txt` is a new store format version (`store::FORMAT`), never new golden
//! bytes for an old one.

use crate::support::{Block, Call, Maker, dump, id, import_all, on_each_database, over, sign};
use codec::{Decode, DecodeAll};
use runtime_bridge::store::{FORMAT, column};
use sp_runtime::OpaqueExtrinsic;
use std::{collections::BTreeMap, fmt::Write, sync::Arc};

type Entries = BTreeMap<(u32, Vec<u8>), Vec<u8>>;

const GOLDEN: &str = include_str!("golden/store.txt");

fn text_of(entries: &Entries) -> String {
    let mut text = format!("format {FORMAT}\n");
    for ((column, key), value) in entries {
        writeln!(text, "{column} {} {}", hex::encode(key), hex::encode(value)).unwrap();
    }
    text
}

fn entries_of(text: &str) -> Entries {
    text.lines()
        .skip(1)
        .map(|line| {
            let words: Vec<_> = line.split(' ').collect();
            let column = words[0].parse().unwrap();
            (
                (column, hex::decode(words[1]).unwrap()),
                hex::decode(words[2]).unwrap(),
            )
        })
        .collect()
}

/// The blocks in the entries, by number and then in the order of their hashes.
fn blocks_of(entries: &Entries) -> Vec<Block> {
    let headers = entries
        .iter()
        .filter(|((column, _), _)| *column == column::HEADER);
    let mut blocks: Vec<_> = headers
        .map(|((_, key), header)| {
            let body = &entries[&(column::BODY, key.clone())];
            Block {
                header: Decode::decode(&mut header.as_slice()).unwrap(),
                extrinsics: Vec::<OpaqueExtrinsic>::decode_all(&mut body.as_slice()).unwrap(),
            }
        })
        .collect();
    blocks.sort_by_key(|block| block.header.number);
    blocks
}

#[test]
fn same_blocks_give_the_golden_bytes_on_each_database() {
    let golden = entries_of(GOLDEN);
    let blocks = blocks_of(&golden);
    assert!(GOLDEN.starts_with(&format!("format {FORMAT}\n")));
    on_each_database(|name, db| {
        let bridge = over(Arc::clone(&db), 3, 1);
        for block in &blocks[1..] {
            import_all(&bridge, std::slice::from_ref(block));
        }
        assert!(
            dump(db.as_ref()) == golden,
            "{name}:\n{}",
            text_of(&dump(db.as_ref()))
        );
    });
}

#[test]
fn golden_bytes_show_every_part_of_the_format() {
    let golden = entries_of(GOLDEN);
    for column in 0..column::COUNT {
        assert!(
            golden.keys().any(|(of, _)| *of == column),
            "column {column}"
        );
    }
    let numbers: Vec<_> = blocks_of(&golden)
        .iter()
        .map(|block| block.header.number)
        .collect();
    assert_eq!(numbers, [0, 1, 2, 2, 3], "a chain with a fork");
}

/// Seals are random, so the golden bytes are made once per format version and then kept.
#[test]
#[ignore = "prints golden bytes for a new format version"]
#[allow(clippy::print_stdout, reason = "its output is its purpose")]
fn print_golden_bytes_of_a_new_format() {
    let maker = Maker::new(3);
    let db: Arc<dyn kvdb::KeyValueDB> = Arc::new(crate::support::memory());
    let bridge = over(Arc::clone(&db), 3, 1);
    let one = maker.block(maker.genesis(), 1, &[Call::Add(1, 2), sign(maker.key(0))]);
    let two = maker.block(id(&one), 2, &[Call::Add(17, 3)]);
    let fork = maker.block(id(&one), 5, &[]);
    let three = maker.block(id(&two), 3, &[Call::Clear(1)]);
    for block in [one, two, fork, three] {
        import_all(&bridge, &[block]);
    }
    print!("{}", text_of(&dump(db.as_ref())));
}
