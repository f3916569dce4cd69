use crate::{block_id::BlockId, ports::PeerId};
use sp_runtime::traits::Block as BlockT;

/// What the operator asks of a resync.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResyncRequest<B: BlockT> {
    /// Peers that the operator vouches for; empty: the trusted ones are used.
    pub peers: Vec<PeerId>,
    /// A block that the new chain must hold; stands in for a vote where none is possible.
    pub checkpoint: Option<BlockId<B>>,
}

/// The operator's word, without which no resync runs. [`OperatorsOrder::given_by_the_operator`] is the only way to make
/// one, and only the command line and the admin RPC may call it: `.clippy.toml` refuses every other call.
#[derive(Debug)]
pub struct OperatorsOrder<B: BlockT>(ResyncRequest<B>);

impl<B: BlockT> OperatorsOrder<B> {
    /// To be called where an operator's command arrives, and nowhere else (SPEC section 7).
    pub fn given_by_the_operator(request: ResyncRequest<B>) -> Self {
        Self(request)
    }

    /// What was asked for.
    pub fn request(&self) -> &ResyncRequest<B> {
        &self.0
    }
}
