//! `benchmark sync`: how fast a fresh node joins (SPEC sections 6 and 14).
//!
//! A chain of sealed blocks is built once and kept. Then, one after the other:
//!
//! 1. the bound of this machine for such blocks ([`limits`]);
//! 2. the same chain from a file, as `import-blocks` does it, in a process of its own;
//! 3. the sync: the peers in one process, over one store; the joining node in another, with a fresh store on the same disk.
//!    Between them TCP on loopback, and if a round trip is asked for a relay, in the servers' process.
//!
//! The clock runs from the first request, which is one for a status, to the last import. CPU time and memory are those of the
//! joining process from its start to its end. The chain has one authority, so `tip-quorum` counts the peers' votes; its last
//! slot lies in the past.
//!
//! A mute peer says where it stands and then never answers for headers or blocks: one that says nothing at all would not be
//! asked. A lying one hands out blocks whose last has another body than its header says.

pub(super) mod chain;
mod figures;
mod import;
pub(super) mod join;
pub(super) mod report;
pub(super) mod serve;
#[cfg(test)]
mod tests;
pub(super) mod worker;

pub use figures::SyncFigures;
pub use report::{Order, Report};

use super::{
    BenchmarkError, Told, Watch,
    ground::Accounts,
    limits::{self, Effort, LimitsPlan},
};
use chain::ChainPlan;
use import::ImportOrder;
use join::JoinOrder;
use serve::ServeOrder;
use std::{
    fs,
    num::{NonZeroU32, NonZeroUsize},
    path::Path,
    time::Duration,
};
use sync_component::{StrategyRegistry, SyncSettings};
use worker::Worker;

/// What is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncPlan {
    /// Blocks above genesis.
    pub blocks: NonZeroU32,
    /// Transfers in each.
    pub transfers: usize,
    /// Peers that answer.
    pub peers: NonZeroUsize,
    /// Time there and back.
    pub round_trip: Duration,
    /// Peers that withhold what they are asked for.
    pub mute: usize,
    /// Peers that lie.
    pub lying: usize,
    /// The strategy of Tier 2.
    pub strategy: String,
    /// How long the parts of the bound are measured.
    pub effort: Effort,
}

/// Measures. The chain is kept in `base`; nothing else is left behind, whatever the end.
pub fn run<W: Watch>(
    plan: &SyncPlan,
    base: &Path,
    watch: &mut W,
) -> Result<SyncFigures, BenchmarkError> {
    let mut settings = SyncSettings::default();
    settings.strategies.tier2 = Some(plan.strategy.clone());
    StrategyRegistry::<crate::Block>::with_builtins().fetch(&settings)?;
    let folder = base.join("benchmark");
    let unusable = |source| BenchmarkError::Path {
        path: folder.clone(),
        source,
    };
    fs::create_dir_all(&folder).map_err(unusable)?;
    let chain_plan = ChainPlan {
        blocks: plan.blocks,
        transfers: plan.transfers,
        accounts: Accounts::default(),
    };
    let chain = chain::ready(&folder, &chain_plan, watch)?;
    let limits = LimitsPlan {
        transfers: plan.transfers,
        effort: plan.effort,
    };
    let limits = limits::run(limits, &folder, watch)?;
    // Dropped after the workers that write there.
    let scratch = tempfile::Builder::new()
        .prefix("stores-")
        .tempdir_in(&folder)
        .map_err(unusable)?;

    watch.told(Told::Doing("importing from a file"));
    let order = Order::Import(ImportOrder {
        store: scratch.path().join("imported"),
        file: chain.file.clone(),
        blocks: plan.blocks,
    });
    let mut importer = Worker::start(&order)?;
    let from_file = importer.imported(plan.blocks, watch)?;
    drop(importer);

    watch.told(Told::Doing("starting the servers"));
    let mut servers = Worker::start(&Order::Serve(ServeOrder {
        folder: chain.folder.clone(),
        accounts: chain_plan.accounts,
        peers: plan.peers,
        mute: plan.mute,
        lying: plan.lying,
        round_trip: plan.round_trip,
    }))?;
    let addresses = servers.serving(watch)?;
    let mut joiner = Worker::start(&Order::Join(JoinOrder {
        store: scratch.path().join("joined"),
        accounts: chain_plan.accounts,
        strategy: plan.strategy.clone(),
        addresses,
        tip: chain.tip,
    }))?;
    let result = joiner.joined(plan.blocks, watch)?;
    drop(joiner);
    let served = servers.served(watch)?;
    drop(servers);
    scratch.close().map_err(unusable)?;
    Ok(SyncFigures::of(plan, &limits, from_file, result, served))
}

/// Does the part of a worker: this process was started by [`run`]. Tells how far it is; ends when standard input does.
pub fn work(order: Order, tell: &mut (dyn FnMut(&Report) + Send)) -> Result<(), BenchmarkError> {
    match order {
        Order::Serve(order) => serve::serve(&order, tell),
        Order::Join(order) => {
            worker::end_with_the_parent().map_err(BenchmarkError::System)?;
            join::join(order, tell)
        }
        Order::Import(order) => {
            worker::end_with_the_parent().map_err(BenchmarkError::System)?;
            import::import(&order, tell)
        }
    }
}
