//! The world in which the gate is measured.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on should stop where it is"
)]

use super::{
    GateFigures, GatePlan,
    samples::{Fresh, Samples, alone},
    world::World,
};
use crate::benchmark::{BenchmarkError, Machine};
use std::{num::NonZeroUsize, time::Duration};
use sync_component::height_sync::Electorate;

fn plan(round_trip: Duration) -> GatePlan {
    GatePlan {
        peers: NonZeroUsize::new(2).unwrap(),
        round_trip,
        mute: 0,
        strategy: "tip-quorum".to_owned(),
        rounds: NonZeroUsize::MIN,
    }
}

/// A stream names its protocol first. Waiting for the answer to that would make two round trips of one.
#[tokio::test(flavor = "multi_thread")]
async fn request_takes_one_round_trip_and_not_two() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(Duration::from_millis(600));
    let world = World::new(&plan, Electorate::Peers, folder.path()).await;
    let mut world = world.unwrap();
    world.meet().await.unwrap();
    let took = alone(&world, &world.answering[0]).await.unwrap();
    assert!(took >= plan.round_trip, "{took:?}");
    assert!(took < plan.round_trip * 2, "{took:?}");
}

#[test]
fn strategy_that_is_none_is_refused_with_the_names_there_are() {
    let error = super::electorate("nonsense").unwrap_err();
    assert!(matches!(error, BenchmarkError::Strategy(_)));
    let text = error.to_string();
    assert!(
        text.contains("nonsense") && text.contains("tip-quorum"),
        "{text}"
    );
}

#[test]
fn fresh_decision_is_held_against_the_peer_whose_answer_was_the_last_that_it_had() {
    let millis = Duration::from_millis;
    let fresh = |took, answers| Fresh {
        took: millis(took),
        answers,
    };
    let samples = Samples {
        cached: (1..=100).map(Duration::from_nanos).collect(),
        // In the first one answers came that were not needed any more.
        fresh: vec![fresh(90, 5), fresh(60, 3), fresh(70, 3)],
        round_trips: vec![millis(55), millis(51), millis(53), millis(59), millis(57)],
    };
    let figures = GateFigures::of(&plan(millis(50)), Machine::here(), &samples);
    assert_eq!(figures.cached, Duration::from_nanos(51));
    assert_eq!(figures.fresh, millis(70));
    assert_eq!(figures.quorum_round_trip, millis(55));
    assert!((figures.ratio() - 70.0 / 55.0).abs() < 1e-9);
    let text = figures.to_string();
    assert!(text.contains("made with 3 answers"), "{text}");
}
