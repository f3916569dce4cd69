//! `benchmark resync`: how long Tier 3 takes, and for how long the node does not serve (SPEC sections 7 and 14).
//!
//! 1. The chain of `benchmark sync`, built once and kept.
//! 2. A fresh node joins, as in `benchmark sync`: what a resync is measured against, on the same chain with as many peers.
//! 3. A real node, in a process of its own, runs on the store that has just been made. Its peers are its reserved nodes, so it
//!    trusts them. It is told to resync, by the RPC call that `resync` makes, and fetches the whole chain once more.
//!
//! The time of the resync runs from the order to the moment at which the node says that the new chain is live. While it goes on
//! the node is asked for its health all the time. The pause is the longest time between two answers around the exchange of the
//! stores, from when the node was last seen at work to when the new chain was first seen live. It is what a client sees,
//! with whatever the machine does beside; no less than the time in which nothing is served. The disk is looked at ten times
//! a second.

mod figures;
mod node;
mod watched;

pub use figures::ResyncFigures;

use self::watched::DiskWatch;
use super::{
    BenchmarkError, Told, Watch,
    ground::Accounts,
    stage::play,
    sync::{
        Order,
        chain::{self, ChainPlan, Ready},
        join::JoinOrder,
        report::{Joined, Served},
        serve::ServeOrder,
        worker::Worker,
    },
};
use std::{
    fs,
    num::{NonZeroU32, NonZeroUsize},
    path::Path,
    time::Duration,
};
use sync_component::{StrategyRegistry, SyncSettings, registry::defaults};

/// What is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResyncPlan {
    /// Blocks above genesis.
    pub blocks: NonZeroU32,
    /// Accounts with a balance.
    pub accounts: NonZeroUsize,
    /// Transfers in each block.
    pub transfers: usize,
    /// Peers that serve.
    pub peers: NonZeroUsize,
    /// The strategy of Tier 3.
    pub strategy: String,
}

/// Measures. The chain is kept in `base`; nothing else is left behind, whatever the end.
pub fn run<W: Watch>(
    plan: &ResyncPlan,
    base: &Path,
    watch: &mut W,
) -> Result<ResyncFigures, BenchmarkError> {
    let mut settings = SyncSettings::default();
    settings.strategies.tier3 = Some(plan.strategy.clone());
    StrategyRegistry::<crate::Block>::with_builtins().resync(&settings)?;
    let folder = base.join("benchmark");
    let unusable = |source| BenchmarkError::Path {
        path: folder.clone(),
        source,
    };
    fs::create_dir_all(&folder).map_err(unusable)?;
    let chain_plan = ChainPlan {
        blocks: plan.blocks,
        transfers: plan.transfers,
        accounts: Accounts(plan.accounts.get()),
    };
    let chain = chain::ready(&folder, &chain_plan, watch)?;
    // Dropped after the processes that write there.
    let scratch = tempfile::Builder::new()
        .prefix("stores-")
        .tempdir_in(&folder)
        .map_err(unusable)?;
    let store = scratch.path().join("joined");
    let (joined, store_peak) = join(plan, &chain_plan, &chain, &store, watch)?;

    watch.told(Told::Doing("starting the servers"));
    let (mut servers, addresses) = serve(plan, &chain_plan, &chain, watch)?;
    let order = node::NodePlan {
        base: scratch.path().join("node"),
        store,
        spec: chain::spec(chain_plan.accounts),
        strategy: plan.strategy.clone(),
        addresses,
    };
    let measured = play(watch, async |watch| node::resync(order, watch).await)?;
    let served: Served = servers.served(watch)?;
    drop(servers);
    scratch.close().map_err(unusable)?;
    Ok(ResyncFigures::of(
        plan, &joined, store_peak, &measured, served,
    ))
}

fn serve<W: Watch>(
    plan: &ResyncPlan,
    chain_plan: &ChainPlan,
    chain: &Ready,
    watch: &mut W,
) -> Result<(Worker, Vec<String>), BenchmarkError> {
    let mut servers = Worker::start(&Order::Serve(ServeOrder {
        folder: chain.folder.clone(),
        accounts: chain_plan.accounts,
        peers: plan.peers,
        mute: 0,
        lying: 0,
        round_trip: Duration::ZERO,
    }))?;
    let addresses = servers.serving(watch)?;
    Ok((servers, addresses))
}

/// The fresh join, into `store`, and the most that this held.
fn join<W: Watch>(
    plan: &ResyncPlan,
    chain_plan: &ChainPlan,
    chain: &Ready,
    store: &Path,
    watch: &mut W,
) -> Result<(Joined, u64), BenchmarkError> {
    watch.told(Told::Doing("starting the servers"));
    let (mut servers, addresses) = serve(plan, chain_plan, chain, watch)?;
    let mut newcomer = Worker::start(&Order::Join(JoinOrder {
        store: store.to_owned(),
        accounts: chain_plan.accounts,
        strategy: defaults::TIER2.to_owned(),
        addresses,
        tip: chain.tip,
    }))?;
    let disk = DiskWatch::begin(store);
    let joined = newcomer.joined(plan.blocks, watch)?;
    drop(newcomer);
    servers.served(watch)?;
    Ok((joined, disk.end()))
}
