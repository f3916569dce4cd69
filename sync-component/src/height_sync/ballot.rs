use super::Lineage;
use crate::{block_id::BlockId, settings::Threshold};
use sp_runtime::traits::Block as BlockT;

/// Who votes (SPEC section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Electorate {
    /// Connected peers, one vote for each peer id, by what they say of themselves.
    Peers,
    /// The authorities of the next block, our own keys included, by the attestations that count. Who carried an attestation
    /// does not matter, and who is silent still counts as a voter.
    Authorities,
}

/// Everything a strategy may count: the voters of one round, and our own tip.
#[derive(Clone, Debug)]
pub struct Ballot<B: BlockT> {
    /// Our best block.
    pub ours: BlockId<B>,
    /// `tier1_consensus_threshold`.
    pub threshold: Threshold,
    /// Every voter that was heard (SPEC section 0, *voter*), one entry each.
    pub voters: Vec<Voter<B>>,
    /// Voters that were not heard and count all the same: authorities without an attestation that counts. 0 where peers vote.
    pub silent: usize,
}

/// One vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voter<B: BlockT> {
    /// The tip that the voter claims or attests.
    pub tip: BlockId<B>,
    /// Whether it is on our chain.
    pub side: Side,
    /// What is known of the chain that it is on.
    pub chain: Lineage<B>,
}

impl<B: BlockT> Voter<B> {
    /// A voter on our chain, with its tip at or below ours.
    pub fn on_our_chain(tip: BlockId<B>) -> Self {
        Self {
            tip,
            side: Side::WithUs,
            chain: Lineage::on_our_chain(tip),
        }
    }
}

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
    /// n of the vote that clears a slot: our own vote included where the strategy adds it.
    pub voters: usize,
    /// need(`voters`).
    pub need: usize,
    /// Votes with us, our own included where the strategy adds it.
    pub with_us: usize,
    /// n of all other questions: `voters` without the vote that the strategy adds for us.
    pub electors: usize,
    /// need(`electors`): how many share one hash against us before it is a fork of ours.
    pub need_of_electors: usize,
    /// The consensus block; `None` where the strategy needs one and there is none.
    pub consensus: Option<BlockId<B>>,
}

impl<B: BlockT> Tally<B> {
    /// Whether the votes with us are enough.
    pub fn is_with_us(&self) -> bool {
        self.voters > 0 && self.with_us >= self.need
    }

    /// Votes with us, without the one that the strategy adds for us.
    pub fn electors_with_us(&self) -> usize {
        let added = self.voters.saturating_sub(self.electors);
        self.with_us.saturating_sub(added)
    }
}

impl<B: BlockT> Ballot<B> {
    /// Voters with us.
    pub fn with_us(&self) -> usize {
        self.voters
            .iter()
            .filter(|voter| voter.side == Side::WithUs)
            .count()
    }
}
