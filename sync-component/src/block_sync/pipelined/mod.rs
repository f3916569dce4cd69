//! `pipelined`: ranges from many peers at once. The scheduler decides; here its commands are performed.

mod chain;
mod importing;
mod read;
mod session;
mod shelf;
#[cfg(test)]
mod shelf_tests;

use super::{FetchError, FetchJob, Terms};
use crate::{block_id::BlockId, context::SyncContext, registry::FetchStrategy};
use async_trait::async_trait;
use sp_runtime::traits::Block as BlockT;
use std::fmt;

/// `pipelined`, the default: ranges from many peers at once, the lowest missing block first.
///
/// Download, stateless checks (on all cores) and import overlap. How much a peer is asked for follows from what it delivered,
/// how long it is waited for from how long it usually takes; the lowest missing range is asked of a second peer when it is late.
/// What was downloaded and is good outlives its session.
pub struct Pipelined<B: BlockT> {
    shelf: shelf::Shelf<B>,
}

impl<B: BlockT> Default for Pipelined<B> {
    fn default() -> Self {
        Self {
            shelf: shelf::Shelf::default(),
        }
    }
}

impl<B: BlockT> fmt::Debug for Pipelined<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pipelined")
    }
}

#[async_trait]
impl<B: BlockT> FetchStrategy<B> for Pipelined<B> {
    async fn fetch(
        &self,
        context: &SyncContext<B>,
        job: FetchJob<B>,
    ) -> Result<BlockId<B>, FetchError<B>> {
        self.fetch_on(context, job, &Terms::default()).await
    }
}

impl<B: BlockT> Pipelined<B> {
    /// The same on these terms.
    pub(crate) async fn fetch_on(
        &self,
        context: &SyncContext<B>,
        job: FetchJob<B>,
        terms: &Terms,
    ) -> Result<BlockId<B>, FetchError<B>> {
        let session = session::Session::new(context, job, terms, &self.shelf)?;
        session.run().await
    }
}
