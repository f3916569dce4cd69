//! Ranges of the best chain, read along the order of the store.

use crate::support::{Block, Bridge, Header, Maker, id, import_all, on_each_database, over};
use sp_core::H256;
use sync_component::ports::ReadChain;

/// One by one, as a bridge does that has no order of its own.
fn one_by_one(bridge: &Bridge, start: u32, most: u32) -> Vec<(H256, Header)> {
    let numbers = start..start.saturating_add(most);
    let hashes = numbers.map_while(|number| bridge.canonical_hash(number).unwrap());
    let headers = hashes.map(|hash| (hash, bridge.header(hash).unwrap().unwrap()));
    headers.collect()
}

#[test]
fn range_of_headers_is_what_each_height_has_across_groups_and_beside_branches() {
    let maker = Maker::new(1);
    // Beyond two groups of 256, with another branch beside the best one at their border.
    let blocks = maker.run(maker.genesis(), 1..530);
    let fork: Vec<Block> = maker.run(id(&blocks[252]), 600..604);
    on_each_database(|name, db| {
        let bridge = over(db, 1, 10);
        import_all(&bridge, &blocks[..256]);
        import_all(&bridge, &fork);
        import_all(&bridge, &blocks[256..]);
        assert_eq!(bridge.best(), id(blocks.last().unwrap()));
        for start in [
            0, 1, 100, 223, 224, 225, 250, 255, 256, 257, 511, 512, 529, 530, 900,
        ] {
            for most in [0, 1, 31, 32, 33, 255, 256, 257, 600, u32::MAX] {
                let read = bridge.headers_from(start, most).unwrap();
                assert!(
                    read == one_by_one(&bridge, start, most.min(1_000)),
                    "{name}: {most} from {start}: {}",
                    read.len()
                );
            }
        }
        for (hash, header) in bridge.headers_from(1, 1_000).unwrap() {
            let block = bridge.block_with(hash, header).unwrap();
            assert_eq!(block, bridge.block(hash).unwrap(), "{name}");
        }
    });
}
