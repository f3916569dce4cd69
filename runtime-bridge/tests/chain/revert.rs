//! Taking blocks back, and checking stored ones again.

use crate::support::{
    Block, Bridge, Maker, TestRuntime, canonical_chain, dump, id, import_all, in_memory,
    on_each_database, over, reseal, spec, tip,
};
use codec::Encode;
use kvdb::{DBTransaction, KeyValueDB};
use runtime_bridge::store::column;
use sp_core::H256;
use sp_runtime::traits::Block as _;
use std::sync::Arc;
use sync_component::ports::{
    BlockFault, HeaderFault, ImportBlocks, ImportError, Presence, ReadChain, SystemClock,
};

#[test]
fn reverted_blocks_are_gone_and_can_be_imported_again() {
    on_each_database(|name, db| {
        let maker = Maker::new(4);
        let bridge = over(db, 4, 5);
        let ours = maker.run(maker.genesis(), [1, 2, 3, 4, 5, 6]);
        let fork = maker.run(id(&ours[2]), [20, 21]);
        import_all(&bridge, &ours);
        import_all(&bridge, &fork);
        let whole = bridge.tip().unwrap();

        let reverted = bridge.revert(2).unwrap();
        assert_eq!(
            (reverted.from, reverted.to),
            (tip(&ours), id(&ours[3])),
            "{name}"
        );
        assert_eq!(bridge.best(), id(&ours[3]), "{name}");
        assert_eq!(canonical_chain(&bridge).len(), 5, "{name}");
        for gone in ours[4..].iter().chain(&fork[1..]) {
            assert_eq!(
                bridge.presence(gone.hash()).unwrap(),
                Presence::Absent,
                "{name}"
            );
        }
        // As high as the best block, and still there.
        assert_eq!(
            bridge.presence(fork[0].hash()).unwrap(),
            Presence::Fork,
            "{name}"
        );
        // What is left is a whole chain that goes on.
        import_all(&bridge, &ours);
        assert_eq!(bridge.tip().unwrap(), whole, "{name}");
    });
}

#[test]
fn final_block_is_never_taken_back() {
    let maker = Maker::new(2);
    let bridge = in_memory(2, 2);
    let blocks = maker.run(maker.genesis(), 1..9);
    import_all(&bridge, &blocks);
    let finalized = bridge.finalized();
    assert!(finalized.number > 0);
    let reverted = bridge.revert(100).unwrap();
    assert_eq!(reverted.to, finalized);
    assert_eq!((bridge.best(), bridge.finalized()), (finalized, finalized));
    // Nothing is left to revert.
    assert_eq!(bridge.revert(1).unwrap().from, finalized);
    import_all(&bridge, &blocks);
    assert_eq!(bridge.best(), tip(&blocks));
}

fn database() -> Arc<dyn KeyValueDB> {
    Arc::new(kvdb_memorydb::create(column::COUNT))
}

#[test]
fn chain_after_a_revert_is_the_one_that_never_went_further() {
    let maker = Maker::new(3);
    let blocks = maker.run(maker.genesis(), 1..12);
    for count in 0..6 {
        let databases = [database(), database()];
        let [reverted, never] = databases.each_ref().map(|db| over(db.clone(), 3, 8));
        import_all(&reverted, &blocks);
        reverted.revert(count as u64).unwrap();
        import_all(&never, &blocks[..blocks.len() - count]);
        assert_eq!(reverted.best(), never.best());
        // What was final stays so.
        assert!(reverted.finalized().number >= never.finalized().number);
        // Finality goes on from the same record.
        import_all(&reverted, &blocks);
        import_all(&never, &blocks);
        let [one, other] = databases.each_ref().map(|db| dump(db.as_ref()));
        assert_eq!(one, other, "{count} blocks");
    }
}

#[test]
fn revert_is_on_disk_when_it_returns() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let clock = Arc::new(SystemClock::new());
        Bridge::open(&folder.path().join("full"), &spec(2, 5), TestRuntime, clock).unwrap()
    };
    let maker = Maker::new(2);
    let blocks = maker.run(maker.genesis(), 1..6);
    let bridge = open();
    import_all(&bridge, &blocks);
    bridge.revert(3).unwrap();
    drop(bridge);
    assert_eq!(open().best(), id(&blocks[1]));
}

#[test]
fn stored_block_is_checked_again_at_its_parent_s_state() {
    let maker = Maker::new(2);
    let bridge = in_memory(2, 5);
    let blocks: Vec<Block> = maker.run(maker.genesis(), 1..6);
    import_all(&bridge, &blocks);
    for block in &blocks {
        assert_eq!(bridge.check_again(block.hash()).unwrap(), Some(id(block)));
    }
    assert_eq!(bridge.check_again(H256::repeat_byte(1)).unwrap(), None);
    assert_eq!(bridge.check_again(bridge.genesis_hash()).unwrap(), None);
}

/// A chain of five blocks whose database is changed behind the bridge's back.
fn changed(change: impl FnOnce(&[Block], &mut DBTransaction)) -> (Bridge, Vec<Block>) {
    let maker = Maker::new(2);
    let blocks = maker.run(maker.genesis(), 1..6);
    let db = database();
    let bridge = over(db.clone(), 2, 5);
    import_all(&bridge, &blocks);
    let mut writes = db.transaction();
    change(&blocks, &mut writes);
    db.write(writes).unwrap();
    (bridge, blocks)
}

fn key(block: &Block) -> [u8; 40] {
    column::block_key(block.header.number.into(), &block.hash())
}

fn put(block: &Block, writes: &mut DBTransaction) {
    let key = key(block);
    writes.put(column::HEADER, &key, &block.header.encode());
    writes.put(column::BODY, &key, &block.extrinsics.encode());
    let number = u64::from(block.header.number);
    writes.put(column::NUMBER, block.hash().as_bytes(), &number.encode());
}

#[test]
fn changed_body_seal_and_state_root_are_the_block_s_fault() {
    let (bridge, blocks) = changed(|blocks, writes| {
        let body = blocks[1].extrinsics.encode();
        writes.put(column::BODY, &key(&blocks[2]), &body);
    });
    let faults = |error: ImportError<Block>| match error {
        ImportError::Invalid { fault, .. } => fault,
        other => panic!("{other}"),
    };
    let refused = bridge.check_again(blocks[2].hash()).unwrap_err();
    assert_eq!(faults(refused), BlockFault::WrongExtrinsicsRoot);
    assert_eq!(
        bridge.check_again(blocks[3].hash()).unwrap(),
        Some(id(&blocks[3]))
    );

    // Stored as if they had been good once: one with another state root, one sealed by an authority whose turn it is not.
    let keys = Maker::new(2);
    let mut bad = Vec::new();
    let (bridge, _) = changed(|blocks, writes| {
        let mut root = blocks[2].clone();
        root.header.state_root = H256::repeat_byte(7);
        bad.push(reseal(root, keys.key(3)));
        bad.push(reseal(blocks[2].clone(), keys.key(4)));
        for block in &bad {
            put(block, writes);
        }
    });
    let expected = [BlockFault::WrongStateRoot, HeaderFault::BadSeal.into()];
    for (block, fault) in bad.iter().zip(expected) {
        assert_eq!(faults(bridge.check_again(block.hash()).unwrap_err()), fault);
    }
}

#[test]
fn damaged_store_is_not_the_block_s_fault() {
    // Another block in its place, good as it is; its parent gone; the parent's state gone.
    let damages: [fn(&[Block], &mut DBTransaction); 3] = [
        |blocks, writes| {
            let (other, key) = (&blocks[1], key(&blocks[2]));
            writes.put(column::HEADER, &key, &other.header.encode());
            writes.put(column::BODY, &key, &other.extrinsics.encode());
        },
        |blocks, writes| writes.delete(column::HEADER, &key(&blocks[1])),
        |blocks, writes| writes.delete(column::STATE, blocks[1].header.state_root.as_bytes()),
    ];
    for (number, damage) in damages.into_iter().enumerate() {
        let (bridge, blocks) = changed(damage);
        let refused = bridge.check_again(blocks[2].hash()).unwrap_err();
        assert!(
            matches!(refused, ImportError::Local(_)),
            "{number}: {refused}"
        );
    }
}

#[test]
fn block_on_a_forgotten_branch_whose_beginning_was_reverted_lacks_its_parent() {
    let maker = Maker::new(1);
    let bridge = in_memory(1, 1_000);
    let ours = maker.run(maker.genesis(), 1..9);
    let other = maker.run(id(&ours[1]), 20..26);
    let low = maker.run(id(&other[0]), [30, 31]);
    for branch in [&ours, &other, &low[..1].to_vec()] {
        import_all(&bridge, branch);
    }
    // A flood of leaves, all of them higher.
    for slot in 100..360 {
        import_all(&bridge, &maker.run(id(&ours[3]), [slot]));
    }
    bridge.revert(6).unwrap();
    assert_eq!(bridge.best(), id(&ours[1]));
    assert_eq!(bridge.presence(other[0].hash()).unwrap(), Presence::Absent);
    assert_eq!(bridge.presence(low[0].hash()).unwrap(), Presence::Fork);
    let report = bridge.import(vec![low[1].clone()]);
    assert!(
        matches!(report.failure, Some(ImportError::UnknownParent { .. })),
        "{report:?}"
    );
    // With what is missing it is a chain again.
    import_all(&bridge, &other[..1]);
    import_all(&bridge, &low);
    assert_eq!(bridge.best(), tip(&low));
}
