use sp_runtime::traits::Block as BlockT;
use sync_component::{
    SyncStatus,
    status::{Note, StatusReport, Verdict},
};

/// Whether work may be sent to the node (SPEC section 12): enough votes are with it, its tip is fresh, new blocks come, and it
/// signs what it has to sign.
pub(super) fn is_ready<B: BlockT>(report: &StatusReport<B>) -> bool {
    let agrees = matches!(report.verdict, Verdict::Known(SyncStatus::InSync));
    let is_ill = report.notes.iter().any(|note| match note {
        Note::Stalled { .. } | Note::BehindSchedule { .. } | Note::NotSigned { .. } => true,
        Note::Minority { .. } | Note::Suspect { .. } | Note::Equivocation(_) => false,
    });
    agrees && !is_ill
}
