use sp_runtime::traits::Block as BlockT;
use sync_component::{
    SyncStatus,
    status::{Note, StatusReport, Verdict},
};

/// Whether work may be sent to the node (SPEC section 12): enough votes are with it, its tip is fresh, and new blocks come.
pub(super) fn is_ready<B: BlockT>(report: &StatusReport<B>) -> bool {
    let agrees = matches!(report.verdict, Verdict::Known(SyncStatus::InSync));
    let is_old = report.notes.iter().any(|note| match note {
        Note::Stalled { .. } | Note::BehindSchedule { .. } => true,
        Note::Minority { .. } | Note::Suspect { .. } | Note::Equivocation(_) => false,
    });
    agrees && !is_old
}
