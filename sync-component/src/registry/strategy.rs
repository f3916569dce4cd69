use crate::{
    block_id::BlockId,
    block_sync::FetchJob,
    context::SyncContext,
    error::NetworkError,
    height_sync::{Ballot, Tally},
};
use async_trait::async_trait;
use sp_runtime::traits::Block as BlockT;
use std::fmt;

/// Tier 1: how answers become a position (SPEC section 4).
///
/// Asking, waiting, probing and the outcome rows are the same for all; a strategy says who votes and what the votes
/// mean. It is a pure function: same ballot, same tally.
pub trait HeightStrategy<B: BlockT>: fmt::Debug + Send + Sync {
    /// Counts the votes.
    fn tally(&self, ballot: &Ballot<B>) -> Tally<B>;
}

/// Tier 2: how a verified target is fetched (SPEC section 6).
#[async_trait]
pub trait FetchStrategy<B: BlockT>: fmt::Debug + Send + Sync {
    /// Fetches, validates and imports `job`. Cancelled by dropping; whatever was imported stays.
    async fn fetch(
        &self,
        context: &SyncContext<B>,
        job: FetchJob<B>,
    ) -> Result<BlockId<B>, NetworkError>;
}

/// Tier 3: how a whole chain is built beside the live one (SPEC section 7).
#[async_trait]
pub trait ResyncStrategy<B: BlockT>: fmt::Debug + Send + Sync {
    /// Downloads and validates up to `target`.
    async fn download(
        &self,
        context: &SyncContext<B>,
        target: BlockId<B>,
    ) -> Result<BlockId<B>, NetworkError>;
}
