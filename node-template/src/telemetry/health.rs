use sp_runtime::traits::Block as BlockT;
use sync_component::{
    SyncStatus,
    status::{HealthLine, StatusReport, Verdict},
};

/// Which health lines are worth showing. Every block that arrives makes a gap of one for a moment: a small gap is shown
/// only if it is still there when somebody looks again, and nothing is shown twice in a row.
#[derive(Debug, Default)]
pub(super) struct HealthLog {
    shown: Option<String>,
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
        let line = HealthLine(report).to_string();
        // Heights change all the time; what is before them does not.
        let kind = match report.verdict {
            Verdict::Known(SyncStatus::Critical(_)) | Verdict::Unverified(_) => line.as_str(),
            Verdict::Known(_) => line.split(':').next().unwrap_or(&line),
        };
        if self.shown.as_deref() == Some(kind) {
            return None;
        }
        self.shown = Some(kind.to_owned());
        Some(line)
    }
}
