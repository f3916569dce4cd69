//! Taking the times.

use super::{GatePlan, world::World};
use crate::{Block, benchmark::BenchmarkError};
use codec::Encode;
use std::time::{Duration, Instant};
use sync_component::{
    orchestrator::Clearance,
    ports::{Network, PeerId, Protocol},
    wire::StatusRequest,
};

/// Cached decisions after each fresh one.
const CACHED_PER_ROUND: usize = 1_000;

/// Status requests to each peer alone; the shortest counts, as nothing else can make one shorter than the line is.
const ALONE: usize = 3;

/// For the background to judge what a fresh round brought, and for answers that came too late for it.
const SETTLE: Duration = Duration::from_millis(200);

/// What was measured, unsorted.
#[derive(Clone, Debug, Default)]
pub(super) struct Samples {
    /// Cached decisions.
    pub(super) cached: Vec<Duration>,
    /// Fresh decisions.
    pub(super) fresh: Vec<Fresh>,
    /// The round trip of each peer, alone.
    pub(super) round_trips: Vec<Duration>,
}

/// A fresh decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fresh {
    pub(super) took: Duration,
    /// Answers that had come when it was made.
    pub(super) answers: u64,
}

/// Measures everything, one after the other.
pub(super) async fn sample(world: &World, plan: &GatePlan) -> Result<Samples, BenchmarkError> {
    let mut samples = Samples::default();
    let settle = SETTLE + plan.round_trip.saturating_mul(2);
    for _ in 0..plan.rounds.get() {
        tokio::time::sleep(world.stale_after + settle).await;
        samples.fresh.push(fresh(world).await?);
        tokio::time::sleep(settle).await;
        for _ in 0..CACHED_PER_ROUND {
            samples.cached.push(decide(world).await?);
        }
    }
    for peer in &world.answering {
        samples.round_trips.push(alone(world, peer).await?);
    }
    Ok(samples)
}

/// The round trip of a status request to `peer` while nothing else is under way.
pub(super) async fn alone(world: &World, peer: &PeerId) -> Result<Duration, BenchmarkError> {
    let mut shortest = Duration::MAX;
    for _ in 0..ALONE {
        let begun = Instant::now();
        let body = StatusRequest::<Block>::Status.encode();
        let answer = world.node.network.request(peer, Protocol::Status, body);
        answer.await.map_err(BenchmarkError::NoAnswer)?;
        shortest = shortest.min(begun.elapsed());
    }
    Ok(shortest)
}

async fn fresh(world: &World) -> Result<Fresh, BenchmarkError> {
    let before = world.meter.statuses();
    let took = decide(world).await?;
    let answers = world.meter.statuses().saturating_sub(before);
    if answers == 0 {
        return Err(BenchmarkError::NotFresh);
    }
    Ok(Fresh { took, answers })
}

/// One decision, which has to clear.
async fn decide(world: &World) -> Result<Duration, BenchmarkError> {
    let begun = Instant::now();
    let answer = world.node.manager.sync_before_production().await;
    let took = begun.elapsed();
    match answer.map_err(BenchmarkError::Gate)? {
        Clearance::Cleared { .. } => Ok(took),
        Clearance::Held(hold) => Err(BenchmarkError::Held {
            reason: hold.to_string(),
        }),
    }
}
