//! Why a node was not cleared.

use super::chains::Block;
use sync_component::{
    NetworkError, SyncStatus,
    error::NoConsensus,
    status::{CriticalReason, Verdict},
};

/// The row that refused, without its figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Refusal {
    /// Row 1.
    Gap,
    /// Row 2.
    Fork,
    /// Too few of the peers answered, or none has a vote.
    Turnout,
    /// Row 3: too few votes are with us.
    Votes,
    /// `height-majority`: no height is common enough.
    NoCommonHeight,
    /// Row 4: more than half of the voters are far below us.
    Ahead,
    /// `authority-quorum`: need(n) hold nothing of our last blocks, one less than `tier2_max_reorg` of them.
    AboveConsensus,
    /// Anything else.
    Other,
}

impl Refusal {
    /// All of them, in the order of the document.
    pub(super) const ALL: [Self; 8] = [
        Self::Gap,
        Self::Fork,
        Self::Turnout,
        Self::Votes,
        Self::NoCommonHeight,
        Self::Ahead,
        Self::AboveConsensus,
        Self::Other,
    ];

    /// Why `verdict` does not clear; `None` if it does.
    pub(super) fn of(verdict: &Verdict<Block>) -> Option<Self> {
        let reason = match verdict {
            Verdict::Known(status) => match status {
                SyncStatus::InSync => return None,
                SyncStatus::SmallGap(_)
                | SyncStatus::MediumGap(_)
                | SyncStatus::LargeGap(_)
                | SyncStatus::Critical(CriticalReason::Gap { .. }) => Self::Gap,
                SyncStatus::Critical(CriticalReason::Fork { .. }) => Self::Fork,
                SyncStatus::Critical(CriticalReason::Ahead { .. }) => Self::Ahead,
                SyncStatus::Critical(_) => Self::Other,
            },
            Verdict::Unverified(NetworkError::NoConsensusReached(reason)) => match reason {
                NoConsensus::TooFewResponses { .. } | NoConsensus::NoVotes { .. } => Self::Turnout,
                NoConsensus::Split { .. } | NoConsensus::Attestations { .. } => Self::Votes,
                NoConsensus::NoCommonHeight { .. } => Self::NoCommonHeight,
                NoConsensus::Ahead { .. } => Self::Ahead,
                NoConsensus::AboveConsensus { .. } => Self::AboveConsensus,
                NoConsensus::BelowConsensus { .. } => Self::Other,
            },
            Verdict::Unverified(NetworkError::Timeout { .. }) => Self::Turnout,
            Verdict::Unverified(_) => Self::Other,
        };
        Some(reason)
    }

    /// In words.
    pub(super) const fn describe(self) -> &'static str {
        match self {
            Self::Gap => "a verified higher tip",
            Self::Fork => "need(n) on a fork too deep to heal",
            Self::Turnout => "too few answers, or none with a vote",
            Self::Votes => "fewer than need(n) with us",
            Self::NoCommonHeight => "no height that need(n) report",
            Self::Ahead => "more than half far below us",
            Self::AboveConsensus => "need(n) hold none of our last blocks",
            Self::Other => "another",
        }
    }
}
