use sp_runtime::traits::Block as BlockT;
use std::mem::{Discriminant, discriminant};
use sync_component::{
    NetworkError, SyncStatus,
    error::NoConsensus,
    status::{CriticalReason, HealthLine, StatusReport, Verdict},
};

/// Which health lines are worth showing. Every block that arrives makes a gap of one for a moment: a small gap is shown
/// only if it is still there when somebody looks again, and nothing is shown twice in a row.
#[derive(Debug, Default)]
pub(super) struct HealthLog {
    shown: Option<Kind>,
}

impl HealthLog {
    /// The line of a status that has just changed, if it is to be shown now.
    pub(super) fn changed<B: BlockT>(&mut self, report: &StatusReport<B>) -> Option<String> {
        match report.verdict {
            Verdict::Known(SyncStatus::SmallGap(_)) => None,
            _ => self.looked(report),
        }
    }

    /// The line of a status that has lasted, if it is not the one that was shown last.
    pub(super) fn looked<B: BlockT>(&mut self, report: &StatusReport<B>) -> Option<String> {
        let kind = Kind::of(&report.verdict);
        if self.shown == Some(kind) {
            return None;
        }
        self.shown = Some(kind);
        Some(HealthLine(report).to_string())
    }
}

/// What a health line is about. Heights and gaps change with each block; the line is shown when something else does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Known(&'static str),
    Unknown(
        Discriminant<NetworkError>,
        Option<Discriminant<NoConsensus>>,
    ),
}

impl Kind {
    fn of<B: BlockT>(verdict: &Verdict<B>) -> Self {
        let status = match verdict {
            Verdict::Known(status) => status,
            Verdict::Unverified(error) => {
                let why = match error {
                    NetworkError::NoConsensusReached(why) => Some(discriminant(why)),
                    _ => None,
                };
                return Self::Unknown(discriminant(error), why);
            }
        };
        Self::Known(match status {
            SyncStatus::InSync => "in sync",
            SyncStatus::SmallGap(_) => "small gap",
            SyncStatus::MediumGap(_) => "medium gap",
            SyncStatus::LargeGap(_) => "large gap",
            SyncStatus::Critical(reason) => match reason {
                CriticalReason::Gap { .. } => "critical gap",
                CriticalReason::Fork { .. } => "fork",
                CriticalReason::MayBeFaulty { .. } => "may be faulty",
                CriticalReason::FinalityConflict { .. } => "finality conflict",
                CriticalReason::OwnKeyUsedElsewhere { .. } => "own key used elsewhere",
                CriticalReason::Ahead { .. } => "ahead",
            },
        })
    }
}
