use super::Hold;
use crate::{
    attestation::Equivocation,
    block_id::BlockId,
    error::NetworkError,
    ports::PeerId,
    status::{Duty, StatusReport},
    wire::{Activity, Roles},
};
use sp_runtime::traits::Block as BlockT;
use std::time::Duration;

/// What happened, for logs, metrics and alerts.
#[derive(Clone, Debug)]
pub enum SyncEvent<B: BlockT> {
    /// The verdict changed; the report is the new one.
    StatusChanged(Box<StatusReport<B>>),
    /// The gate cleared a slot after a look at the votes, for a block on this one.
    GateCleared {
        /// The block to build on.
        on: BlockId<B>,
    },
    /// The gate let a slot go.
    GateHeld(Hold<B>),
    /// A session of Tier 2 ended.
    CaughtUp {
        /// Our best block after it.
        best: BlockId<B>,
    },
    /// A session of Tier 2 failed; it starts again by itself.
    CatchUpFailed(NetworkError),
    /// A session of Tier 2 panicked: a fault of this program. It starts again by itself.
    CatchUpPanicked,
    /// An authority signed two things that exclude each other. Nobody is charged for carrying them.
    Equivocation(Equivocation<B>),
    /// This node had to sign something and could not, for a reason of its own. It is tried again when the next is due.
    NotSigned {
        /// What.
        duty: Duty,
        /// Why, and what to do.
        why: String,
    },
    /// A peer was banned.
    PeerBanned {
        /// Who.
        peer: PeerId,
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
    /// Whether it is *with us* (SPEC section 0); unknown while it did not tell its hash at our height.
    pub agrees: Option<bool>,
    /// Age of this entry.
    pub age: Duration,
}
