//! Trees of blocks: how they arrive makes no difference.

use crate::support::{Block, Id, Maker, dump, id, in_memory, memory, over};
use kvdb::KeyValueDB;
use proptest::prelude::*;
use runtime_bridge::verify::slot_of;
use sp_core::H256;
use sp_runtime::traits::Block as _;
use std::{collections::BTreeMap, sync::Arc};
use sync_component::ports::{ImportBlocks, ReadChain};

/// A tree as runs of blocks: where each leaves what is there, and the steps between its slots.
fn tree() -> impl Strategy<Value = Vec<(prop::sample::Index, Vec<u64>)>> {
    let run = (
        any::<prop::sample::Index>(),
        prop::collection::vec(1_u64..4, 1..6),
    );
    prop::collection::vec(run, 1..7)
}

fn plant(maker: &Maker, runs: &[(prop::sample::Index, Vec<u64>)]) -> Vec<Vec<Block>> {
    let mut places: Vec<(Id, u64)> = vec![(maker.genesis(), 0)];
    let mut planted = Vec::new();
    for (at, steps) in runs {
        let (parent, mut slot) = places[at.index(places.len())];
        let slots = steps.iter().map(|step| {
            slot += step;
            slot
        });
        let run = maker.run(parent, slots);
        places.extend(run.iter().map(|block| (id(block), slot_of_block(block))));
        planted.push(run);
    }
    planted
}

fn slot_of_block(block: &Block) -> u64 {
    *slot_of(&block.header).unwrap()
}

/// The rule written out: of all chains from genesis the longest, then the first in the order of their blocks' slots and
/// hashes.
fn best_by_the_rule(blocks: &[Block]) -> H256 {
    let by_hash: BTreeMap<H256, &Block> =
        blocks.iter().map(|block| (block.hash(), block)).collect();
    let path = |tip: H256| {
        let mut path = Vec::new();
        let mut at = tip;
        while let Some(block) = by_hash.get(&at) {
            path.push((slot_of_block(block), at));
            at = block.header.parent_hash;
        }
        path.reverse();
        path
    };
    let chains = by_hash.keys().map(|hash| path(*hash));
    let best = chains.min_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    best.unwrap().last().unwrap().1
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn batch_and_one_by_one_leave_the_same_bytes(runs in tree(), max_reorg in 0_u64..6, authorities in 1_u64..5) {
        let maker = Maker::new(authorities);
        let planted = plant(&maker, &runs);
        let databases: [Arc<dyn KeyValueDB>; 2] = [Arc::new(memory()), Arc::new(memory())];
        let [batched, single] = databases.clone().map(|db| over(db, authorities, max_reorg));
        for run in &planted {
            // Some branches conflict with the final block: both sides refuse them at the same block.
            let stored = batched.import(run.clone()).stored;
            let singly = run.iter().take_while(|block| single.import(vec![(*block).clone()]).failure.is_none());
            prop_assert_eq!(stored, singly.count());
            prop_assert_eq!(batched.best(), single.best());
        }
        let [batched, single] = databases.map(|db| dump(db.as_ref()));
        prop_assert_eq!(batched, single);
    }

    #[test]
    fn best_block_follows_the_rule_in_whatever_order_branches_arrive(runs in tree(), seed in any::<u64>()) {
        let maker = Maker::new(3);
        let blocks = plant(&maker, &runs).concat();
        let expected = best_by_the_rule(&blocks);
        // Deeper than any of these trees, so that nothing is final and no branch too deep.
        let bridge = in_memory(3, 100);
        let mut waiting = blocks;
        let mut dice = seed;
        while !waiting.is_empty() {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = usize::try_from(dice >> 33).unwrap() % waiting.len();
            if bridge.header(waiting[at].header.parent_hash).unwrap().is_some() {
                prop_assert!(bridge.import(vec![waiting.remove(at)]).failure.is_none());
            }
        }
        prop_assert_eq!(bridge.best().hash, expected);
    }

    #[test]
    fn index_holds_the_best_chain_and_nothing_else(runs in tree(), max_reorg in 0_u64..6) {
        let maker = Maker::new(2);
        let db: Arc<dyn KeyValueDB> = Arc::new(memory());
        let bridge = over(Arc::clone(&db), 2, max_reorg);
        for run in plant(&maker, &runs) {
            let _ = bridge.import(run);
            let best = bridge.best();
            let mut at = best.hash;
            for number in (0..=best.number).rev() {
                prop_assert_eq!(bridge.canonical_hash(number).unwrap(), Some(at));
                at = bridge.header(at).unwrap().unwrap().parent_hash;
            }
            prop_assert_eq!(bridge.canonical_hash(best.number + 1).unwrap(), None);
            prop_assert!(bridge.finalized().number <= best.number);
            let finalized = bridge.canonical_hash(bridge.finalized().number).unwrap();
            prop_assert_eq!(finalized, Some(bridge.finalized().hash));
        }
    }
}
