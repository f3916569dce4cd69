use codec::{Decode, Encode};
use sp_consensus_aura::sr25519::AuthorityId;
use sp_runtime::traits::Block as BlockT;
use sync_component::BlockId;

/// Where the chain stands: one value, replaced with every import.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[codec(encode_bound())]
#[codec(decode_bound())]
pub struct Head<B: BlockT> {
    /// Tip of the best chain.
    pub best: BlockId<B>,
    /// Highest final block.
    pub finalized: BlockId<B>,
    /// Stored blocks without a stored child, the best one included, in rising order; those that the fork choice can
    /// never take are dropped from it.
    pub leaves: Vec<BlockId<B>>,
    /// For each authority the height of the highest block of the best chain above the final one that it sealed, for
    /// finality; in the order of keys.
    pub authored: Vec<(AuthorityId, u64)>,
}

impl<B: BlockT> Head<B> {
    /// A chain with only genesis.
    pub fn genesis(genesis: BlockId<B>) -> Self {
        Self {
            best: genesis,
            finalized: genesis,
            leaves: vec![genesis],
            authored: Vec::new(),
        }
    }
}
