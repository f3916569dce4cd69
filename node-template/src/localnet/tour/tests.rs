#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

mod fake;

use super::{Audience, Step, StepError, TourFailure, play};
use crate::localnet::NodeRow;
use fake::{Fake, Sabotage};
use std::time::Duration;

#[derive(Default)]
struct Notes {
    passed: Vec<&'static str>,
    failed: Vec<&'static str>,
}

impl Audience for Notes {
    fn step_begins(&mut self, _step: Step) {}
    fn nodes(&mut self, _rows: &[NodeRow]) {}
    fn step_passed(&mut self, step: Step, _took: Duration) {
        self.passed.push(step.name());
    }
    fn step_failed(&mut self, failure: &TourFailure) {
        self.failed.push(failure.step.name());
    }
}

async fn sabotaged(sabotage: Sabotage) -> (Notes, TourFailure) {
    let mut notes = Notes::default();
    let failure = play(&mut Fake::with(sabotage), &mut notes)
        .await
        .unwrap_err();
    (notes, failure)
}

#[tokio::test(start_paused = true)]
async fn healthy_network_passes_every_step() {
    let mut notes = Notes::default();
    let passed = play(&mut Fake::with(Sabotage::None), &mut notes)
        .await
        .unwrap();
    assert_eq!(passed, Step::ALL.len());
    assert_eq!(notes.passed, Step::ALL.map(Step::name));
    assert!(notes.failed.is_empty());
}

#[tokio::test(start_paused = true)]
async fn network_that_authors_nothing_fails_at_author() {
    let (notes, failure) = sabotaged(Sabotage::NoBlocks).await;
    assert_eq!(failure.step, Step::Author);
    assert!(notes.passed.is_empty());
    assert_eq!(notes.failed, ["author"]);
    let text = failure.to_string();
    assert!(text.contains("hold one block at height 1"), "{text}");
    assert!(!failure.log.is_empty());
}

#[tokio::test(start_paused = true)]
async fn validators_on_two_chains_fail_at_author() {
    let (_, failure) = sabotaged(Sabotage::TwoChains).await;
    assert_eq!(failure.step, Step::Author);
    assert!(matches!(failure.source, StepError::Missed(_)), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn idle_validator_fails_at_author() {
    let (_, failure) = sabotaged(Sabotage::IdleValidator).await;
    assert_eq!(failure.step, Step::Author);
    assert!(
        matches!(failure.source, StepError::Idle { authored: 3, .. }),
        "{failure}"
    );
}

#[tokio::test(start_paused = true)]
async fn newcomer_that_does_not_fetch_fails_at_join() {
    let (notes, failure) = sabotaged(Sabotage::JoinsNothing).await;
    assert_eq!(failure.step, Step::Join);
    assert_eq!(notes.passed, ["author"]);
    assert!(failure.to_string().contains("newcomer"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn newcomer_that_stops_following_fails_at_join() {
    let (_, failure) = sabotaged(Sabotage::FollowsNothing).await;
    assert_eq!(failure.step, Step::Join);
}

#[tokio::test(start_paused = true)]
async fn newcomer_that_dies_fails_at_join_at_once() {
    let (_, failure) = sabotaged(Sabotage::NewcomerDies).await;
    assert_eq!(failure.step, Step::Join);
    assert!(
        matches!(failure.source, StepError::Died { .. }),
        "{failure}"
    );
}

#[tokio::test(start_paused = true)]
async fn node_that_does_not_start_again_fails_at_catch_up() {
    let (notes, failure) = sabotaged(Sabotage::NoRestart).await;
    assert_eq!(failure.step, Step::FallBehind);
    assert_eq!(notes.passed, ["author", "join"]);
}

#[tokio::test(start_paused = true)]
async fn node_that_does_not_catch_up_fails_at_catch_up() {
    let (_, failure) = sabotaged(Sabotage::CatchesNothingUp).await;
    assert_eq!(failure.step, Step::FallBehind);
    assert!(failure.to_string().contains("in sync"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn network_that_stops_while_a_node_is_away_fails_at_catch_up() {
    let (_, failure) = sabotaged(Sabotage::NetworkStops).await;
    assert_eq!(failure.step, Step::FallBehind);
}

#[tokio::test(start_paused = true)]
async fn each_step_of_the_operator_fails_where_it_is_sabotaged() {
    let cases = [
        (
            Sabotage::AuthorsNoFork,
            Step::DeadFork,
            "deeper than tier2_max_reorg",
        ),
        (Sabotage::SeesNoFork, Step::DeadFork, "critical"),
        (Sabotage::ResyncFails, Step::Resync, "`resync` failed"),
        (Sabotage::ResyncChangesNothing, Step::Resync, "in sync"),
        (Sabotage::NoBackup, Step::Restore, "0 backups"),
        (
            Sabotage::OtherBackup,
            Step::Restore,
            "where the old one did",
        ),
    ];
    for (sabotage, step, expected) in cases {
        let (_, failure) = sabotaged(sabotage).await;
        assert_eq!(failure.step, step, "{failure}");
        assert!(failure.to_string().contains(expected), "{failure}");
    }
}
