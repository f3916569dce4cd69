//! [`Observer`]: who measures this component. It counts nothing itself, so that it depends on no metrics library.

use crate::{
    ports::{ImportError, Protocol},
    status::Tier,
};
use sp_runtime::traits::Block as BlockT;
use std::{fmt, time::Duration};

/// Is told of every measurement as it happens, from any thread. Calls must be short and must not block; whoever has no
/// use for one leaves it out.
pub trait Observer: fmt::Debug + Send + Sync {
    /// One stage of the work on blocks ended: for a reply of several blocks (`Download`, `Decode`), for one block
    /// (`Verify`, `Execute`), or for one write (`Commit`).
    fn stage(&self, stage: BlockStage, end: StageEnd, took: Duration) {
        let _ = (stage, end, took);
    }

    /// A block of others was imported, or was not.
    fn imported(&self, outcome: ImportOutcome) {
        let _ = outcome;
    }

    /// A peer answered a request after this time.
    fn answered(&self, protocol: Protocol, took: Duration) {
        let _ = (protocol, took);
    }

    /// A request for blocks failed and another one takes its place, or could.
    fn retried(&self) {}

    /// A tier did its work once. Tier 1: from the first question of a round until all peers that were asked have answered
    /// or were given up. Tier 2: one session. Tier 3: one run up to the exchange of the stores.
    fn tier_ended(&self, tier: Tier, took: Duration) {
        let _ = (tier, took);
    }

    /// The voters were asked whether a staged chain is theirs.
    fn chain_validated(&self, took: Duration) {
        let _ = took;
    }

    /// The status became critical for a fork that leaves our chain at a block where none did before.
    fn fork_detected(&self) {}

    /// An authority signed what no authority may: evidence of it is new here.
    fn equivocation_found(&self, kind: EquivocationKind) {
        let _ = kind;
    }

    /// The gate decided about a slot of ours.
    fn gate(&self, decision: GateDecision) {
        let _ = decision;
    }
}

/// Measures nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Observer for Unobserved {}

/// What an authority signed twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EquivocationKind {
    /// Two headers for one slot.
    Headers,
    /// Two attestations with one counter.
    Attestations,
}

impl EquivocationKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Headers, Self::Attestations];

    /// Its name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Headers => "headers",
            Self::Attestations => "attestations",
        }
    }
}

/// What happens to a block on its way in, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BlockStage {
    /// From the request to the bytes of the reply.
    Download,
    /// From the bytes to blocks.
    Decode,
    /// Everything that needs no state: links, seals, roots, signatures.
    Verify,
    /// Running it at its parent's state.
    Execute,
    /// Fork choice, finality and the write.
    Commit,
}

impl BlockStage {
    /// All, in order.
    pub const ALL: [Self; 5] = [
        Self::Download,
        Self::Decode,
        Self::Verify,
        Self::Execute,
        Self::Commit,
    ];

    /// Its name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Download => "download",
            Self::Decode => "decode",
            Self::Verify => "verify",
            Self::Execute => "execute",
            Self::Commit => "commit",
        }
    }
}

/// How a stage ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageEnd {
    /// What came in goes on to the next stage.
    Passed,
    /// It does not.
    Failed,
}

impl StageEnd {
    /// The end of a stage with this result.
    pub const fn of<T, E>(result: &Result<T, E>) -> Self {
        match result {
            Ok(_) => Self::Passed,
            Err(_) => Self::Failed,
        }
    }
}

/// What became of a block of others. The names are those of Substrate's import queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ImportOutcome {
    /// It is stored.
    Success,
    /// Something that can be seen without state is wrong with it.
    VerificationFailed,
    /// It fails in execution.
    BadBlock,
    /// Its parent is not stored.
    UnknownParent,
    /// Any other reason: our store failed, or the chain has moved on past it.
    Failed,
}

impl ImportOutcome {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Success,
        Self::VerificationFailed,
        Self::BadBlock,
        Self::UnknownParent,
        Self::Failed,
    ];

    /// Its name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::VerificationFailed => "verification_failed",
            Self::BadBlock => "bad_block",
            Self::UnknownParent => "unknown_parent",
            Self::Failed => "failed",
        }
    }

    /// The outcome of the block that `error` refuses.
    pub fn of<B: BlockT>(error: &ImportError<B>) -> Self {
        use crate::ports::BlockFault;
        match error {
            ImportError::UnknownParent { .. } => Self::UnknownParent,
            ImportError::Invalid {
                fault: BlockFault::Execution { .. } | BlockFault::WrongStateRoot,
                ..
            } => Self::BadBlock,
            ImportError::Invalid { .. } => Self::VerificationFailed,
            ImportError::AgainstFinal { .. }
            | ImportError::ClearanceLost { .. }
            | ImportError::Local(_) => Self::Failed,
        }
    }
}

/// What the gate decided (SPEC section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GateDecision {
    /// A block may be authored: this node is in sync, or alone by its operator's order.
    Cleared(ClearedBy),
    /// The slot is let go.
    Held(HoldKind),
    /// A fault of this node.
    Failed,
}

/// What cleared a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClearedBy {
    /// The verdict: in sync.
    InSync,
    /// `--force-authoring --isolated`: nobody is asked.
    Isolated,
}

impl ClearedBy {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::InSync, Self::Isolated];

    /// Its name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InSync => "in_sync",
            Self::Isolated => "isolated",
        }
    }
}

/// Why a slot was let go: the class of a [`Hold`](crate::orchestrator::Hold), without its facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HoldKind {
    /// In sync, but what is still being probed may change that.
    Undecided,
    /// A small gap.
    SmallGap,
    /// A medium gap.
    MediumGap,
    /// A large gap.
    LargeGap,
    /// A gap beyond `tier2_max_gap` that is being closed in windows.
    CriticalGap,
    /// Critical, and only the operator ends it.
    Critical,
    /// No peer of our chain is connected.
    NoPeers,
    /// Too few answers, or too few that agree.
    NoConsensus,
    /// All peers are silent.
    Timeout,
    /// Our clock is in doubt.
    ClockSuspect,
    /// Nobody was asked yet.
    NotAskedYet,
    /// A fault of this node.
    Fault,
}

impl HoldKind {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Undecided,
        Self::SmallGap,
        Self::MediumGap,
        Self::LargeGap,
        Self::CriticalGap,
        Self::Critical,
        Self::NoPeers,
        Self::NoConsensus,
        Self::Timeout,
        Self::ClockSuspect,
        Self::NotAskedYet,
        Self::Fault,
    ];

    /// Its name in metrics and alerts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Undecided => "undecided",
            Self::SmallGap => "small_gap",
            Self::MediumGap => "medium_gap",
            Self::LargeGap => "large_gap",
            Self::CriticalGap => "critical_gap",
            Self::Critical => "critical",
            Self::NoPeers => "no_peers",
            Self::NoConsensus => "no_consensus",
            Self::Timeout => "timeout",
            Self::ClockSuspect => "clock_suspect",
            Self::NotAskedYet => "not_asked_yet",
            Self::Fault => "fault",
        }
    }
}
