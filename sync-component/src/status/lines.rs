use super::{CriticalReason, StatusReport, SyncStatus, Verdict};
use sp_runtime::traits::Block as BlockT;
use std::fmt;

/// The health line of SPEC section 10; prints itself.
#[derive(Clone, Debug)]
pub struct HealthLine<'a, B: BlockT>(pub &'a StatusReport<B>);

impl<B: BlockT> fmt::Display for HealthLine<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.0;
        let height = report.best.height();
        let status = match &report.verdict {
            Verdict::Known(status) => status,
            Verdict::Unverified(reason) => return write!(f, "❔ Unknown: {reason}"),
        };
        let (sign, gap) = match status {
            SyncStatus::InSync => {
                let consensus = report.consensus.map_or(height, |block| block.height());
                return write!(f, "✅ In Sync: Height {height} (consensus: {consensus})");
            }
            SyncStatus::SmallGap(gap) => ("⚠️ Small Gap", gap),
            SyncStatus::MediumGap(gap) => ("🟠 Medium Gap", gap),
            SyncStatus::LargeGap(gap) => ("🔴 Large Gap", gap),
            SyncStatus::Critical(reason) => return critical(f, reason),
        };
        // The gap is measured to the tip that holds us up, so that is what stands as consensus here.
        let consensus = height.saturating_add(*gap);
        write!(
            f,
            "{sign}: Height {height} (consensus: {consensus}, gap: {gap})"
        )
    }
}

fn critical<B: BlockT>(f: &mut fmt::Formatter<'_>, reason: &CriticalReason<B>) -> fmt::Result {
    write!(f, "🚨 Critical: {reason}")
}
