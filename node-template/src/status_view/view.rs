use super::session::Session;
use serde::{Deserialize, Serialize};
use sp_core::crypto::Ss58Codec;
use sp_runtime::traits::Block as BlockT;
use std::{fmt, time::Duration};
use sync_component::{
    BlockId,
    chain_sync::Progress as ResyncProgress,
    status::{Duty, HealthLine, Note, StatusReport, SyncStatus, Verdict},
};

/// `sync_status`, and `status --json`. Unknown fields of a newer node are ignored, so that the two may differ in age.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusView {
    /// The verdict in one word.
    pub verdict: VerdictKind,
    /// Why it is critical or unknown, and what to do; absent otherwise.
    pub reason: Option<String>,
    /// Blocks behind; 0 unless the verdict is a gap.
    pub gap: u64,
    /// The health line of SPEC section 10.
    pub health: String,
    /// Our best block.
    pub best: BlockView,
    /// Our highest final block.
    pub finalized: BlockView,
    /// Verified tip that is being fetched.
    pub target: Option<BlockView>,
    /// Highest block that enough voters hold.
    pub consensus: Option<BlockView>,
    /// Connected peers of our chain.
    pub peers: usize,
    /// Voters of the newest round.
    pub voters: usize,
    /// Votes with us.
    pub with_us: usize,
    /// Rounds since the start.
    pub round: u64,
    /// Age of the verdict in milliseconds.
    pub age_ms: u64,
    /// The tier at work: 1, 2 or 3.
    pub tier: u8,
    /// What it is doing; absent when idle.
    pub progress: Option<ProgressView>,
    /// Conditions beside the verdict.
    pub notes: Vec<NoteView>,
}

/// The verdict in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum VerdictKind {
    /// Enough votes are with us and nothing verified is above.
    InSync,
    /// 1 to `tier1_max_gap` blocks behind.
    SmallGap,
    /// Up to 100 behind.
    MediumGap,
    /// Up to `tier2_max_gap` behind.
    LargeGap,
    /// Production is paused until the reason is gone.
    Critical,
    /// The last round reached no verdict.
    Unknown,
}

impl VerdictKind {
    /// Exit code of `node-template status` (SPEC section 11).
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::InSync => 0,
            Self::SmallGap | Self::MediumGap | Self::LargeGap => 1,
            Self::Critical => 2,
            Self::Unknown => 3,
        }
    }

    /// The word of the JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::InSync => "inSync",
            Self::SmallGap => "smallGap",
            Self::MediumGap => "mediumGap",
            Self::LargeGap => "largeGap",
            Self::Critical => "critical",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for VerdictKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// A block by number and hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockView {
    /// Distance from genesis in blocks.
    pub number: u64,
    /// Hash of the header, `0x` and hex.
    pub hash: String,
}

impl<B: BlockT> From<BlockId<B>> for BlockView {
    fn from(block: BlockId<B>) -> Self {
        Self {
            number: block.height(),
            hash: format!("{:?}", block.hash),
        }
    }
}

/// How far a session of Tier 2 or 3 is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProgressView {
    /// Blocks imported by the session.
    pub done: u64,
    /// Blocks that it is to import; 0 where nobody knows.
    pub total: u64,
    /// Blocks per second; absent until measured.
    pub rate: Option<f64>,
    /// Seconds left at that rate; absent rather than wrong.
    pub eta_secs: Option<u64>,
    /// Peers that are being asked.
    pub peers: usize,
    /// Bytes of good blocks that Tier 2's session got; absent in Tier 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// What Tier 3 is doing, unless it fetches blocks; then it is headers or entries that are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
}

impl From<&Session> for ProgressView {
    fn from(session: &Session) -> Self {
        Self {
            done: session.done,
            total: session.total,
            rate: session.rate,
            eta_secs: session.eta.map(|eta| eta.as_secs()),
            peers: session.peers,
            bytes: session.bytes,
            stage: session.stage.map(str::to_owned),
        }
    }
}

/// A condition beside the verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum NoteView {
    /// Nothing new for this many slots.
    Stalled {
        /// Slots since the last new block.
        slots: u64,
    },
    /// The clock says that the chain should be higher.
    BehindSchedule {
        /// Slots since our best block's.
        missed_slots: u64,
    },
    /// Some voters are on a branch that too few share.
    Minority {
        /// The tip of the branch.
        tip: BlockView,
        /// How many voters hold it.
        voters: usize,
    },
    /// An authority whose tips hold nobody up for now.
    Suspect {
        /// Its address.
        authority: String,
    },
    /// An authority that signed two things that exclude each other.
    Equivocation {
        /// Its address.
        authority: String,
        /// What it signed.
        what: String,
        /// Both statements with their signatures, SCALE encoded, in hex: two headers, or two attestations. Whoever has the chain's
        /// authorities can check them. Empty from an older node.
        #[serde(default)]
        evidence: Vec<String>,
    },
    /// What this node had to sign last has no signature, for a reason of its own.
    NotSigned {
        /// What it was.
        duty: DutyView,
        /// Why, and what to do.
        why: String,
    },
    /// A note of a newer node.
    #[serde(other)]
    Other,
}

/// What an authority signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DutyView {
    /// The block of a slot of its own.
    Block,
    /// What it holds.
    Attestation,
    /// Something that a newer node signs.
    #[serde(other)]
    Other,
}

impl From<Duty> for DutyView {
    fn from(duty: Duty) -> Self {
        match duty {
            Duty::Block => Self::Block,
            Duty::Attestation => Self::Attestation,
        }
    }
}

impl fmt::Display for DutyView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block => Duty::Block.fmt(f),
            Self::Attestation => Duty::Attestation.fmt(f),
            Self::Other => f.write_str("signature"),
        }
    }
}

impl<B: BlockT> From<&Note<B>> for NoteView {
    fn from(note: &Note<B>) -> Self {
        match note {
            Note::Stalled { slots } => Self::Stalled { slots: *slots },
            Note::BehindSchedule { missed_slots } => Self::BehindSchedule {
                missed_slots: *missed_slots,
            },
            Note::Minority { tip, voters } => Self::Minority {
                tip: (*tip).into(),
                voters: *voters,
            },
            Note::Suspect { authority } => Self::Suspect {
                authority: authority.to_ss58check(),
            },
            Note::Equivocation(found) => Self::Equivocation {
                authority: found.authority().to_ss58check(),
                what: found.to_string(),
                evidence: found
                    .statements()
                    .iter()
                    .map(|bytes| format!("0x{}", hex::encode(bytes)))
                    .collect(),
            },
            Note::NotSigned { duty, why } => Self::NotSigned {
                duty: (*duty).into(),
                why: why.clone(),
            },
        }
    }
}

impl fmt::Display for NoteView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stalled { slots } => write!(
                f,
                "nothing new for {slots} slots; check that enough authorities run and reach each other"
            ),
            Self::BehindSchedule { missed_slots } => write!(
                f,
                "our best block is {missed_slots} slots old; where nobody has a later one, check this machine's clock, and whether the authorities run"
            ),
            Self::Minority { tip, voters } => write!(
                f,
                "{voters} voters hold another tip, #{} ({})",
                tip.number, tip.hash
            ),
            Self::Suspect { authority } => write!(
                f,
                "{authority} withheld blocks that it sealed, or sealed two for one slot; its tips hold nobody up until it seals again"
            ),
            Self::Equivocation { what, .. } => {
                write!(
                    f,
                    "{what}; its operator should look for a second node with its key; `status --json` shows both"
                )
            }
            Self::NotSigned { duty, why } => write!(f, "no {duty}: {why}"),
            Self::Other => f.write_str("a condition that this version does not know"),
        }
    }
}

impl StatusView {
    /// How a node stands, and what it works on: `resync` is the operator's, while it works beside the live chain.
    pub fn new<B: BlockT>(report: &StatusReport<B>, resync: Option<&ResyncProgress>) -> Self {
        let (verdict, reason, gap) = verdict_parts(&report.verdict);
        let session = Session::of(report, resync);
        Self {
            verdict,
            reason,
            gap,
            health: HealthLine(report).to_string(),
            best: report.best.into(),
            finalized: report.finalized.into(),
            target: report.target.map(Into::into),
            consensus: report.consensus.map(Into::into),
            peers: report.peers,
            voters: report.voters,
            with_us: report.with_us,
            round: report.round,
            age_ms: millis(report.age),
            tier: session
                .as_ref()
                .map_or(report.tier, |session| session.tier)
                .number(),
            progress: session.as_ref().map(Into::into),
            notes: report.notes.iter().map(Into::into).collect(),
        }
    }

    /// Why, and what to do, where the health line does not say it.
    pub fn explanation(&self) -> Option<&str> {
        let reason = self.reason.as_deref();
        reason.filter(|reason| !self.health.contains(reason))
    }
}

fn verdict_parts<B: BlockT>(verdict: &Verdict<B>) -> (VerdictKind, Option<String>, u64) {
    match verdict {
        Verdict::Known(SyncStatus::InSync) => (VerdictKind::InSync, None, 0),
        Verdict::Known(SyncStatus::SmallGap(gap)) => (VerdictKind::SmallGap, None, *gap),
        Verdict::Known(SyncStatus::MediumGap(gap)) => (VerdictKind::MediumGap, None, *gap),
        Verdict::Known(SyncStatus::LargeGap(gap)) => (VerdictKind::LargeGap, None, *gap),
        Verdict::Known(SyncStatus::Critical(reason)) => (
            VerdictKind::Critical,
            Some(reason.explanation()),
            critical_gap(reason),
        ),
        Verdict::Unverified(reason) => (VerdictKind::Unknown, Some(reason.to_string()), 0),
    }
}

fn critical_gap<B: BlockT>(reason: &sync_component::status::CriticalReason<B>) -> u64 {
    match reason {
        sync_component::status::CriticalReason::Gap { gap, .. } => *gap,
        _ => 0,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
