//! Errors that reach the node, and whose fault an error is (SPEC sections 3 and 10).

use crate::ports::{BridgeError, JobLost};
use std::time::Duration;

/// Whose fault an error is. Only [`Blame::Peer`] may ever cost a peer anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The peer's, provably, from its bytes alone.
    Peer,
    /// Ours: disk, memory, clock, a deadline missed while we were busy.
    Local,
    /// Not to be told apart from here; nobody is charged.
    Unknown,
}

/// Why the position of this node against its network is not known, or could not be mended.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NetworkError {
    /// No peer with our genesis hash is connected.
    #[error(
        "no peers of our chain are connected; check --bootnodes, the port and the firewall, and that the chain spec is the network's"
    )]
    NoPeersAvailable,
    /// Too few answers, or too few that agree.
    #[error("no consensus among peers: {0}")]
    NoConsensusReached(NoConsensus),
    /// Every connected peer was silent.
    #[error("none of {asked} peers answered within {} ms; nothing is authored until one does", .waited.as_millis())]
    Timeout {
        /// How many were asked.
        asked: usize,
        /// How long we waited.
        waited: Duration,
    },
    /// No peer delivered this block; it is asked for again by itself.
    #[error(
        "no peer delivered block {number}; it is asked for again by itself once a peer announces or answers"
    )]
    BlockNotFound {
        /// The block's number.
        number: u64,
    },
    /// More blocks than one call of Tier 2 covers (`tier2_max_gap`).
    #[error(
        "a gap of at least {0} blocks is more than one call covers (tier2_max_gap); the node closes it by itself, in windows"
    )]
    SyncGapTooLarge(u64),
    /// The same where `join_windows` is off: only the operator closes it, by that setting or by Tier 3.
    #[error(
        "a gap of at least {gap} blocks is more than one call covers (tier2_max_gap), and join_windows is off; set it to true, or run `node-template resync`"
    )]
    CriticalSyncRequired {
        /// Blocks to the target, as far as they are verified.
        gap: u64,
    },
    /// What most peers have sealed lies in our future, or what more authorities attest than may be faulty.
    #[error(
        "the newest blocks or attestations of {voters} of {of} voters lie in our future; set this machine's clock (NTP): nothing is authored until then"
    )]
    ClockSuspect {
        /// Those whose blocks or attestations lie there.
        voters: usize,
        /// Connected peers of our chain, or authorities where these vote.
        of: usize,
    },
    /// Nothing was asked yet.
    #[error("the network was not asked yet; wait a moment: it is asked by itself at the start")]
    NotAskedYet,
    /// A fault of this node. No peer is charged for it.
    #[error(transparent)]
    Local(#[from] LocalFault),
}

/// Why no consensus was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoConsensus {
    /// Fewer responses than `tier1_min_responses`.
    #[error(
        "{responses} of {connected} peers answered, {required} are required (tier1_min_responses); all are asked again; where this lasts, check that the others run and can be reached"
    )]
    TooFewResponses {
        /// Peers that answered in time.
        responses: usize,
        /// Peers of our chain that are connected.
        connected: usize,
        /// Responses that are required.
        required: usize,
    },
    /// Answers came, but none of them carries a vote.
    #[error(
        "{responses} peers answered and none has a vote: they are syncing, or what they claim could not be verified; it goes on once one has caught up or shows its headers; where this lasts, connect other peers"
    )]
    NoVotes {
        /// Peers that answered in time.
        responses: usize,
    },
    /// The votes with us are too few.
    #[error(
        "{with_us} of {voters} voters are with us, {need} are needed; {}",
        way_out(apart.as_ref(), "the other tips are being fetched")
    )]
    Split {
        /// Voters whose chain holds our tip, or whose tip our chain holds.
        with_us: usize,
        /// All voters.
        voters: usize,
        /// need(voters).
        need: usize,
        /// Whoever is missing for good.
        apart: Option<Apart>,
    },
    /// `authority-quorum` only: too few authorities attest our chain.
    #[error(
        "attested by {with_us} of {authorities} authorities, {need} needed, {silent} silent; {}",
        way_out(
            apart.as_ref(),
            "where their nodes do not run or are not connected, start them; other tips are being fetched"
        )
    )]
    Attestations {
        /// Authorities whose newest attestation is on our chain.
        with_us: usize,
        /// Authorities without an attestation that counts.
        silent: usize,
        /// All authorities.
        authorities: usize,
        /// need(authorities).
        need: usize,
        /// Whoever is missing for good.
        apart: Option<Apart>,
    },
    /// `height-majority` only: no height is reported by enough voters.
    #[error(
        "no height is reported by {need} of {voters} voters; they are asked again until enough stand at one; where this lasts, choose another strategy than height-majority"
    )]
    NoCommonHeight {
        /// All voters.
        voters: usize,
        /// need(voters).
        need: usize,
    },
    /// `authority-quorum` only: enough authorities attest a block above ours that we have no verified headers of.
    #[error("enough authorities hold a block {below} above ours; its headers are being asked for")]
    BelowConsensus {
        /// Blocks between our tip and the consensus block.
        below: u64,
    },
    /// `authority-quorum` only: our chain is so far above what enough authorities hold that a fork of it may not heal.
    #[error(
        "our tip is {above} blocks above the highest block that enough authorities attest, and nothing is built {most} or more above that; it goes on once they have caught up"
    )]
    AboveConsensus {
        /// Blocks between the consensus block and ours.
        above: u64,
        /// One less than `tier2_max_reorg`, at least 1.
        most: u64,
    },
    /// More than half of the voters are far below us.
    #[error(
        "{behind} of {voters} voters are more than {max_gap} blocks below us; it goes on once they have caught up; where they do not, check that they are on our chain and not stalled"
    )]
    Ahead {
        /// Voters that are far below.
        behind: usize,
        /// All voters.
        voters: usize,
        /// `tier1_max_gap`.
        max_gap: u64,
    },
}

impl NoConsensus {
    /// Whoever is missing for good: no waiting ends it then.
    pub fn apart(&self) -> Option<&Apart> {
        match self {
            Self::Split { apart, .. } | Self::Attestations { apart, .. } => apart.as_ref(),
            _ => None,
        }
    }
}

/// Voters on branches that left ours deeper than `tier2_max_reorg` on both sides, so many that those who are left are no need(n) with us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Apart {
    /// How many.
    pub voters: usize,
    /// The highest block that one of the branches shares with ours.
    pub ancestor: u64,
}

fn way_out(apart: Option<&Apart>, waiting: &str) -> String {
    match apart {
        None => waiting.to_owned(),
        Some(Apart { voters, ancestor }) => format!(
            "{voters} left our chain at block {ancestor} or below, deeper than tier2_max_reorg lets them or us go back: if it stays so once the nodes of all others run, agree with the other operators on the chain that goes on, and on every node of the other run `node-template resync --checkpoint N:HASH` with a block near that chain's tip"
        ),
    }
}

/// A fault of this node.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LocalFault {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] BridgeError),
    /// A background job was lost.
    #[error(transparent)]
    Job(#[from] JobLost),
}

impl From<BridgeError> for NetworkError {
    fn from(error: BridgeError) -> Self {
        Self::Local(error.into())
    }
}

impl From<JobLost> for NetworkError {
    fn from(error: JobLost) -> Self {
        Self::Local(error.into())
    }
}

impl NetworkError {
    /// Whose fault it is.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Local(_) => Blame::Local,
            _ => Blame::Unknown,
        }
    }
}
