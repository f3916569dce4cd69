use super::NotVoted;
use crate::{
    block_id::BlockId,
    error::{Blame, LocalFault},
    peers::RequestError,
    ports::{BlockFault, BridgeError, HeadersRefused, JobLost, NoSnapshots, PeerId, ProofFault},
};
use sp_runtime::traits::{Block as BlockT, NumberFor};
use std::{collections::BTreeSet, time::Duration};

/// The longest that a busy source is waited for at once.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Why a source delivers no further.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SourceFault<B: BlockT> {
    /// Its answers failed to come, again and again.
    #[error("{0}")]
    Request(#[from] RequestError),
    /// It stayed busy.
    #[error("it stayed busy")]
    Busy,
    /// It is not connected.
    #[error("it is not connected")]
    Gone,
    /// The headers that it shows are not those of the chain that it claims.
    #[error("its headers do not lead to the chain that it claims")]
    Unproven,
    /// What it has next lies in the future: this machine's clock is behind, or its own is ahead.
    #[error(
        "its chain above {above} lies in the future by this machine's clock: check that clock, and set it if it is behind"
    )]
    FromFuture {
        /// The highest block of ours.
        above: BlockId<B>,
    },
    /// What follows comes slowly, and there are others to ask.
    #[error("only {count} blocks or headers came from it in {} s", .within.as_secs())]
    Slow {
        /// How many.
        count: u64,
        /// In what time.
        within: Duration,
    },
    /// It, and all the others, did not deliver this block.
    #[error("block {id} was not delivered")]
    NotDelivered {
        /// The block.
        id: BlockId<B>,
    },
    /// Its blocks begin above the one that is wanted: it began with a snapshot itself.
    #[error(
        "it serves no blocks below {lowest}, and block {wanted} is wanted: name a source that has every block with --peer, or give the run up and take --strategy snapshot"
    )]
    BeginsAbove {
        /// Its lowest block.
        lowest: NumberFor<B>,
        /// The next one of the staged chain.
        wanted: NumberFor<B>,
    },
    /// So many headers of its chain follow each other of which none is final that no more are kept.
    #[error("none of the {count} headers above {above} of its chain is final")]
    NoFinality {
        /// The highest final one.
        above: BlockId<B>,
        /// How many.
        count: usize,
    },
    /// It sent headers that do not hold.
    #[error("its headers do not hold: {0}")]
    Headers(HeadersRefused),
    /// It does not have the state after this block any more, or never had.
    #[error("it does not give the state after block {of}")]
    NoState {
        /// The block.
        of: BlockId<B>,
    },
    /// No header of its chain is final that lies far enough below the newest one for a snapshot.
    #[error("no block of its chain up to {tip} is final and at least {reach} blocks below that")]
    NothingFinal {
        /// The newest header.
        tip: BlockId<B>,
        /// How far below that.
        reach: u64,
    },
    /// What it sent of a state is not that state.
    #[error("its proof of the state does not hold: {0}")]
    Proof(#[from] ProofFault),
    /// A block of it does not hold here.
    #[error("its block {id} does not hold: {fault}")]
    Invalid {
        /// The block.
        id: BlockId<B>,
        /// What is wrong with it.
        fault: BlockFault,
    },
    /// It is on another chain than the one staged so far, and the fork choice does not go over to that: it leaves ours too far
    /// below, or is no better.
    #[error(
        "its chain is another than the one staged up to {staged}, and leaves that more than tier2_max_reorg blocks below or is no better"
    )]
    OtherChain {
        /// The staged tip.
        staged: BlockId<B>,
    },
}

impl<B: BlockT> SourceFault<B> {
    /// Whether the same source may deliver when it is asked again.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Request(error) => error.blame() != Blame::Peer,
            Self::Busy
            | Self::Gone
            | Self::Unproven
            | Self::FromFuture { .. }
            | Self::Slow { .. }
            | Self::NotDelivered { .. } => true,
            Self::Invalid { .. }
            | Self::OtherChain { .. }
            | Self::BeginsAbove { .. }
            | Self::Headers(_)
            | Self::NoState { .. }
            | Self::NothingFinal { .. }
            | Self::NoFinality { .. }
            | Self::Proof(_) => false,
        }
    }

    /// Whether it said that it is busy.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self, Self::Busy | Self::Request(RequestError::Busy(_)))
    }

    /// Whether only time brings what it has next: asking it once more now does not.
    pub(super) fn is_of_the_future(&self) -> bool {
        matches!(self, Self::FromFuture { .. })
    }

    /// For how long it wants to be left alone, if it said so; no longer than [`LONGEST_PAUSE`].
    pub(super) fn pause(&self) -> Option<Duration> {
        match self {
            Self::Request(RequestError::Busy(pause)) => Some((*pause).min(LONGEST_PAUSE)),
            _ => None,
        }
    }
}

/// Why a resync did not come to its end. The live chain is as it was in every case.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ResyncError<B: BlockT> {
    /// Nobody vouches for a peer.
    #[error(
        "no trusted peer is connected; name one that you trust with --peer ID, or add it to reserved_nodes in the chain spec"
    )]
    NoTrustedPeer,
    /// None of the named peers is connected.
    #[error(
        "none of the peers named with --peer is connected: {}; check that they run and that this node reaches them", list(.0)
    )]
    NamedPeersAway(Vec<PeerId>),
    /// All sources failed. What is staged stays; the run can be resumed.
    #[error(
        "interrupted at {reached}: {}; what is fetched stays: `resync --resume` goes on, `resync --abort` gives it up", what_failed(.faults)
    )]
    SourcesFailed {
        /// The staged tip.
        reached: BlockId<B>,
        /// What each source ended with.
        faults: Vec<(PeerId, SourceFault<B>)>,
    },
    /// The staged chain is not the voters'.
    #[error("{refused}; the present chain stays{}", what_may_follow(.0), refused = .0)]
    NotVoted(#[from] NotVoted<B>),
    /// The staged chain is another one than the voters', and no source is left that is not on it.
    #[error(
        "{refused}; the present chain stays; {}: fetch from others, named with --peer, and look at what these run", on_it(.strays)
    )]
    Stray {
        /// What the voters say.
        refused: NotVoted<B>,
        /// The sources that hold it.
        strays: Vec<PeerId>,
    },
    /// No source shows the staged chain any more, and one that is there holds a block that the voters, or the operator, want and that
    /// chain does not hold.
    #[error(
        "the chain staged up to {staged} is not the wanted one, no source shows it any more, and {holder} holds {wanted}, which is not in it; the present chain stays: order the resync again"
    )]
    Forsaken {
        /// The staged tip.
        staged: BlockId<B>,
        /// The block.
        wanted: BlockId<B>,
        /// The source that holds it.
        holder: PeerId,
    },
    /// The staged chain holds another block at the operator's checkpoint.
    #[error(
        "the staged chain does not hold the checkpoint {checkpoint}; check it, and resync from a peer on that chain"
    )]
    OffCheckpoint {
        /// The checkpoint.
        checkpoint: BlockId<B>,
    },
    /// Every source that answers has another block at the operator's checkpoint: nothing was fetched.
    #[error(
        "none of the {sources} sources that answered has the checkpoint {checkpoint}: each holds another block there; nothing is fetched, and the present chain stays: check its number and hash, or order the resync again with sources on that chain, named with --peer"
    )]
    CheckpointDenied {
        /// The checkpoint.
        checkpoint: BlockId<B>,
        /// How many answered.
        sources: usize,
    },
    /// The sources end below the operator's checkpoint.
    #[error(
        "the staged chain ends at {staged}, below the checkpoint {checkpoint}: its sources are behind it, or the checkpoint's number is wrong; what is fetched stays: `resync --resume` fetches on, `resync --abort` gives it up"
    )]
    BelowCheckpoint {
        /// The checkpoint.
        checkpoint: BlockId<B>,
        /// The staged tip.
        staged: BlockId<B>,
    },
    /// No vote is possible, and the checkpoint is too far below the staged tip to stand in for one.
    #[error(
        "no vote is possible, and the checkpoint {checkpoint} lies more than {reach} blocks below the staged tip {staged}; what is fetched stays: `resync --resume` asks the voters again, `resync --abort` gives it up, for an order with a newer checkpoint"
    )]
    CheckpointTooOld {
        /// The checkpoint.
        checkpoint: BlockId<B>,
        /// The staged tip.
        staged: BlockId<B>,
        /// `tier1_max_gap`.
        reach: u64,
    },
    /// The strategy needs what this chain's bridge does not do.
    #[error(
        "a snapshot of this chain cannot be built: {0}; `resync --abort`, then choose another strategy with --strategy"
    )]
    NoSnapshots(#[from] NoSnapshots),
    /// The first sources had a chain too short for a snapshot, so that its blocks were stored, and another one has a long chain.
    #[error(
        "the blocks of a short chain up to {staged} are stored, and a source has a chain up to {claimed}, which is to begin with a snapshot: `resync --abort`, then order it again"
    )]
    BegunShort {
        /// The staged tip.
        staged: BlockId<B>,
        /// The longer chain's tip.
        claimed: BlockId<B>,
    },
    /// No header is final that lies far enough below the newest one for a snapshot.
    #[error(
        "no block up to {reach} blocks below {tip} is final yet, so there is nothing to begin a snapshot with; `resync --resume` tries again later, or choose another strategy with --strategy"
    )]
    NothingFinal {
        /// The newest header.
        tip: BlockId<B>,
        /// How far below it the snapshot has to lie.
        reach: u64,
    },
    /// Too few authorities sealed a stretch of the chain for any block of it to be final, and it is longer than may be kept.
    #[error(
        "of the {count} blocks above {above} none is final: too few authorities sealed them, so no snapshot can be taken above; with a higher headers_ahead in `[sync.limits]` (--sync-config) `resync --resume` comes past them, or choose another strategy with --strategy"
    )]
    NoFinality {
        /// The highest final block below.
        above: BlockId<B>,
        /// How many there are.
        count: usize,
    },
    /// The block that the voters agree on lies below the snapshot, so they do not vouch for its state.
    #[error(
        "the voted block {voted} lies below the snapshot at {snapshot}, whose state nobody voted for yet; the present chain stays; what is fetched stays, too: `resync --resume` asks again, `resync --abort` gives it up"
    )]
    BelowSnapshot {
        /// The voted block.
        voted: BlockId<B>,
        /// The lowest block of the staged chain with a body.
        snapshot: u64,
    },
    /// A fault of ours.
    #[error(transparent)]
    Local(#[from] LocalFault),
}

impl<B: BlockT> ResyncError<B> {
    /// Whose fault it is.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Local(_) => Blame::Local,
            _ => Blame::Unknown,
        }
    }

    /// Whether the run may go on later from where it is.
    pub fn is_resumable(&self) -> bool {
        matches!(
            self,
            Self::SourcesFailed { .. }
                | Self::Local(_)
                | Self::NamedPeersAway(_)
                | Self::NoTrustedPeer
                | Self::NothingFinal { .. }
                | Self::NoFinality { .. }
                | Self::BelowSnapshot { .. }
                | Self::BelowCheckpoint { .. }
                | Self::BegunShort { .. }
                | Self::CheckpointTooOld { .. }
        ) || matches!(self, Self::NotVoted(refused) if refused.may_pass())
    }

    /// The same, with the sources that are on the chain which the voters refused.
    pub(super) fn with_strays(self, strays: &BTreeSet<PeerId>) -> Self {
        match self {
            Self::NotVoted(refused @ NotVoted::OtherChain { .. }) => Self::Stray {
                refused,
                strays: strays.iter().cloned().collect(),
            },
            other => other,
        }
    }
}

impl<B: BlockT> From<BridgeError> for ResyncError<B> {
    fn from(error: BridgeError) -> Self {
        Self::Local(error.into())
    }
}

impl<B: BlockT> From<JobLost> for ResyncError<B> {
    fn from(error: JobLost) -> Self {
        Self::Local(error.into())
    }
}

fn what_may_follow<B: BlockT>(refused: &NotVoted<B>) -> &'static str {
    if refused.may_pass() {
        "; what is fetched stays, too: `resync --resume` asks again, `resync --abort` gives it up, for another order"
    } else {
        ""
    }
}

fn list(peers: &[PeerId]) -> String {
    let names: Vec<String> = peers.iter().map(ToString::to_string).collect();
    names.join(", ")
}

fn on_it(strays: &[PeerId]) -> String {
    if strays.is_empty() {
        return "none of its sources says now that it is on it".to_owned();
    }
    format!("on that chain are {}", list(strays))
}

fn what_failed<B: BlockT>(faults: &[(PeerId, SourceFault<B>)]) -> String {
    if faults.is_empty() {
        return "no source is connected".to_owned();
    }
    let lines: Vec<String> = faults
        .iter()
        .map(|(peer, fault)| format!("{peer}: {fault}"))
        .collect();
    lines.join("; ")
}
