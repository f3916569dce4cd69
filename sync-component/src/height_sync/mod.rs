//! Tier 1.
use crate::block_id::BlockId;
use sp_runtime::traits::Block as BlockT;
/// Answers of one round.
#[derive(Debug)]
pub struct Ballot<B: BlockT>(pub Vec<BlockId<B>>);
/// Counted votes.
#[derive(Debug)]
pub struct Tally<B: BlockT>(pub Vec<BlockId<B>>);
