use crate::{
    block_id::BlockId,
    block_sync::{FetchError, FetchJob},
    chain_sync::{ResyncError, ResyncJob},
    context::SyncContext,
    height_sync::{Ballot, Electorate, Tally},
};
use async_trait::async_trait;
use sp_runtime::traits::Block as BlockT;
use std::fmt;

/// Tier 1: who votes, and what the votes mean (SPEC section 4).
///
/// Asking, waiting, probing and the outcome rows are the same for all strategies and not theirs to do. A tally is a
/// pure function of the ballot: the same ballot gives the same tally, in whatever order the voters stand. It is
/// computed on every change of the view and for what-if questions, so it must be quick.
///
/// The crate's front page shows a whole one.
pub trait HeightStrategy<B: BlockT>: fmt::Debug + Send + Sync {
    /// Who votes.
    fn electorate(&self) -> Electorate {
        Electorate::Peers
    }

    /// Counts the votes.
    fn tally(&self, ballot: &Ballot<B>) -> Tally<B>;
}

/// Tier 2: how a verified target is fetched (SPEC section 6).
#[async_trait]
pub trait FetchStrategy<B: BlockT>: fmt::Debug + Send + Sync {
    /// Fetches, validates and imports `job`; returns its target. One session runs at a time. Cancelled by dropping at
    /// any await point; whatever was imported stays, and the next session starts from there.
    async fn fetch(
        &self,
        context: &SyncContext<B>,
        job: FetchJob<B>,
    ) -> Result<BlockId<B>, FetchError<B>>;
}

/// Tier 3: how a whole chain is built beside the live one (SPEC section 7).
#[async_trait]
pub trait ResyncStrategy<B: BlockT>: fmt::Debug + Send + Sync {
    /// What it trusts beyond what every node checks of every block, in a sentence for the operator, who reads it before the
    /// order is given. `None`, the default: nothing.
    fn trusts(&self) -> Option<&'static str> {
        None
    }

    /// Fetches and validates all that the job's sources have into its staged chain, from where that ends; returns the
    /// staged tip. What is staged stays when it fails, and the next call starts from there. Cancelled by dropping at any
    /// await point.
    async fn download(
        &self,
        context: &SyncContext<B>,
        job: &ResyncJob<B>,
    ) -> Result<BlockId<B>, ResyncError<B>>;
}
