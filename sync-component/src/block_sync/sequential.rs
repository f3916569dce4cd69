use super::{
    FetchError, FetchJob,
    manager::{import_run, request_block},
    switch::switch_at,
};
use crate::{block_id::BlockId, context::SyncContext, registry::FetchStrategy};
use async_trait::async_trait;
use sp_runtime::traits::{Block as BlockT, Header as HeaderT};
use std::sync::Arc;

/// `sequential`, the original design's letter: one block at a time, `tier2_timeout_per_block` per attempt,
/// `tier2_max_retries` attempts on different peers. Between failed rounds the orchestrator backs off.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sequential;

#[async_trait]
impl<B: BlockT> FetchStrategy<B> for Sequential {
    async fn fetch(
        &self,
        context: &SyncContext<B>,
        job: FetchJob<B>,
    ) -> Result<BlockId<B>, FetchError<B>> {
        let mut headers = job.headers();
        if job.is_branch(&context.bridge.best()) {
            let (switch, above) = headers.split_at(switch_at(context, &job));
            fetch_branch(context, switch).await?;
            headers = above;
        }
        for header in headers {
            fetch_one(context, header).await?;
        }
        Ok(job.target())
    }
}

/// One block. A body that does not belong to the header costs its sender its place, and the next peer is asked at once.
async fn fetch_one<B: BlockT>(
    context: &SyncContext<B>,
    header: &B::Header,
) -> Result<(), FetchError<B>> {
    let mut attempts = context.settings.tier2.max_retries.get();
    loop {
        let delivered = request_block(context, header).await?;
        attempts -= 1;
        match import_run(context, vec![delivered]).await {
            Err(FetchError::WrongBody { .. }) if attempts > 0 => {}
            result => return result,
        }
    }
}

/// A branch is imported as one batch, so that the chain switches in one step and only when all of it holds. If a block is
/// missing, those below our own height are stored all the same: no fork choice takes them, and the next session begins
/// above them.
async fn fetch_branch<B: BlockT>(
    context: &SyncContext<B>,
    headers: &[Arc<B::Header>],
) -> Result<(), FetchError<B>> {
    let mut batch = Vec::new();
    for header in headers {
        match request_block(context, header).await {
            Ok(delivered) => batch.push(delivered),
            Err(error) => {
                let ours = context.bridge.best().number;
                batch.retain(|delivered| *delivered.block.header().number() < ours);
                if !batch.is_empty() {
                    import_run(context, batch).await?;
                }
                return Err(error);
            }
        }
    }
    import_run(context, batch).await
}
