use super::{
    FetchError, FetchJob,
    manager::{import, request_block},
};
use crate::{block_id::BlockId, context::SyncContext, registry::FetchStrategy};
use async_trait::async_trait;
use sp_runtime::traits::Block as BlockT;

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
        if job.is_branch(&context.bridge.best()) {
            fetch_branch(context, &job).await?;
        } else {
            for header in job.headers() {
                fetch_one(context, header).await?;
            }
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
        match import(context, vec![delivered]).await {
            Err(FetchError::WrongBody { .. }) if attempts > 0 => {}
            result => return result,
        }
    }
}

/// A branch is imported as one batch, so that the chain switches in one step and only when all of it holds. What does
/// not fit the window goes in further batches.
async fn fetch_branch<B: BlockT>(
    context: &SyncContext<B>,
    job: &FetchJob<B>,
) -> Result<(), FetchError<B>> {
    let limits = &context.settings.limits;
    let mut batch = Vec::new();
    let mut bytes = 0;
    for header in job.headers() {
        let delivered = request_block(context, header).await?;
        bytes += delivered.block.encoded_size();
        batch.push(delivered);
        if batch.len() >= limits.window_blocks || bytes >= limits.window_bytes {
            import(context, std::mem::take(&mut batch)).await?;
            bytes = 0;
        }
    }
    if batch.is_empty() {
        Ok(())
    } else {
        import(context, batch).await
    }
}
