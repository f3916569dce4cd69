//! Fork choice, reorganisations, and the second check of the gate.

use crate::support::{
    Block, Bridge, Call, Maker, canonical_chain, dump, id, import_all, in_memory, on_each_database,
    over, tip,
};
use sp_runtime::traits::Block as _;
use std::sync::Arc;
use sync_component::ports::{
    ImportBlocks, ImportError, Presence, ReadChain, Retracted, Vote, VoteStanding,
};

#[test]
fn longer_branch_wins_and_the_switch_is_one_change() {
    on_each_database(|name, db| {
        let maker = Maker::new(4);
        let bridge = over(db, 4, 5);
        let ours = maker.run(maker.genesis(), [1, 2, 3, 4]);
        let theirs = maker.run(id(&ours[1]), [10, 11, 12]);
        import_all(&bridge, &ours);
        let mut events = bridge.events();
        import_all(&bridge, &theirs);

        assert_eq!(bridge.best(), tip(&theirs), "{name}");
        let chain = [&ours[..2], &theirs[..]].concat();
        let expected: Vec<_> = chain.iter().map(Block::hash).collect();
        assert_eq!(canonical_chain(&bridge)[1..], expected, "{name}");
        assert_eq!(
            bridge.presence(ours[3].hash()).unwrap(),
            Presence::Fork,
            "{name}"
        );
        assert_eq!(
            bridge.presence(theirs[0].hash()).unwrap(),
            Presence::Canonical,
            "{name}"
        );

        let event = events.try_recv().unwrap();
        assert_eq!(event.best, tip(&theirs), "{name}");
        assert_eq!(event.header, theirs[2].header, "{name}");
        let retracted = Retracted {
            old_best: tip(&ours),
            common_ancestor: id(&ours[1]),
        };
        assert_eq!(event.retracted, Some(retracted), "{name}");
        assert!(events.try_recv().is_err(), "{name}: one change, one event");
    });
}

#[test]
fn events_come_in_order_and_only_for_a_new_best_block() {
    let maker = Maker::new(4);
    let bridge = in_memory(4, 5);
    let mut events = bridge.events();
    let ours = maker.run(maker.genesis(), [1, 2, 3]);
    let fork = maker.run(id(&ours[0]), [9]);
    import_all(&bridge, &ours[..2]);
    import_all(&bridge, &ours[..2]);
    import_all(&bridge, &ours[2..]);
    import_all(&bridge, &fork);
    let first = events.try_recv().unwrap();
    assert_eq!((first.best, first.retracted), (id(&ours[1]), None));
    assert_eq!(events.try_recv().unwrap().best, id(&ours[2]));
    assert!(events.try_recv().is_err());
}

#[test]
fn tie_goes_to_the_lower_slot_after_the_common_ancestor_whoever_came_first() {
    for late_first in [true, false] {
        let maker = Maker::new(4);
        let bridge = in_memory(4, 5);
        let shared = maker.run(maker.genesis(), [1]);
        // The later blocks' slots point the other way: only the first block after the ancestor counts.
        let early = maker.run(id(&shared[0]), [2, 9]);
        let late = maker.run(id(&shared[0]), [3, 4]);
        import_all(&bridge, &shared);
        let order = if late_first {
            [&late, &early]
        } else {
            [&early, &late]
        };
        for branch in order {
            import_all(&bridge, branch);
        }
        assert_eq!(bridge.best(), tip(&early));
    }
}

#[test]
fn tie_in_one_slot_goes_to_the_lower_hash() {
    let maker = Maker::new(2);
    let twins = [
        maker.block(maker.genesis(), 1, &[Call::Add(1, 1)]),
        maker.block(maker.genesis(), 1, &[Call::Add(1, 2)]),
    ];
    let winner = twins.iter().map(id).min_by_key(|id| id.hash).unwrap();
    for order in [[0, 1], [1, 0]] {
        let bridge = in_memory(2, 5);
        for n in order {
            import_all(&bridge, &twins[n..=n]);
        }
        assert_eq!(bridge.best(), winner);
    }
}

/// Ours 1 to `depth` above block 1, and a branch from block 1 that is one block longer.
fn rivals(maker: &Maker, depth: u64) -> (Vec<Block>, Vec<Block>) {
    let ours = maker.run(maker.genesis(), 1..=1 + depth);
    let theirs = maker.run(id(&ours[0]), 100..=100 + depth);
    (ours, theirs)
}

#[test]
fn branch_at_the_depth_limit_is_taken_and_a_deeper_one_never() {
    for (depth, taken) in [(3, true), (4, false)] {
        let maker = Maker::new(4);
        let bridge = in_memory(4, 3);
        // One authority only, so that nothing becomes final and only the depth decides.
        let ours = maker.run(maker.genesis(), (1..=1 + depth).map(|n| n * 4));
        let theirs = maker.run(id(&ours[0]), (100..=100 + depth).map(|n| n * 4));
        import_all(&bridge, &ours);
        let _ = bridge.import(theirs.clone());
        assert_eq!(bridge.finalized().number, 0);
        assert_eq!(bridge.best() == tip(&theirs), taken, "depth {depth}");
        // However the branch arrives: also block by block, far above ours.
        import_all(&bridge, &maker.run(tip(&theirs), (500..520).map(|n| n * 4)));
        assert_eq!(
            bridge.canonical_hash(2).unwrap() == Some(theirs[0].hash()),
            taken
        );
    }
}

#[test]
fn depth_is_counted_from_the_old_best_block_for_all_branches_alike() {
    let maker = Maker::new(8);
    let bridge = in_memory(8, 3);
    let slots = |from: u64, count: u64| (from..from + count).map(|n| n * 8);
    let ours = maker.run(maker.genesis(), slots(1, 6));
    // Leaves ours after block 4; one longer. And leaves it after block 3; two longer.
    let near = maker.run(id(&ours[3]), slots(20, 3));
    let far = maker.run(id(&ours[2]), slots(30, 5));
    import_all(&bridge, &ours);
    bridge.set_vote(VoteStanding::WithUs.into()).unwrap();
    import_all(&bridge, &near);
    import_all(&bridge, &far);
    bridge.set_vote(VoteStanding::NotWithUs.into()).unwrap();
    assert_eq!(bridge.best(), tip(&far));
}

#[test]
fn what_the_voters_hold_stays_whatever_is_built_on_it() {
    let maker = Maker::new(4);
    let bridge = in_memory(4, 5);
    let (ours, theirs) = rivals(&maker, 2);
    import_all(&bridge, &ours);
    // All hold our last block but one; the last one nobody takes but we.
    let held = id(&ours[ours.len() - 2]);
    let vote = Vote {
        held: Some(held),
        ..VoteStanding::NotWithUs.into()
    };
    bridge.set_vote(vote).unwrap();
    import_all(&bridge, &theirs);
    assert_eq!(bridge.best(), tip(&ours), "it leaves ours below that block");
    let above = maker.run(held, [40, 44]);
    import_all(&bridge, &above);
    assert_eq!(bridge.best(), tip(&above), "above it the longest chain");
    // A block that is not ours any more holds nothing.
    bridge
        .set_vote(Vote {
            held: Some(tip(&ours)),
            ..VoteStanding::NotWithUs.into()
        })
        .unwrap();
    let longer = maker.run(tip(&theirs), [200, 201]);
    import_all(&bridge, &longer);
    assert_eq!(bridge.best(), tip(&longer));
}

#[test]
fn block_that_outvotes_ours_is_taken_and_no_other() {
    let maker = Maker::new(4);
    let bridge = in_memory(4, 5);
    let base = maker.run(maker.genesis(), [1]);
    import_all(&bridge, &base);
    // In the order of the tie rule.
    let [ours, third, theirs] = [2, 3, 4].map(|slot| maker.run(tip(&base), [slot, slot + 4]));
    for branch in [&theirs, &third, &ours] {
        import_all(&bridge, branch);
    }
    assert_eq!(bridge.best(), tip(&ours));
    let outvoted_by = |block| Vote {
        outvoted_by: Some(block),
        ..VoteStanding::NotWithUs.into()
    };
    // It is not here: the tie rule stands.
    let unknown = maker.run(tip(&base), [5, 9]);
    bridge.set_vote(outvoted_by(tip(&unknown))).unwrap();
    assert_eq!(bridge.best(), tip(&ours));
    bridge.set_vote(outvoted_by(tip(&theirs))).unwrap();
    assert_eq!(bridge.best(), tip(&theirs));
    // Where it is ours it stays.
    bridge.set_vote(outvoted_by(id(&theirs[0]))).unwrap();
    assert_eq!(bridge.best(), tip(&theirs));
    let longer = maker.run(tip(&third), [20]);
    import_all(&bridge, &longer);
    assert_eq!(bridge.best(), tip(&longer), "the longest chain comes first");
}

#[test]
fn nothing_of_ours_is_taken_back_while_the_vote_is_with_us() {
    on_each_database(|name, db| {
        let maker = Maker::new(4);
        let bridge = over(Arc::clone(&db), 4, 5);
        let (ours, theirs) = rivals(&maker, 2);
        import_all(&bridge, &ours);
        bridge.set_vote(VoteStanding::WithUs.into()).unwrap();
        import_all(&bridge, &theirs);
        let twin = maker.run(id(&ours[1]), [3]);
        import_all(&bridge, &twin);
        assert_eq!(
            bridge.best(),
            tip(&ours),
            "{name}: neither a longer branch nor a tie"
        );

        // Our own chain still grows.
        let more = maker.run(tip(&ours), [50]);
        import_all(&bridge, &more);
        assert_eq!(bridge.best(), tip(&more), "{name}");
        let before = dump(db.as_ref());

        // The rule is applied again to the stored tips when the vote changes.
        let longer = maker.run(tip(&theirs), [200, 201]);
        import_all(&bridge, &longer);
        assert_eq!(bridge.best(), tip(&more), "{name}");
        assert_ne!(
            dump(db.as_ref()),
            before,
            "{name}: the branch is stored all the same"
        );
        let mut events = bridge.events();
        bridge.set_vote(VoteStanding::NotWithUs.into()).unwrap();
        assert_eq!(bridge.best(), tip(&longer), "{name}");
        assert_eq!(events.try_recv().unwrap().best, tip(&longer), "{name}");
        bridge.set_vote(VoteStanding::WithUs.into()).unwrap();
        assert_eq!(
            bridge.best(),
            tip(&longer),
            "{name}: a vote with us moves nothing back"
        );
    });
}

fn import_own(bridge: &Bridge, block: &Block, cleared: &Block) -> Result<(), ImportError<Block>> {
    bridge.import_own(block.clone(), id(cleared))
}

#[test]
fn own_block_is_imported_while_the_cleared_block_is_the_best() {
    let maker = Maker::new(2);
    let bridge = in_memory(2, 5);
    let run = maker.run(maker.genesis(), [1, 2]);
    import_all(&bridge, &run[..1]);
    import_own(&bridge, &run[1], &run[0]).unwrap();
    assert_eq!(bridge.best(), id(&run[1]));
}

#[test]
fn own_block_is_dropped_when_the_best_block_is_another_than_the_cleared_one() {
    on_each_database(|name, db| {
        let maker = Maker::new(2);
        let bridge = over(Arc::clone(&db), 2, 5);
        let run = maker.run(maker.genesis(), [1, 2]);
        let own = maker.block(id(&run[0]), 3, &[]);
        import_all(&bridge, &run);
        let before = dump(db.as_ref());
        let error = import_own(&bridge, &own, &run[0]).unwrap_err();
        let (was, is) = (id(&run[0]), id(&run[1]));
        assert!(
            matches!(error, ImportError::ClearanceLost { cleared, best } if cleared == was && best == is),
            "{name}: {error}"
        );
        assert_eq!(dump(db.as_ref()), before, "{name}");
        assert!(bridge.block(own.hash()).unwrap().is_none(), "{name}");
    });
}

#[test]
fn invalid_own_block_is_refused_like_anybodys() {
    let maker = Maker::new(2);
    let bridge = in_memory(2, 5);
    let mut block = maker.block(maker.genesis(), 1, &[]);
    block.extrinsics.clear();
    let error = bridge.import_own(block, maker.genesis()).unwrap_err();
    assert!(matches!(error, ImportError::Invalid { .. }));
}

#[test]
fn flood_of_siblings_never_drops_the_best_block() {
    let maker = Maker::new(1);
    let bridge = in_memory(1, 5);
    let first = maker.block(maker.genesis(), 1, &[Call::Add(1, 1)]);
    import_all(&bridge, std::slice::from_ref(&first));
    bridge.set_vote(VoteStanding::WithUs.into()).unwrap();
    for n in 0..20 {
        let above = maker.run(maker.genesis(), [100 + n, 200 + n]);
        import_all(&bridge, &above);
    }
    assert_eq!(bridge.best(), id(&first));
    import_all(&bridge, &maker.run(id(&first), [2]));
    assert_eq!(bridge.best().number, 2);
}
