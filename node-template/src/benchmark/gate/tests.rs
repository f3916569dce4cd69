//! The world in which the gate is measured.

use super::{GatePlan, samples::alone, world::World};
use crate::benchmark::BenchmarkError;
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
