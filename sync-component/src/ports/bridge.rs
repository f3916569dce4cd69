use super::{BuildSnapshots, CheckReport, CheckedBlocks, NoSnapshots, ServeStates, UnixMillis};
use crate::{block_id::BlockId, error::Blame};
use sp_consensus_aura::{Slot, SlotDuration, sr25519::AuthorityId};
use sp_runtime::traits::{Block as BlockT, CheckedAdd, NumberFor, One};
use std::{fmt, sync::Arc};
use tokio::sync::broadcast;

/// Everything the component asks of the chain. Implemented by `runtime-bridge`.
///
/// All calls are synchronous; those of [`ImportBlocks`] may take long and are made through the
/// [`Executor`](super::Executor).
pub trait Bridge<B: BlockT>: ReadChain<B> + VerifyHeaders<B> + ImportBlocks<B> {}

impl<B: BlockT, T: ReadChain<B> + VerifyHeaders<B> + ImportBlocks<B>> Bridge<B> for T {}

/// A fault of our own store or process. Never a peer's (SPEC section 3).
#[derive(Clone, Debug, thiserror::Error)]
#[error("the block store failed: {source}")]
pub struct BridgeError {
    /// What the store said.
    #[source]
    pub source: Arc<dyn std::error::Error + Send + Sync>,
}

impl BridgeError {
    /// A local fault caused by `source`.
    pub fn new(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self {
            source: Arc::new(source),
        }
    }
}

/// Where a block stands in our store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Not stored.
    Absent,
    /// Stored and part of the best chain.
    Canonical,
    /// Stored and valid, on a branch that the fork choice did not take.
    Fork,
}

/// Reading the chain. Calls are short; none waits for an import that is under way.
pub trait ReadChain<B: BlockT>: fmt::Debug + Send + Sync {
    /// Hash of block 0.
    fn genesis_hash(&self) -> B::Hash;
    /// Tip of the best chain, from memory.
    fn best(&self) -> BlockId<B>;
    /// Highest final block (SPEC section 1), from memory.
    fn finalized(&self) -> BlockId<B>;
    /// Lowest block whose body we can serve, from memory.
    fn lowest_served(&self) -> NumberFor<B>;
    /// Hash of the best chain's block at `number`; `None` above its tip.
    fn canonical_hash(&self, number: NumberFor<B>) -> Result<Option<B::Hash>, BridgeError>;
    /// A stored header, on whatever branch.
    fn header(&self, hash: B::Hash) -> Result<Option<B::Header>, BridgeError>;
    /// A stored block, on whatever branch; `None` also if only its header is stored.
    fn block(&self, hash: B::Hash) -> Result<Option<B>, BridgeError>;
    /// Headers of the best chain from `start` on, rising, at most `most`, each with its hash; fewer where the chain ends. Those
    /// of two chains if it changes meanwhile: whoever needs one chain looks at the links. By default one after the other; a
    /// store that has them beside each other reads them faster.
    fn headers_from(
        &self,
        start: NumberFor<B>,
        most: u32,
    ) -> Result<Vec<HashedHeader<B>>, BridgeError> {
        let mut found = Vec::new();
        let mut number = start;
        while found.len() < usize::try_from(most).unwrap_or(usize::MAX) {
            let Some(hash) = self.canonical_hash(number)? else {
                break;
            };
            let Some(header) = self.header(hash)? else {
                break;
            };
            found.push((hash, header));
            let Some(next) = number.checked_add(&One::one()) else {
                break;
            };
            number = next;
        }
        Ok(found)
    }
    /// The stored block with this hash and header; `None` if its body is not stored. By default [`ReadChain::block`].
    fn block_with(&self, hash: B::Hash, _header: B::Header) -> Result<Option<B>, BridgeError> {
        self.block(hash)
    }
    /// Where this block stands.
    fn presence(&self, hash: B::Hash) -> Result<Presence, BridgeError>;
    /// Changes of the best chain, in order. A receiver that lags reads [`ReadChain::best`] again.
    fn events(&self) -> broadcast::Receiver<ChainEvent<B>>;

    /// Its states, for those that fetch a snapshot; `None` if it gives none away, as by default.
    fn states(&self) -> Option<&dyn ServeStates<B>> {
        None
    }
}

/// A header and its hash.
pub type HashedHeader<B> = (<B as BlockT>::Hash, <B as BlockT>::Header);

/// The best chain has a new tip.
#[derive(Clone, Debug)]
pub struct ChainEvent<B: BlockT> {
    /// The new tip's header.
    pub header: B::Header,
    /// The new tip.
    pub best: BlockId<B>,
    /// The highest final block at that moment.
    pub finalized: BlockId<B>,
    /// Set if blocks left the best chain for this.
    pub retracted: Option<Retracted<B>>,
}

/// A reorganisation: the part of the best chain that was left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retracted<B: BlockT> {
    /// The tip that was left.
    pub old_best: BlockId<B>,
    /// The highest block that both branches share.
    pub common_ancestor: BlockId<B>,
}

impl<B: BlockT> Copy for Retracted<B> {}

/// What is wrong with a header on its own or with its link to its parent. Needs no state: the sender could have known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderFault {
    /// `parent_hash` is not the parent's hash, or the number is not the parent's plus one.
    #[error("it does not follow its parent")]
    BrokenLink,
    /// The digest is not exactly one pre-runtime slot and one seal.
    #[error("its digest is not exactly a slot and a seal")]
    BadDigest,
    /// The seal is not the signature of the slot's authority.
    #[error("its seal is not by the authority of its slot")]
    BadSeal,
    /// The same, by the authorities after a stored block further below, where one in between may have changed them: only
    /// execution tells. Never charged.
    #[error(
        "its seal is not by the authority that the last stored block below names for its slot; a block in between may name another"
    )]
    UnexplainedSeal,
    /// The slot is not above the parent's.
    #[error("its slot {slot} is not above its parent's")]
    SlotNotRising {
        /// The header's slot.
        slot: Slot,
    },
    /// The slot starts later than now plus the drift allowed. Put off, never charged: the clock may be ours.
    #[error("its slot {slot} lies in the future; if this repeats, check this machine's clock")]
    FromFuture {
        /// The header's slot.
        slot: Slot,
    },
    /// The chain spec names this block as bad.
    #[error("the chain spec lists it as a bad block")]
    BadBlock,
    /// The chain spec has a checkpoint with another hash at this height.
    #[error("the chain spec's checkpoint at its height has another hash")]
    AgainstCheckpoint,
}

impl HeaderFault {
    /// Whose fault it is. Whoever is on the other side of what our own chain spec lists has done nothing wrong.
    pub fn blame(&self) -> Blame {
        match self {
            Self::UnexplainedSeal
            | Self::FromFuture { .. }
            | Self::BadBlock
            | Self::AgainstCheckpoint => Blame::Unknown,
            Self::BrokenLink | Self::BadDigest | Self::BadSeal | Self::SlotNotRising { .. } => {
                Blame::Peer
            }
        }
    }

    /// Whether the chain that it is on can never be ours.
    pub fn rules_out_chain(&self) -> bool {
        matches!(self, Self::BadBlock | Self::AgainstCheckpoint)
    }
}

/// The first header of a run that does not hold.
#[derive(Clone, Debug, thiserror::Error)]
pub enum HeaderRejected {
    /// The header at `index` is faulty; all before it are good.
    #[error("header {index} of the run: {fault}")]
    Faulty {
        /// Position in the run, from 0.
        index: usize,
        /// What is wrong with it.
        fault: HeaderFault,
    },
    /// Our own store failed.
    #[error(transparent)]
    Local(#[from] BridgeError),
}

/// Checking headers without their bodies.
pub trait VerifyHeaders<B: BlockT>: fmt::Debug + Send + Sync {
    /// Length of a slot.
    fn slot_duration(&self) -> SlotDuration;
    /// The slot in the header's digest, unverified.
    fn slot_of(&self, header: &B::Header) -> Result<Slot, HeaderFault>;
    /// The authorities that may seal children of the stored block `parent`, in slot order.
    fn authorities_at(&self, parent: B::Hash) -> Result<Vec<AuthorityId>, BridgeError>;
    /// Checks that `headers` follow `parent` one by one and that each is sealed by the authority of its slot, in
    /// rising slots, none in the future of `now` (SPEC section 0, *verified tip*). `base` is the stored block that the
    /// whole run builds on; `parent` is its header, or one verified above it before.
    ///
    /// A header that does not follow is a [`HeaderFault::BrokenLink`], whatever else is wrong with it: its sender may not know
    /// what the others were told. Above a block that is not stored, a chain whose authorities can change answers
    /// [`HeaderFault::UnexplainedSeal`] where one whose authorities never do answers [`HeaderFault::BadSeal`].
    fn verify_headers(
        &self,
        base: BlockId<B>,
        parent: &B::Header,
        headers: &[B::Header],
        now: UnixMillis,
    ) -> Result<(), HeaderRejected>;
}

/// What is wrong with a block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockFault {
    /// The header does not hold.
    #[error(transparent)]
    Header(#[from] HeaderFault),
    /// The body does not hash to the header's `extrinsics_root`. Found before any other fault of a body, because all
    /// others are the block's own and this one is only its carrier's.
    #[error("its body does not match the extrinsics root in its header")]
    WrongExtrinsicsRoot,
    /// Longer than the chain allows.
    #[error("it is {bytes} bytes long, the limit is {limit}")]
    TooLarge {
        /// Encoded length in bytes.
        bytes: usize,
        /// The chain's limit in bytes (`block_bytes`).
        limit: usize,
    },
    /// An extrinsic's signature is bad. Needs no state.
    #[error("the signature of extrinsic {index} is bad")]
    BadSignature {
        /// Position in the block, from 0.
        index: usize,
    },
    /// Execution at the parent's state failed. Nobody is charged: the fault may be ours.
    #[error("it fails in execution: {reason}")]
    Execution {
        /// What the runtime said.
        reason: String,
    },
    /// Execution gives another state root than the header's. Nobody is charged: the fault may be ours.
    #[error("executing it does not give the state root in its header")]
    WrongStateRoot,
}

impl BlockFault {
    /// Whose fault it is (SPEC section 3).
    pub fn blame(&self) -> Blame {
        match self {
            Self::Header(fault) => fault.blame(),
            Self::WrongExtrinsicsRoot | Self::TooLarge { .. } | Self::BadSignature { .. } => {
                Blame::Peer
            }
            Self::Execution { .. } | Self::WrongStateRoot => Blame::Unknown,
        }
    }
}

/// Why an import stopped.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ImportError<B: BlockT> {
    /// The parent is not stored. Fetch it first.
    #[error("the parent of block {id} is not stored")]
    UnknownParent {
        /// The block that was refused.
        id: BlockId<B>,
    },
    /// The block can never be imported here.
    #[error("block {id} is not valid: {fault}")]
    Invalid {
        /// The block that was refused.
        id: BlockId<B>,
        /// What is wrong with it.
        fault: BlockFault,
    },
    /// The block builds on one that the fork choice can never take, at or below the final block.
    #[error("block {id} conflicts with the final block {finalized}")]
    AgainstFinal {
        /// The block that was refused.
        id: BlockId<B>,
        /// Our final block.
        finalized: BlockId<B>,
    },
    /// Authoring only: the best block is no longer the one the gate cleared. The new block is to be dropped unsent.
    #[error("our best block is {best} now, not the cleared {cleared}: the new block was dropped")]
    ClearanceLost {
        /// The parent that the gate cleared.
        cleared: BlockId<B>,
        /// Our best block now.
        best: BlockId<B>,
    },
    /// Our own store failed.
    #[error(transparent)]
    Local(#[from] BridgeError),
}

impl<B: BlockT> ImportError<B> {
    /// Whose fault it is (SPEC section 3).
    pub fn blame(&self) -> Blame {
        match self {
            Self::Invalid { fault, .. } => fault.blame(),
            Self::UnknownParent { .. } | Self::AgainstFinal { .. } => Blame::Unknown,
            Self::ClearanceLost { .. } | Self::Local(_) => Blame::Local,
        }
    }
}

/// What an import did. Blocks before a failing one stay imported: nothing good is thrown away (SPEC section 6).
#[derive(Clone, Debug)]
pub struct ImportReport<B: BlockT> {
    /// How many blocks from the front of the run are now stored (those stored before count).
    pub stored: usize,
    /// Why the rest was not imported.
    pub failure: Option<ImportError<B>>,
    /// That rest, up to the end of the run, so that nobody fetches it again: the block that failed first. Without those that are stored; none
    /// from a bridge that does not give them back.
    pub left: CheckedBlocks<B>,
}

/// The last round of Tier 1, for the fork choice (SPEC section 1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vote<B: BlockT> {
    /// How it stands for our tip.
    pub standing: VoteStanding,
    /// The highest block of ours that need(n) votes hold; `None` if there is none, or it is not known. While it is on the best
    /// chain, neither it nor anything below it is taken back, whatever is built above it: our own last block may be one that
    /// nobody else takes.
    pub held: Option<BlockId<B>>,
    /// Another block at the height of ours on which more authorities are than on ours, and more than may be faulty, and which they do
    /// not leave: of chains that are equally long one that holds it comes before all others, ours among them. Those who outvote us
    /// cannot know that we are honest, so it is for us to give way. `None` if there is none.
    pub outvoted_by: Option<BlockId<B>>,
}

impl<B: BlockT> Copy for Vote<B> {}

impl<B: BlockT> From<VoteStanding> for Vote<B> {
    fn from(standing: VoteStanding) -> Self {
        Self {
            standing,
            held: None,
            outvoted_by: None,
        }
    }
}

/// How the last round stands for our tip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoteStanding {
    /// need(n) votes are with us: nothing of ours is taken back.
    WithUs,
    /// They are not, or it is not known: the longest chain, then the tie rule.
    NotWithUs,
}

/// Changing the chain.
pub trait ImportBlocks<B: BlockT>: fmt::Debug + Send + Sync {
    /// Validates and stores `blocks`, each the child of the one before, the first the child of a stored block. All
    /// that hold become visible in one write, and the fork choice runs once, at the end: a reader sees the chain
    /// before or after, never between.
    fn import(&self, blocks: Vec<B>) -> ImportReport<B>;

    /// Checks all of `blocks` that needs no state: links, seals, extrinsics roots, signatures, sizes. They follow `parent`
    /// one by one, the header of a stored block or one verified above it; `base` is the stored block that all of this builds
    /// on, whose state names the authorities. Changes nothing; several calls run at once, each on a thread of its own.
    ///
    /// A bridge that has no such split leaves it, and [`ImportBlocks::import_checked`], out.
    fn check(&self, base: BlockId<B>, parent: &B::Header, blocks: Vec<B>) -> CheckReport<B> {
        let _ = (base, parent);
        CheckReport {
            checked: CheckedBlocks::unchecked(blocks),
            failure: None,
        }
    }

    /// As [`ImportBlocks::import`], without repeating what [`ImportBlocks::check`] of this bridge found good.
    fn import_checked(&self, blocks: CheckedBlocks<B>) -> ImportReport<B> {
        self.import(blocks.into_blocks())
    }

    /// Tells the fork choice how the vote stands and applies it again to the stored tips.
    fn set_vote(&self, vote: Vote<B>) -> Result<(), BridgeError>;

    /// Building this chain from a snapshot; by default it cannot be.
    fn snapshots(&self) -> Result<&dyn BuildSnapshots<B>, NoSnapshots> {
        Err(NoSnapshots::NotOffered)
    }
}
