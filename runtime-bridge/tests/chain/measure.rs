//! What an observer of the chain is told.

use crate::support::{Block, Bridge, Fault, Faulty, Maker, TestRuntime, import_all, reseal, spec};
use kvdb::KeyValueDB;
use runtime_bridge::RuntimeBridge;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use sync_component::{
    Observer,
    observer::{BlockStage, ImportOutcome, StageEnd},
    ports::{ImportBlocks, ReadChain, SystemClock},
};

#[derive(Debug, Default)]
struct Told {
    stages: Mutex<Vec<(BlockStage, StageEnd)>>,
    imports: Mutex<Vec<ImportOutcome>>,
}

impl Observer for Told {
    fn stage(&self, stage: BlockStage, end: StageEnd, _: Duration) {
        self.stages.lock().unwrap().push((stage, end));
    }

    fn imported(&self, outcome: ImportOutcome) {
        self.imports.lock().unwrap().push(outcome);
    }
}

impl Told {
    fn take(&self) -> (Vec<(BlockStage, StageEnd)>, Vec<ImportOutcome>) {
        let stages = std::mem::take(&mut *self.stages.lock().unwrap());
        (stages, std::mem::take(&mut *self.imports.lock().unwrap()))
    }
}

const EXECUTED: (BlockStage, StageEnd) = (BlockStage::Execute, StageEnd::Passed);
const VERIFIED: (BlockStage, StageEnd) = (BlockStage::Verify, StageEnd::Passed);
const COMMITTED: (BlockStage, StageEnd) = (BlockStage::Commit, StageEnd::Passed);

fn observed() -> (Arc<Faulty>, Bridge, Arc<Told>) {
    let (db, told) = (Arc::new(Faulty::new()), Arc::new(Told::default()));
    let shared: Arc<dyn KeyValueDB> = db.clone();
    let bridge: RuntimeBridge<Block, TestRuntime> = Bridge::over(
        shared,
        &spec(2, 5),
        TestRuntime,
        Arc::new(SystemClock::new()),
    )
    .unwrap();
    (db, bridge.observed_by(told.clone()), told)
}

#[test]
fn good_blocks_pass_each_stage_and_are_written_at_once() {
    let maker = Maker::new(2);
    let (_, bridge, told) = observed();
    import_all(&bridge, &maker.run(maker.genesis(), 1..3));
    let (stages, imports) = told.take();
    assert_eq!(stages, [VERIFIED, EXECUTED, VERIFIED, EXECUTED, COMMITTED]);
    assert_eq!(imports, [ImportOutcome::Success; 2]);
}

#[test]
fn run_that_is_checked_is_one_observation_and_its_import_verifies_nothing() {
    let maker = Maker::new(2);
    let (_, bridge, told) = observed();
    let genesis = bridge.header(maker.genesis().hash).unwrap().unwrap();
    let run = maker.run(maker.genesis(), 1..3);
    let report = bridge.check(maker.genesis(), &genesis, run.clone());
    assert_eq!(told.take(), (vec![VERIFIED], vec![]));
    bridge.import_checked(report.checked);
    let (stages, imports) = told.take();
    assert_eq!(stages, [EXECUTED, EXECUTED, COMMITTED]);
    assert_eq!(imports, [ImportOutcome::Success; 2]);

    let wrong_seal = reseal(run[0].clone(), maker.key(0));
    let report = bridge.check(maker.genesis(), &genesis, vec![wrong_seal]);
    assert!(report.failure.is_some());
    assert_eq!(told.take().0, [(BlockStage::Verify, StageEnd::Failed)]);
}

#[test]
fn refused_block_is_told_by_what_is_wrong_with_it() {
    let maker = Maker::new(2);
    let (_, bridge, told) = observed();
    let run = maker.run(maker.genesis(), 1..4);
    import_all(&bridge, &run[..1]);
    told.take();

    let wrong_seal = reseal(run[1].clone(), maker.key(1));
    bridge.import(vec![wrong_seal]);
    let (stages, imports) = told.take();
    assert_eq!(stages[0], (BlockStage::Verify, StageEnd::Failed));
    assert_eq!(imports, [ImportOutcome::VerificationFailed]);

    let mut wrong_root = run[1].clone();
    wrong_root.header.state_root = sp_core::H256::zero();
    bridge.import(vec![reseal(wrong_root, maker.key(2))]);
    let (stages, imports) = told.take();
    assert_eq!(
        stages[..2],
        [VERIFIED, (BlockStage::Execute, StageEnd::Failed)]
    );
    assert_eq!(imports, [ImportOutcome::BadBlock]);

    bridge.import(vec![run[2].clone()]);
    assert_eq!(told.take().1, [ImportOutcome::UnknownParent]);
}

#[test]
fn disk_that_fails_is_a_failed_commit() {
    let maker = Maker::new(2);
    let (db, bridge, told) = observed();
    db.set(Fault::NoWrites);
    bridge.import(maker.run(maker.genesis(), 1..3));
    let (stages, imports) = told.take();
    assert_eq!(stages.last(), Some(&(BlockStage::Commit, StageEnd::Failed)));
    assert_eq!(imports, [ImportOutcome::Failed]);
}
