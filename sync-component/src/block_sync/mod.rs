//! Tier 2.
use crate::block_id::BlockId;
use sp_runtime::traits::Block as BlockT;
/// What to fetch.
#[derive(Debug)]
pub struct FetchJob<B: BlockT>(pub BlockId<B>);
