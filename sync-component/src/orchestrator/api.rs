use crate::{
    block_id::BlockId,
    error::NetworkError,
    ports::{Bridge, Clock, Executor, Network, NetworkEvent, PeerId, Randomness},
    registry::{RegistryError, StrategyRegistry},
    settings::SyncSettings,
    status::{StatusReport, SyncStatus},
    wire::{Activity, Roles},
};
use sp_runtime::traits::Block as BlockT;
use std::{sync::Arc, time::Duration};
use tokio::sync::{broadcast, mpsc};

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
    /// The checked `[sync]` table.
    pub settings: SyncSettings,
    /// The strategies to choose from.
    pub registry: StrategyRegistry<B>,
    /// What this node tells its peers to be.
    pub roles: Roles,
    /// When this node may author without votes.
    pub production: ProductionMode,
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

/// Answer of the gate: `Cleared` is the original design's `Ok(true)`, `Held` its `Ok(false)`.
#[derive(Clone, Debug)]
pub enum Clearance<B: BlockT> {
    /// Author on `on`, and on nothing else.
    Cleared {
        /// The block to build on. If it is no longer the best one when our block is imported, drop our block unsent.
        on: BlockId<B>,
        /// Age of the view that cleared it.
        age: Duration,
    },
    /// Author nothing in this slot.
    Held(Hold<B>),
}

impl<B: BlockT> Clearance<B> {
    /// Whether to author.
    pub fn is_cleared(&self) -> bool {
        matches!(self, Self::Cleared { .. })
    }
}

/// Why the gate held. Its text says what ends it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Hold<B: BlockT> {
    /// Behind, or critical.
    #[error("{}", .0)]
    Status(HoldStatus<B>),
    /// The position is not known.
    #[error(transparent)]
    Unverified(NetworkError),
}

/// A status other than in sync, for [`Hold::Status`].
#[derive(Clone, Debug)]
pub struct HoldStatus<B: BlockT>(pub SyncStatus<B>);

impl<B: BlockT> std::fmt::Display for HoldStatus<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            SyncStatus::InSync => f.write_str("in sync"),
            SyncStatus::SmallGap(gap) | SyncStatus::MediumGap(gap) | SyncStatus::LargeGap(gap) => {
                write!(f, "{gap} blocks behind; catching up")
            }
            SyncStatus::Critical(reason) => write!(f, "{reason}"),
        }
    }
}

/// What happened, for logs, metrics and alerts.
#[derive(Clone, Debug)]
pub enum SyncEvent<B: BlockT> {
    /// The verdict changed; the report is the new one.
    StatusChanged(Box<StatusReport<B>>),
    /// The gate let a slot go.
    GateHeld(Hold<B>),
    /// A session of Tier 2 ended.
    CaughtUp {
        /// Our best block after it.
        best: BlockId<B>,
    },
    /// A session of Tier 2 failed; it starts again by itself.
    CatchUpFailed(NetworkError),
    /// A peer was banned.
    PeerBanned {
        /// Who.
        peer: PeerId,
        /// For how long.
        duration: Duration,
    },
}

/// A connected peer, as `system_peers` shows it.
#[derive(Clone, Debug)]
pub struct PeerReport<B: BlockT> {
    /// Who.
    pub peer: PeerId,
    /// What it says to be.
    pub roles: Roles,
    /// What it claims as its best block.
    pub best: BlockId<B>,
    /// What it says to be doing.
    pub activity: Activity,
    /// Age of this entry.
    pub age: Duration,
}

/// The component's face to the node.
pub struct NetworkSyncManager<B: BlockT> {
    parts: Parts<B>,
}

impl<B: BlockT> NetworkSyncManager<B> {
    /// Makes the manager and the strategies that the settings name.
    pub fn new(parts: Parts<B>) -> Result<Self, StartError> {
        Ok(Self { parts })
    }

    /// Does the background work: keeps the view fresh, serves peers, catches up. Returns when `events` ends.
    pub async fn run(&self, events: mpsc::Receiver<NetworkEvent>) {
        drop(events);
    }

    /// The gate (SPEC section 5): may a block be authored in this slot, and on what? `Err` is an internal fault.
    pub async fn sync_before_production(&self) -> Result<Clearance<B>, NetworkError> {
        Err(NetworkError::NotAskedYet)
    }

    /// One round of Tier 1 after the start, and Tier 2 if it finds a gap. With no peers it returns at once and the
    /// background goes on.
    pub async fn sync_on_join(&self) -> Result<SyncStatus<B>, NetworkError> {
        self.get_sync_status()
    }

    /// The newest verdict, without I/O; `Err` with the last reason while unverified.
    pub fn get_sync_status(&self) -> Result<SyncStatus<B>, NetworkError> {
        Err(NetworkError::NotAskedYet)
    }

    /// The whole status object, without I/O.
    pub fn report(&self) -> StatusReport<B> {
        todo!("{:?}", self.parts.bridge)
    }

    /// Connected peers of our chain, without I/O.
    pub fn peers(&self) -> Vec<PeerReport<B>> {
        Vec::new()
    }

    /// What happens from now on. A receiver that lags misses the oldest.
    pub fn events(&self) -> broadcast::Receiver<SyncEvent<B>> {
        broadcast::channel(1).1
    }

    /// The status that this node tells its peers of its own activity.
    pub fn activity(&self) -> Activity {
        Activity::Serving
    }
}
