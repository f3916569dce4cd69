//! How this node stands against its network, and the health lines of SPEC section 10.

mod lines;

pub use lines::HealthLine;

use crate::{attestation::Equivocation, block_id::BlockId, error::NetworkError};
use sp_core::sr25519;
use sp_runtime::traits::Block as BlockT;
use std::{fmt, time::Duration};

/// Outcome of a round that reached a verdict (SPEC section 4). Gaps are in blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncStatus<B: BlockT> {
    /// Enough votes are with us and no verified higher tip holds us up.
    InSync,
    /// 1 – `tier1_max_gap` blocks behind a verified tip.
    SmallGap(u64),
    /// Up to 100 blocks behind.
    MediumGap(u64),
    /// Up to `tier2_max_gap` blocks behind.
    LargeGap(u64),
    /// Production stops until the reason is gone.
    Critical(CriticalReason<B>),
}

/// Why a status is critical.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CriticalReason<B: BlockT> {
    /// More than `tier2_max_gap` blocks behind a verified tip.
    Gap {
        /// Blocks behind; at least this many while the tip is still being verified window by window.
        gap: u64,
        /// Who closes it.
        remedy: GapRemedy,
    },
    /// The network holds another chain, and leaving ours takes back more than the framework's fork choice may.
    Fork {
        /// Our tip.
        ours: BlockId<B>,
        /// The tip that the voters share.
        theirs: BlockId<B>,
        /// Highest block that both chains hold.
        ancestor: BlockId<B>,
    },
    /// A block fails in execution here, and the consensus block builds on it or a second peer delivered the same bytes.
    MayBeFaulty {
        /// The block.
        block: BlockId<B>,
    },
    /// Two blocks of one height are both final, each by the seals on its own chain.
    FinalityConflict {
        /// Our final block.
        ours: BlockId<B>,
        /// The other one.
        theirs: BlockId<B>,
    },
    /// Somebody else seals or attests with a key of ours. Ends with a restart.
    OwnKeyUsedElsewhere {
        /// The block that was sealed, or attested.
        block: BlockId<B>,
    },
    /// More than half of the voters have been far below us for longer than a slot.
    Ahead {
        /// Our tip.
        ours: BlockId<B>,
        /// Voters that are far below.
        behind: usize,
        /// All voters.
        voters: usize,
    },
}

/// Who closes a critical gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapRemedy {
    /// Tier 2, in successive windows (`join_windows = true`).
    Windows,
    /// The operator (`join_windows = false`, the design's letter).
    Operator,
}

impl<B: BlockT> fmt::Display for CriticalReason<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap {
                gap,
                remedy: GapRemedy::Windows,
            } => {
                write!(
                    f,
                    "at least {gap} blocks behind; catching up, no action needed"
                )
            }
            Self::Gap {
                gap,
                remedy: GapRemedy::Operator,
            } => {
                write!(
                    f,
                    "at least {gap} blocks behind and join_windows is off; set it to true, or run `node-template resync`"
                )
            }
            Self::Fork { .. } => f.write_str("Fork detected! Our tip differs from 67%+ peers"),
            Self::MayBeFaulty { block } => write!(
                f,
                "we may be faulty: block {block} fails in execution here and not for others; compare this node's version with theirs and check its disk and memory; then run `node-template resync`"
            ),
            Self::FinalityConflict { ours, theirs } => write!(
                f,
                "finality conflict: {ours} and {theirs} are both final; find out with the other operators which chain goes on; where it is the other, run `node-template resync`; where it is ours, this ends when nobody who is connected is on the other any more"
            ),
            Self::OwnKeyUsedElsewhere { block } => write!(
                f,
                "own key used elsewhere: block {block} is sealed or attested with our key, and not by us; stop the other node that has this key, move the file `signed` of this one away and restart it: it waits one round of the authorities and begins a new record; or take the key out of this one"
            ),
            Self::Ahead {
                ours,
                behind,
                voters,
            } => write!(
                f,
                "our tip {ours} is far above {behind} of {voters} voters; check that they are on our chain and not stalled; where they are on the chain that goes on and this node is not, run `node-template resync`"
            ),
        }
    }
}

impl<B: BlockT> CriticalReason<B> {
    /// The reason with all facts and with what the operator can do, for logs and status; the health line is shorter.
    pub fn explanation(&self) -> String {
        match self {
            Self::Fork {
                ours,
                theirs,
                ancestor,
            } => format!(
                "fork: our tip {ours} and the voters' {theirs} part at {ancestor}, deeper than tier2_max_reorg lets the node go back by itself; where theirs is the right chain, run `node-template resync`"
            ),
            other => other.to_string(),
        }
    }
}

/// What the last round says.
#[derive(Clone, Debug)]
pub enum Verdict<B: BlockT> {
    /// The round reached a verdict.
    Known(SyncStatus<B>),
    /// It did not, for this reason. Never shown or treated as in sync.
    Unverified(NetworkError),
}

impl<B: BlockT> Verdict<B> {
    /// Whether the verdict is [`SyncStatus::InSync`].
    pub fn is_in_sync(&self) -> bool {
        matches!(self, Self::Known(SyncStatus::InSync))
    }
}

/// The one status object that gate, RPC, CLI, metrics and log all show (SPEC section 8).
#[derive(Clone, Debug)]
pub struct StatusReport<B: BlockT> {
    /// Verdict of the newest round.
    pub verdict: Verdict<B>,
    /// Our best block.
    pub best: BlockId<B>,
    /// Our highest final block.
    pub finalized: BlockId<B>,
    /// Verified tip that we are fetching, or would.
    pub target: Option<BlockId<B>>,
    /// Highest block that enough voters hold (SPEC section 0, *consensus block*).
    pub consensus: Option<BlockId<B>>,
    /// Peers of our chain that are connected.
    pub peers: usize,
    /// Voters of the newest round; under `authority-quorum` all authorities, silent ones included.
    pub voters: usize,
    /// Those of them that are with us.
    pub with_us: usize,
    /// Rounds since the start.
    pub round: u64,
    /// Age of the newest verdict.
    pub age: Duration,
    /// Which tier is at work.
    pub tier: Tier,
    /// What it is doing; `None` when idle.
    pub progress: Option<Progress>,
    /// Conditions shown beside the status.
    pub notes: Vec<Note<B>>,
}

/// A tier of the component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// The height check.
    HeightCheck,
    /// Catching up.
    CatchUp,
    /// The operator's resync.
    Resync,
}

impl Tier {
    /// 1, 2 or 3.
    pub const fn number(self) -> u8 {
        match self {
            Self::HeightCheck => 1,
            Self::CatchUp => 2,
            Self::Resync => 3,
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tier {}", self.number())
    }
}

/// How far a session is. An estimate is absent rather than wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Blocks imported by this session.
    pub done: u64,
    /// Blocks that the session is to import; `None` while the end of the chain that it fetches is only claimed, not verified.
    pub total: Option<u64>,
    /// Blocks per second over the last seconds; `None` until measured, and when nothing came in them.
    pub rate: Option<f64>,
    /// Time left at that rate; `None` where `total` or `rate` is.
    pub eta: Option<Duration>,
    /// Connected peers.
    pub peers: usize,
    /// Bytes of the good blocks that came since it began.
    pub bytes: u64,
}

/// A condition shown beside the status; it never changes it (SPEC section 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note<B: BlockT> {
    /// Nothing new for `stalled_slots`.
    Stalled {
        /// Slots since the last new block.
        slots: u64,
    },
    /// The clock says that the chain should be higher.
    BehindSchedule {
        /// Slots since our best block's.
        missed_slots: u64,
    },
    /// A peer on a branch of its own that too few share to be a fork of ours.
    Minority {
        /// The tip of the branch.
        tip: BlockId<B>,
        /// How many voters hold it.
        voters: usize,
    },
    /// An authority is *suspect* (SPEC section 0): its tips hold nobody up for now.
    Suspect {
        /// Who.
        authority: sr25519::Public,
    },
    /// An authority signed two things that exclude each other.
    Equivocation(Equivocation<B>),
    /// The last time that this node had to sign something, it could not, for a reason of its own.
    NotSigned {
        /// What.
        duty: Duty,
        /// Why, and what to do.
        why: String,
    },
}

/// What an authority signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Duty {
    /// The block of a slot of ours.
    Block,
    /// What it holds (SPEC section 2).
    Attestation,
}

impl fmt::Display for Duty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Block => "block for our slot",
            Self::Attestation => "attestation",
        })
    }
}
