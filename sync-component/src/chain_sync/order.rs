use super::ResyncRun;
use crate::{
    block_id::{BlockId, number},
    ports::{NotAPeerId, PeerId},
};
use codec::{DecodeAll, Encode};
use sp_runtime::traits::Block as BlockT;

/// What the operator asks of a resync.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResyncRequest<B: BlockT> {
    /// Peers that the operator vouches for; empty: the trusted ones are used.
    pub peers: Vec<PeerId>,
    /// A block that the new chain must hold; stands in for a vote where none is possible.
    pub checkpoint: Option<BlockId<B>>,
}

/// A text that asks for nothing that can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRequest {
    /// A peer.
    #[error(transparent)]
    Peer(#[from] NotAPeerId),
    /// A checkpoint.
    #[error("a checkpoint is N:HASH, a block's number and its hash in hex, like 1200:0x51f3…")]
    Checkpoint,
}

impl<B: BlockT> ResyncRequest<B> {
    /// Reads peer ids in base58 and a checkpoint `N:HASH`.
    pub fn parse(peers: &[String], checkpoint: Option<&str>) -> Result<Self, BadRequest> {
        let peers = peers
            .iter()
            .map(|text| text.parse())
            .collect::<Result<_, _>>()?;
        let checkpoint = checkpoint
            .map(|text| parse_checkpoint(text).ok_or(BadRequest::Checkpoint))
            .transpose()?;
        Ok(Self { peers, checkpoint })
    }

    /// The request as the journal keeps it.
    pub fn written_down(&self, strategy: &str) -> ResyncRun {
        let checkpoint = self.checkpoint.map(|block| {
            let hash = sp_core::bytes::to_hex(&block.hash.encode(), false);
            format!("{}:{hash}", block.height())
        });
        ResyncRun {
            strategy: strategy.to_owned(),
            peers: self.peers.iter().map(ToString::to_string).collect(),
            checkpoint,
        }
    }
}

fn parse_checkpoint<B: BlockT>(text: &str) -> Option<BlockId<B>> {
    let (height, hash) = text.split_once(':')?;
    let height: u64 = height.parse().ok()?;
    let number = number::<B>(height);
    let bytes = sp_core::bytes::from_hex(hash).ok()?;
    let hash = B::Hash::decode_all(&mut bytes.as_slice()).ok()?;
    let block = BlockId::new(number, hash);
    // A number that the chain's type cannot hold is none of its blocks.
    (block.height() == height).then_some(block)
}

/// The operator's word, without which no resync runs. [`OperatorsOrder::given_by_the_operator`] is the only way to make
/// one, and only the command line and the admin RPC may call it: `.clippy.toml` refuses every other call. What an operator
/// told an earlier process to do stands in the journal, which nothing else can begin.
#[derive(Debug)]
pub struct OperatorsOrder<B: BlockT> {
    request: ResyncRequest<B>,
    origin: Origin,
}

/// When an order was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// Now: the operator waits for what comes of it.
    Operator,
    /// Before: it stands in the journal, and its run goes on by itself.
    Journal,
}

impl<B: BlockT> OperatorsOrder<B> {
    /// To be called where an operator's command arrives, and nowhere else (SPEC section 7).
    pub fn given_by_the_operator(request: ResyncRequest<B>) -> Self {
        Self {
            request,
            origin: Origin::Operator,
        }
    }

    /// The order that an interrupted run was begun with.
    pub fn of_journal(run: &ResyncRun) -> Result<Self, BadRequest> {
        let request = ResyncRequest::parse(&run.peers, run.checkpoint.as_deref())?;
        Ok(Self {
            request,
            origin: Origin::Journal,
        })
    }

    /// What was asked for.
    pub fn request(&self) -> &ResyncRequest<B> {
        &self.request
    }

    /// Whether an earlier process, or an earlier attempt, began its run.
    pub fn is_of_journal(&self) -> bool {
        self.origin == Origin::Journal
    }
}
