use super::FetchJob;
use crate::context::SyncContext;
use sp_runtime::traits::Block as BlockT;

/// How many of a branch's blocks are imported as one batch, so that the chain switches in one step: all of them if the
/// branch ends near our own tip. Whoever is far behind switches with the first better block and goes on from there:
/// a long branch would have to be held in memory, and lost as a whole.
pub(super) fn switch_at<B: BlockT>(context: &SyncContext<B>, job: &FetchJob<B>) -> usize {
    let ours = context.bridge.best().height();
    let all = job.headers().len();
    if job.target().height() <= ours.saturating_add(context.settings.tier1.max_gap) {
        return all;
    }
    let better = ours.saturating_add(1).saturating_sub(job.base.height());
    usize::try_from(better).map_or(all, |better| better.min(all))
}
