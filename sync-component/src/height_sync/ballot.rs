use crate::{block_id::BlockId, settings::Threshold};
use sp_runtime::traits::Block as BlockT;

/// Everything a strategy may count: the voters of one round, and our own tip.
#[derive(Clone, Debug)]
pub struct Ballot<B: BlockT> {
    /// Our best block.
    pub ours: BlockId<B>,
    /// `tier1_consensus_threshold`.
    pub threshold: Threshold,
    /// Every peer with a vote (SPEC section 0, *voter*), one entry each.
    pub voters: Vec<Voter<B>>,
}

/// One vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voter<B: BlockT> {
    /// The tip that the voter claims.
    pub tip: BlockId<B>,
    /// Whether it is on our chain.
    pub side: Side,
}

impl<B: BlockT> Copy for Voter<B> {}

/// Whether a voter is on our chain, at the lower of its number and ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Its hash there is our hash.
    WithUs,
    /// It is another.
    Against,
}

/// The votes, counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally<B: BlockT> {
    /// n.
    pub voters: usize,
    /// need(n).
    pub need: usize,
    /// Votes with us, our own included where the strategy counts it.
    pub with_us: usize,
    /// The consensus block; `None` where the strategy needs one and there is none.
    pub consensus: Option<BlockId<B>>,
}
