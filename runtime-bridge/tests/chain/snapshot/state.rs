//! The state of a snapshot, and the block that it belongs to.

use super::*;

#[test]
fn refused_piece_of_a_state_changes_nothing_on_disk() {
    let world = World::new(60);
    let db: Arc<dyn KeyValueDB> = Arc::new(memory());
    let bridge = world.chosen(db.clone(), 40);
    world.feed(&bridge, 500);
    let StateStanding::Partly { after, .. } = bridge.standing().state else {
        panic!("it was cut");
    };
    let before = dump(db.as_ref());
    let good = world.proof(40, after.as_deref(), 600).0;
    let mut bad = Vec::new();
    for at in 0..good.len() - 1 {
        let mut dropped = good.clone();
        dropped.remove(at);
        let mut repeated = good.clone();
        repeated.insert(at, good[at].clone());
        let mut altered = good.clone();
        altered[at][3] ^= 4;
        bad.extend([dropped, repeated, altered]);
    }
    bad.push(good[..2].to_vec());
    // Another block's state, and another piece of this one.
    bad.push(world.proof(41, after.as_deref(), 600).0);
    bad.push(world.proof(40, Some(&[200; 20]), 600).0);
    for nodes in bad {
        let refused = bridge.add_state(&StateProof(nodes));
        assert!(
            matches!(refused, Err(StateRefused::Proof(_))),
            "{refused:?}"
        );
    }
    assert_eq!(dump(db.as_ref()), before);
    assert!(matches!(
        bridge.standing().state,
        StateStanding::Partly { after: still, .. } if still == after
    ));
    bridge.add_state(&StateProof(good)).unwrap();
    assert_ne!(dump(db.as_ref()), before);
}

#[test]
fn newer_block_may_be_chosen_and_then_its_state_is_fetched_from_the_beginning() {
    let world = World::new(60);
    let bridge = world.chosen(Arc::new(memory()), 30);
    world.feed(&bridge, 500);
    bridge.choose_state(50).unwrap();
    assert!(matches!(
        bridge.standing().state,
        StateStanding::Partly { after: None, entries: 0, of } if of == id(world.at(50))
    ));
    while world.feed(&bridge, 500) == Progress::Further {}
    bridge.finish(world.at(50).clone()).unwrap();
    let report = bridge.import(world.blocks[50..].to_vec());
    assert!(report.failure.is_none(), "{report:?}");
}

/// On a database that keeps what it deletes for a while, too.
#[test]
fn state_that_is_given_up_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(60);
    let databases: [Arc<dyn KeyValueDB>; 2] = [Arc::new(memory()), rocksdb(&folder)];
    for db in databases {
        let nodes = || {
            let all = dump(db.as_ref());
            let nodes = all
                .into_iter()
                .filter(|((in_column, _), _)| *in_column == column::STATE);
            nodes.collect::<BTreeMap<_, _>>()
        };
        let bridge = world.chosen(db.clone(), 30);
        let of_genesis = nodes();
        assert!(!of_genesis.is_empty());
        // In the middle, and whole.
        for _ in 0..3 {
            world.feed(&bridge, 500);
        }
        assert!(nodes().len() > of_genesis.len());
        bridge.choose_state(45).unwrap();
        assert_eq!(nodes(), of_genesis);
        while world.feed(&bridge, 500) == Progress::Further {}
        bridge.choose_state(50).unwrap();
        assert_eq!(nodes(), of_genesis);
        // The same one again is no other one.
        world.feed(&bridge, 500);
        bridge.choose_state(50).unwrap();
        assert!(nodes().len() > of_genesis.len());
        while world.feed(&bridge, 500) == Progress::Further {}
        bridge.finish(world.at(50).clone()).unwrap();
        let report = bridge.import(world.blocks[50..].to_vec());
        assert!(report.failure.is_none(), "{report:?}");
        assert_eq!(bridge.tip().unwrap(), world.server.tip().unwrap());
    }
}

#[test]
fn authorities_that_changed_all_the_same_end_the_snapshot() {
    let world = World::new(60);
    let spec = spec(AUTHORITIES, MAX_REORG);
    let clock = Arc::new(SystemClock::new());
    let drifting = Bridge::over(Arc::new(memory()), &spec, Sets::Drifting, clock).unwrap();
    let bridge = world.chosen_in(drifting, 40);
    while world.feed(&bridge, 500) == Progress::Further {}
    let refused = bridge.finish(world.at(40).clone()).unwrap_err();
    assert!(
        matches!(refused, FinishRefused::AuthoritiesChanged),
        "{refused}"
    );
    assert_eq!(bridge.best(), world.maker.genesis());
}

#[test]
fn it_is_finished_only_by_its_own_block_with_its_own_body_on_the_whole_state() {
    let world = World::new(60);
    let db: Arc<dyn KeyValueDB> = Arc::new(memory());
    let bridge = world.chosen(db.clone(), 40);
    let block = world.at(40).clone();
    let refused = bridge.finish(block.clone()).unwrap_err();
    assert!(matches!(refused, FinishRefused::OtherBlock), "{refused}");
    while world.feed(&bridge, 500) == Progress::Further {}
    let refused = bridge.finish(world.at(41).clone()).unwrap_err();
    assert!(matches!(refused, FinishRefused::OtherBlock), "{refused}");
    let mut other_body = block.clone();
    other_body.extrinsics.pop();
    let refused = bridge.finish(other_body).unwrap_err();
    assert!(
        matches!(
            refused,
            FinishRefused::Body(BlockFault::WrongExtrinsicsRoot)
        ),
        "{refused}"
    );
    let proof = StateProof(vec![vec![0]]);
    let refused = bridge.add_state(&proof).unwrap_err();
    assert!(matches!(refused, StateRefused::NotAsked), "{refused}");

    // A disk that lost a node of it.
    let root = world.at(40).header.state_root;
    let lost = db.get(column::STATE, root.as_bytes()).unwrap().unwrap();
    let mut transaction = db.transaction();
    transaction.delete(column::STATE, root.as_bytes());
    db.write(transaction).unwrap();
    let refused = bridge.finish(block.clone()).unwrap_err();
    assert!(matches!(refused, FinishRefused::Damaged), "{refused}");
    assert!(!lost.is_empty());
    while world.feed(&bridge, 500) == Progress::Further {}
    bridge.finish(block).unwrap();
}

#[test]
fn an_empty_proof_is_none() {
    let world = World::new(30);
    let bridge = world.chosen(Arc::new(memory()), 20);
    let refused = bridge.add_state(&StateProof(Vec::new())).unwrap_err();
    assert!(
        matches!(refused, StateRefused::Proof(ProofFault::NoEntry)),
        "{refused}"
    );
}
