//! Rolling finality, against the rule written out the long way.

use crate::support::{Maker, id, import_all, in_memory, on_each_database, over, tip};
use proptest::prelude::*;
use std::collections::BTreeSet;
use sync_component::ports::{ImportBlocks, ImportError, ReadChain};

/// The highest block that is final when the best chain's blocks have these slots: more than 2/3 of the authorities
/// sealed it or a block above it, and at least `max_reorg` blocks lie above it.
fn final_height(slots: &[u64], authorities: u64, max_reorg: u64) -> u64 {
    let best = slots.len() as u64;
    let holds = |height: &u64| {
        let at = usize::try_from(*height).unwrap() - 1;
        let sealers: BTreeSet<_> = slots[at..].iter().map(|slot| slot % authorities).collect();
        3 * sealers.len() as u64 > 2 * authorities && best - height >= max_reorg
    };
    (1..=best).rev().find(holds).unwrap_or(0)
}

#[test]
fn block_is_final_only_with_enough_authorities_and_enough_depth() {
    // Four authorities: three of them are more than two thirds.
    let cases = [
        // Depth alone: two authorities take turns for ever.
        (vec![0, 1, 4, 5, 8, 9, 12, 13], 0),
        // The third one's block makes all up to the second's last one final, two blocks deep.
        (vec![0, 1, 4, 5, 8, 9, 14], 4 + 1),
        // Authorities alone: too shallow.
        (vec![0, 1], 0),
        (vec![0, 1, 2, 3], 2),
    ];
    for (slots, expected) in cases {
        let maker = Maker::new(4);
        let bridge = in_memory(4, 2);
        import_all(&bridge, &maker.run(maker.genesis(), slots.clone()));
        assert_eq!(u64::from(bridge.finalized().number), expected, "{slots:?}");
        assert_eq!(final_height(&slots, 4, 2), expected, "{slots:?}");
    }
}

#[test]
fn single_authority_is_final_at_the_depth_alone() {
    for max_reorg in [0, 3] {
        let maker = Maker::new(1);
        let bridge = in_memory(1, max_reorg);
        let run = maker.run(maker.genesis(), 1..=6);
        import_all(&bridge, &run);
        assert_eq!(u64::from(bridge.finalized().number), 6 - max_reorg);
    }
}

#[test]
fn block_that_leaves_the_chain_below_the_final_block_is_refused() {
    on_each_database(|name, db| {
        let maker = Maker::new(1);
        let bridge = over(db, 1, 3);
        let ours = maker.run(maker.genesis(), 1..=4);
        let fork = maker.run(id(&ours[1]), [50, 51, 52, 53, 54, 55]);
        import_all(&bridge, &ours);
        // Stored while that was still possible: it leaves our chain above the final block, which is block 1.
        import_all(&bridge, &fork[..1]);
        let more = maker.run(tip(&ours), 5..=9);
        import_all(&bridge, &more);
        assert_eq!(bridge.finalized(), id(&more[1]), "{name}");
        for blocks in [&fork[1..], &maker.run(maker.genesis(), 70..90)] {
            let report = bridge.import(blocks.to_vec());
            assert_eq!(report.stored, 0, "{name}");
            let error = report.failure.unwrap();
            assert!(
                matches!(error, ImportError::AgainstFinal { .. }),
                "{name}: {error}"
            );
        }
        // Its number alone is high enough, but not its branch.
        let high = maker.run(tip(&fork), [60]);
        let report = bridge.import([&fork[..], &high].concat());
        assert_eq!(report.stored, 1, "{name}: the one that was stored before");
        assert_eq!(bridge.best(), tip(&more), "{name}");
    });
}

#[test]
fn reorganisation_forgets_who_sealed_the_branch_that_was_left() {
    let maker = Maker::new(4);
    let bridge = in_memory(4, 3);
    let shared = maker.run(maker.genesis(), [0, 4, 8]);
    let ours = maker.run(tip(&shared), [9, 13]);
    // Longer, without the second authority, which sealed ours.
    let theirs = maker.run(tip(&shared), [12, 16, 20]);
    import_all(&bridge, &shared);
    import_all(&bridge, &ours);
    import_all(&bridge, &theirs);
    assert_eq!(bridge.best(), tip(&theirs));
    let more = maker.run(tip(&theirs), [22, 24, 28, 32, 36]);
    import_all(&bridge, &more);
    assert_eq!(
        bridge.finalized().number,
        0,
        "two of four authorities build on this branch"
    );
    import_all(&bridge, &maker.run(tip(&more), [37]));
    assert_eq!(
        bridge.finalized(),
        id(&more[0]),
        "up to the block of the third one"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn finality_follows_the_rule_after_every_import(
        authorities in 1_u64..6,
        max_reorg in 0_u64..5,
        steps in prop::collection::vec(1_u64..4, 1..24),
        batch in 1_usize..5,
    ) {
        let maker = Maker::new(authorities);
        let bridge = in_memory(authorities, max_reorg);
        let slots: Vec<u64> = steps.iter().scan(0, |slot, step| { *slot += step; Some(*slot) }).collect();
        let run = maker.run(maker.genesis(), slots.clone());
        let mut imported = 0;
        for blocks in run.chunks(batch) {
            import_all(&bridge, blocks);
            imported += blocks.len();
            let expected = final_height(&slots[..imported], authorities, max_reorg);
            prop_assert_eq!(u64::from(bridge.finalized().number), expected);
        }
    }
}
