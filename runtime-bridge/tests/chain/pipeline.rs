//! The pipeline (checks of many runs at once, imports of what was checked) does what importing block by block does: the same
//! blocks, the same refusals, the same bytes on disk.

mod delivery;
mod flaw;

use crate::support::{
    Block, Bridge, Call, Header, Id, Maker, dump, id, import_all, in_memory, memory, over, reseal,
    rocksdb, sign,
};
use delivery::{Plan, deliver, one_by_one, plan};
use flaw::{Flaw, flaw, spoil};
use kvdb::KeyValueDB;
use proptest::prelude::*;
use runtime_bridge::verify::slot_of;
use sp_core::{H256, Pair as _, sr25519};
use std::{collections::HashMap, sync::Arc};
use sync_component::ports::{
    BlockFault, CheckedBlocks, Checker, Finding, HeaderFault, ImportBlocks, ImportError, ReadChain,
};

/// What a block holds.
#[derive(Clone, Copy, Debug)]
enum Content {
    Counter(u8),
    Transfers(usize),
    Rotation,
}

#[derive(Clone, Debug)]
enum Step {
    /// Blocks on one that was made before, in slots so far apart; one of them with a flaw.
    Grow {
        at: prop::sample::Index,
        blocks: Vec<(u64, Content)>,
        flaw: Option<(prop::sample::Index, Flaw)>,
        plan: Plan,
    },
    /// A part of an earlier run once more.
    Again {
        run: prop::sample::Index,
        from: prop::sample::Index,
        plan: Plan,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let content = prop_oneof![
        6 => (0_u8..8).prop_map(Content::Counter),
        2 => (1_usize..4).prop_map(Content::Transfers),
        1 => Just(Content::Rotation),
    ];
    let index = any::<prop::sample::Index>;
    prop_oneof![
        4 => (
            index(),
            prop::collection::vec((1_u64..4, content), 1..12),
            prop::option::weighted(0.4, (index(), flaw())),
            plan(),
        )
            .prop_map(|(at, blocks, flaw, plan)| Step::Grow { at, blocks, flaw, plan }),
        1 => (index(), index(), plan()).prop_map(|(run, from, plan)| Step::Again { run, from, plan }),
    ]
}

/// A run as it is delivered.
#[derive(Clone, Debug)]
struct Run {
    base: Id,
    parent: Header,
    blocks: Vec<Block>,
    flawed: Option<usize>,
}

/// Two chains that get the same blocks in different ways.
struct Pair {
    maker: Maker,
    piped: Bridge,
    single: Bridge,
    headers: HashMap<H256, Header>,
    places: Vec<(Id, u64)>,
    runs: Vec<Run>,
}

impl Pair {
    fn over(databases: [Arc<dyn KeyValueDB>; 2], authorities: u64, max_reorg: u64) -> Self {
        let [piped, single] = databases.map(|db| over(db, authorities, max_reorg));
        let maker = Maker::new(authorities);
        let genesis = maker.genesis();
        let header = piped.header(genesis.hash).unwrap().unwrap();
        Self {
            maker,
            piped,
            single,
            headers: [(genesis.hash, header)].into(),
            places: vec![(genesis, 0)],
            runs: Vec::new(),
        }
    }

    fn grow(&mut self, from: (Id, u64), blocks: &[(u64, Content)]) -> Vec<Block> {
        let (mut parent, mut slot) = from;
        let mut run = Vec::new();
        for (steps, content) in blocks {
            slot += steps;
            let calls = match content {
                Content::Counter(counter) => vec![Call::Add(*counter, 1)],
                Content::Transfers(count) => vec![sign(&stranger()); *count],
                Content::Rotation => vec![Call::Rotate],
            };
            let block = self.maker.block(parent, slot, &calls);
            parent = id(&block);
            self.headers.insert(parent.hash, block.header.clone());
            self.places.push((parent, slot));
            run.push(block);
        }
        run
    }

    fn do_step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Grow {
                at,
                blocks,
                flaw,
                plan,
            } => {
                let from = self.places[at.index(self.places.len())];
                let mut blocks = self.grow(from, blocks);
                let flaw = flaw.map(|(at, flaw)| (at.index(blocks.len()), flaw));
                if let Some((at, flaw)) = flaw {
                    blocks[at] = spoil(&self.maker, &blocks[at], flaw);
                }
                let run = Run {
                    base: from.0,
                    parent: self.headers[&from.0.hash].clone(),
                    blocks,
                    flawed: flaw.map(|(at, _)| at),
                };
                self.runs.push(run.clone());
                self.deliver(&run, plan)
            }
            Step::Again { run, from, plan } => {
                if self.runs.is_empty() {
                    return Ok(());
                }
                let run = self.runs[run.index(self.runs.len())].clone();
                let from = from.index(run.blocks.len());
                let blocks = run.blocks[from..].to_vec();
                let parent = self.headers.get(&blocks[0].header.parent_hash).cloned();
                // A block whose parent nobody made is refused by everybody.
                let Some(parent) = parent else {
                    return Ok(());
                };
                let run = Run {
                    base: Id::new(parent.number, parent.hash()),
                    parent,
                    blocks,
                    flawed: run.flawed.and_then(|at| at.checked_sub(from)),
                };
                self.deliver(&run, plan)
            }
        }
    }

    /// Both get the run and say the same of it.
    fn deliver(&self, run: &Run, plan: &Plan) -> Result<(), TestCaseError> {
        let (stored, failure) = deliver(&self.piped, run, plan);
        let (expected, expected_failure) = one_by_one(&self.single, &run.blocks);
        prop_assert_eq!(stored, expected, "{:?}, {:?}", failure, expected_failure);
        let both = failure.as_ref().zip(expected_failure.as_ref());
        // A block that is wrong in itself has no place either, if its parent has none. Which of the two is said differs: the
        // checks do not know what is stored.
        let both_hold = matches!(
            both,
            Some((
                ImportError::Invalid { .. },
                ImportError::AgainstFinal { .. } | ImportError::UnknownParent { .. }
            ))
        ) && run.flawed == Some(stored);
        if !both_hold {
            let said = |error: &Option<ImportError<Block>>| error.as_ref().map(ToString::to_string);
            prop_assert_eq!(said(&failure), said(&expected_failure));
        }
        prop_assert_eq!(self.piped.best(), self.single.best());
        prop_assert_eq!(self.piped.finalized(), self.single.finalized());
        Ok(())
    }
}

fn same_in_the_end(
    databases: [Arc<dyn KeyValueDB>; 2],
    steps: &[Step],
    max_reorg: u64,
    authorities: u64,
) -> Result<(), TestCaseError> {
    let mut pair = Pair::over(databases.clone(), authorities, max_reorg);
    for step in steps {
        pair.do_step(step)?;
    }
    let [piped, single] = databases.map(|db| dump(db.as_ref()));
    prop_assert_eq!(piped, single);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn pipeline_leaves_the_same_bytes_as_one_block_at_a_time(
        steps in prop::collection::vec(step(), 1..10),
        max_reorg in 0_u64..6,
        authorities in 1_u64..5,
    ) {
        same_in_the_end([Arc::new(memory()), Arc::new(memory())], &steps, max_reorg, authorities)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn pipeline_leaves_the_same_bytes_in_rocksdb(
        steps in prop::collection::vec(step(), 4..10),
        max_reorg in 0_u64..6,
        authorities in 1_u64..5,
    ) {
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let databases = [rocksdb(&folders[0]), rocksdb(&folders[1])];
        same_in_the_end(databases, &steps, max_reorg, authorities)?;
    }
}

fn stranger() -> sr25519::Pair {
    sr25519::Pair::from_string("//stranger", None).unwrap()
}

/// A chain at genesis, its genesis header, and a run on it.
fn chain_and_run(
    authorities: u64,
    slots: std::ops::Range<u64>,
) -> (Maker, Bridge, Header, Vec<Block>) {
    let maker = Maker::new(authorities);
    let bridge = in_memory(authorities, 5);
    let genesis = bridge.header(bridge.genesis_hash()).unwrap().unwrap();
    let run = maker.run(maker.genesis(), slots);
    (maker, bridge, genesis, run)
}

fn is_bad_seal(error: &ImportError<Block>) -> bool {
    matches!(
        error,
        ImportError::Invalid {
            fault: BlockFault::Header(HeaderFault::BadSeal),
            ..
        }
    )
}

#[test]
fn what_somebody_else_found_counts_for_nothing() {
    let (maker, bridge, genesis, mut run) = chain_and_run(2, 1..4);
    run[1] = reseal(run[1].clone(), &stranger());
    let claims = |block: &Block| {
        let slot = slot_of(&block.header).unwrap();
        let author = maker.key(*slot).public().into();
        Finding {
            id: id(block),
            slot,
            author,
        }
    };
    let found = run.iter().map(|block| (block.clone(), claims(block)));
    let forged = CheckedBlocks::found_by(&Checker::new(), found.collect());
    let report = bridge.import_checked(forged);
    assert_eq!(report.stored, 1);
    assert!(is_bad_seal(&report.failure.unwrap()));

    // What another bridge really found does not count here either, and what is good is good.
    let other = in_memory(2, 5);
    let rest = maker.run(id(&run[0]), 7..9);
    let all = [&run[..1], &rest].concat();
    let report = other.check(maker.genesis(), &genesis, all);
    assert!(report.failure.is_none());
    assert_eq!(bridge.import_checked(report.checked).stored, 3);
    assert_eq!(bridge.best(), id(&rest[1]));
}

#[test]
fn bad_seal_on_the_base_is_told_by_the_check() {
    let (maker, bridge, genesis, mut run) = chain_and_run(2, 1..4);
    run[0] = reseal(run[0].clone(), &stranger());
    let report = bridge.check(maker.genesis(), &genesis, run);
    assert!(report.checked.is_empty());
    assert!(is_bad_seal(&report.failure.unwrap()));
}

#[test]
fn seal_by_an_authority_that_a_block_between_names_is_left_to_the_import() {
    let maker = Maker::new(3);
    let bridge = in_memory(3, 5);
    let genesis = bridge.header(bridge.genesis_hash()).unwrap().unwrap();
    let first = maker.block(maker.genesis(), 1, &[Call::Rotate]);
    let second = maker.block(id(&first), 2, &[]);
    let third = maker.block(id(&second), 3, &[]);
    let run = vec![first.clone(), second.clone(), third];
    let report = bridge.check(maker.genesis(), &genesis, run);
    assert!(report.failure.is_none(), "nobody is charged: {report:?}");
    assert_eq!(bridge.import_checked(report.checked).stored, 3);

    // The other way about: found good for the authorities of before, at a parent that names others.
    let bridge = in_memory(3, 5);
    let old_turn = reseal(second, maker.key(2));
    let report = bridge.check(maker.genesis(), &genesis, vec![first, old_turn]);
    assert_eq!((report.checked.len(), report.failure.is_none()), (2, true));
    let report = bridge.import_checked(report.checked);
    assert_eq!(report.stored, 1);
    assert!(is_bad_seal(&report.failure.unwrap()));
}

#[test]
fn run_that_does_not_follow_its_parent_or_its_base_is_refused() {
    let (maker, bridge, genesis, run) = chain_and_run(2, 1..5);
    let report = bridge.check(maker.genesis(), &genesis, run[1..].to_vec());
    assert!(matches!(
        report.failure,
        Some(ImportError::Invalid {
            fault: BlockFault::Header(HeaderFault::BrokenLink),
            ..
        })
    ));
    let report = bridge.check(id(&run[0]), &run[0].header, run[1..].to_vec());
    assert!(
        matches!(report.failure, Some(ImportError::UnknownParent { id: refused }) if refused == id(&run[1]))
    );
    let nothing = bridge.check(id(&run[0]), &run[0].header, Vec::new());
    assert!(nothing.failure.is_none() && nothing.checked.is_empty());
}

#[test]
fn checked_blocks_without_a_place_are_refused_and_stored_ones_taken() {
    let (maker, bridge, genesis, run) = chain_and_run(2, 1..5);
    let mut first = bridge.check(maker.genesis(), &genesis, run.clone()).checked;
    let rest = first.split_off(2);
    let report = bridge.import_checked(rest.clone());
    assert!(matches!(
        report.failure,
        Some(ImportError::UnknownParent { .. })
    ));
    assert_eq!(bridge.import_checked(first.clone()).stored, 2);
    first.append(rest);
    let report = bridge.import_checked(first);
    assert_eq!((report.stored, report.failure.is_none()), (4, true));
    assert_eq!(bridge.best(), id(&run[3]));
}

#[test]
fn culprit_beyond_the_first_batch_of_signatures_is_found() {
    let maker = Maker::new(2);
    let bridge = in_memory(2, 5);
    let genesis = bridge.header(bridge.genesis_hash()).unwrap().unwrap();
    let mut parent = maker.genesis();
    let mut run = Vec::new();
    for slot in 1..40 {
        let block = maker.block(parent, slot, &[(); 12].map(|()| sign(&stranger())));
        parent = id(&block);
        run.push(block);
    }
    let whole = bridge.check(maker.genesis(), &genesis, run.clone());
    assert_eq!((whole.checked.len(), whole.failure.is_none()), (39, true));
    for at in [0, 18, 19, 38] {
        let mut run = run.clone();
        run[at] = spoil(&maker, &run[at], Flaw::BadSignature);
        let report = bridge.check(maker.genesis(), &genesis, run.clone());
        assert_eq!(report.checked.len(), at);
        let said = report.failure.unwrap().to_string();
        bridge_at(&bridge, &run[..at]);
        let alone = bridge.import(vec![run[at].clone()]).failure.unwrap();
        assert_eq!(said, alone.to_string());
    }
}

fn bridge_at(bridge: &Bridge, blocks: &[Block]) {
    if !blocks.is_empty() {
        import_all(bridge, blocks);
    }
}
