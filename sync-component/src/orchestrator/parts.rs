use crate::{
    observer::Observer,
    peers::Ledger,
    ports::{Bridge, Clock, Executor, Network, Randomness},
    registry::{RegistryError, StrategyRegistry},
    settings::SyncSettings,
    wire::Roles,
};
use sp_runtime::traits::Block as BlockT;
use std::sync::Arc;

/// What the manager is made of.
pub struct Parts<B: BlockT> {
    /// The chain.
    pub bridge: Arc<dyn Bridge<B>>,
    /// The network.
    pub network: Arc<dyn Network>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Seeds.
    pub randomness: Arc<dyn Randomness>,
    /// Where blocking work goes.
    pub executor: Arc<dyn Executor>,
    /// Who measures; [`Unobserved`](crate::observer::Unobserved) if nobody does.
    pub observer: Arc<dyn Observer>,
    /// The checked `[sync]` table.
    pub settings: SyncSettings,
    /// The strategies to choose from.
    pub registry: StrategyRegistry<B>,
    /// What this node tells its peers to be.
    pub roles: Roles,
    /// When this node may author without votes.
    pub production: ProductionMode,
    /// What is remembered of peers.
    pub ledger: Ledger,
    /// Who brings blocks.
    pub fetching: Fetching,
}

/// Who brings blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetching {
    /// Tier 2, by itself.
    Tier2,
    /// Nothing but a run of Tier 3, for an operator who resyncs without a node. It says of itself that it is syncing, so that
    /// nobody counts its vote.
    Tier3,
}

/// When this node may author without votes (SPEC section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProductionMode {
    /// Never: a chain of several authorities.
    Voted,
    /// A chain with a single authority. `AwaitPeers` if other nodes may know more of the chain than we do: an empty
    /// store, and bootnodes, reserved or remembered peers, or a `signed` record.
    SingleAuthority(FirstAnswer),
    /// `--force-authoring`: counts only while no connected peer has a block above genesis.
    Forced(FirstAnswer),
    /// `--force-authoring --isolated`: no network at all.
    ForcedIsolated,
}

/// Whether the first block waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstAnswer {
    /// There is nobody to wait for, or our store is not empty.
    NotNeeded,
    /// Wait up to `tier1_timeout_secs` for one.
    AwaitPeers,
}

/// Why the manager could not be made. The start of the node fails with it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A strategy named in the settings is not there, or refuses its settings.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}
