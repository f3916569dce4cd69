//! `benchmark gate`: how long a decision of the gate takes, from the cache and afresh (SPEC section 5).
//!
//! A node under test and its peers, each with a swarm of its own, in one process over TCP on loopback; between them a relay
//! that makes the round trip. All of them hold the same chain, so the gate clears.
//!
//! - **Cached**: [`sync_before_production`](sync_component::NetworkSyncManager::sync_before_production) while the view is
//!   fresh, as in nearly every slot.
//! - **Fresh**: the same call when everything that was heard is too old to count. All peers are asked at once; it returns as
//!   soon as no missing answer can change the outcome.
//! - **The round trip of the peer that completes it**: a status request to each peer, one after the other on idle lines, by
//!   the same swarm. With k the number of answers that the quickest of the fresh decisions had, the k-th shortest of these.
//!   So a fresh decision is held against what the network takes when the machine has nothing else to do.
//!
//! Two things are arranged, or nothing would ever be asked: the node under test does not ask by itself in the background
//! (`poll_slots`), and its peers tell nothing that they are not asked. With a strategy that counts attestations each peer is
//! an authority, and so is the node under test; elsewhere there is one authority, the node under test.
//!
//! A mute peer takes the connection and every request, and never answers.

mod figures;
mod peers;
mod samples;
#[cfg(test)]
mod tests;
mod world;

pub use figures::GateFigures;

use super::{
    BenchmarkError, Machine, Watch,
    stage::{play, unless_stopped},
};
use samples::sample;
use std::{num::NonZeroUsize, time::Duration};
use sync_component::{StrategyRegistry, SyncSettings, height_sync::Electorate};
use world::World;

/// What is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatePlan {
    /// Peers that answer.
    pub peers: NonZeroUsize,
    /// Time there and back.
    pub round_trip: Duration,
    /// Peers that never answer.
    pub mute: usize,
    /// The strategy of Tier 1.
    pub strategy: String,
    /// How many fresh decisions are made; the median counts.
    pub rounds: NonZeroUsize,
}

/// Whose votes the strategy counts. Refuses one that is not registered.
fn electorate(strategy: &str) -> Result<Electorate, BenchmarkError> {
    let mut settings = SyncSettings::default();
    settings.strategies.tier1 = Some(strategy.to_owned());
    let registry = StrategyRegistry::<crate::Block>::with_builtins();
    Ok(registry.height(&settings)?.electorate())
}

/// Measures. Nothing is left behind, whatever the end.
pub fn run<W: Watch>(plan: &GatePlan, watch: &mut W) -> Result<GateFigures, BenchmarkError> {
    let electorate = electorate(&plan.strategy)?;
    let scratch = tempfile::Builder::new()
        .prefix("benchmark-")
        .tempdir()
        .map_err(|source| BenchmarkError::Path {
            path: std::env::temp_dir(),
            source,
        })?;
    let samples = play(watch, async |watch| {
        watch.told(super::Told::Doing("meeting the peers"));
        let world = World::new(plan, electorate, scratch.path());
        let mut world = unless_stopped(watch, Box::pin(world)).await?;
        unless_stopped(watch, world.meet()).await?;
        watch.told(super::Told::Doing("asking the gate"));
        unless_stopped(watch, sample(&world, plan)).await
    })?;
    Ok(GateFigures::of(plan, Machine::here(), &samples))
}
