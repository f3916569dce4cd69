//! What is counted of what the component tells.

use super::super::meter::Meter;
use std::time::Duration;
use sync_component::{
    Observer,
    observer::{BlockStage, ImportOutcome, StageEnd},
    ports::Protocol,
};

#[test]
fn span_begins_with_the_earliest_request_and_ends_with_the_last_good_import() {
    let meter = Meter::default();
    assert_eq!(meter.span(), None);
    meter.answered(Protocol::Status, Duration::from_millis(10));
    assert_eq!(meter.span(), None);
    meter.answered(Protocol::Blocks, Duration::from_millis(500));
    meter.imported(ImportOutcome::BadBlock);
    assert_eq!(meter.span(), None);
    meter.imported(ImportOutcome::Success);
    let first = meter.span().unwrap();
    assert!(first >= Duration::from_millis(500));
    meter.imported(ImportOutcome::Success);
    assert!(meter.span().unwrap() >= first);
    assert_eq!(meter.statuses(), 1);
}

#[test]
fn stages_add_up_each_for_itself() {
    let meter = Meter::default();
    let micros = Duration::from_micros;
    meter.stage(BlockStage::Verify, StageEnd::Passed, micros(3));
    meter.stage(BlockStage::Verify, StageEnd::Failed, micros(4));
    meter.stage(BlockStage::Commit, StageEnd::Passed, micros(5));
    let of = |wanted| {
        let mut stages = meter.stages();
        stages.find(|(stage, _)| *stage == wanted).unwrap().1
    };
    assert_eq!(of(BlockStage::Verify), micros(7));
    assert_eq!(of(BlockStage::Commit), micros(5));
    assert_eq!(of(BlockStage::Download), Duration::ZERO);
    assert_eq!(meter.stages().count(), BlockStage::ALL.len());
}
