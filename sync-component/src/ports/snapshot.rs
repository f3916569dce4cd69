use super::{BridgeError, HeaderRejected, UnixMillis};
use crate::{block_id::BlockId, error::Blame};
use sp_runtime::traits::{Block as BlockT, NumberFor};
use std::fmt;

/// A piece of a state: the nodes of its trie that a walk from the root to the entries after some key meets, in the order in
/// which it meets them (`PROTOCOL.md`, `sync/state/1`). The entries follow from it and are not sent apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateProof(pub Vec<Vec<u8>>);

/// How long a proof may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProofBudget {
    /// Bytes beyond which no further entry is begun (`reply_soft_bytes`).
    pub soft: usize,
    /// Most bytes, if a single entry needs them (`reply_hard_bytes`).
    pub hard: usize,
    /// Nodes beyond which no further entry is begun (`state_nodes_per_request`). Each is read from the store.
    pub nodes: usize,
}

/// Giving states away, by ranges with proofs. A capability that a bridge may lack: see
/// [`ReadChain::states`](super::ReadChain::states).
pub trait ServeStates<B: BlockT>: fmt::Debug + Send + Sync {
    /// The entries of the state after `block` whose keys come after `after` (`None`: from the first on), as many as the
    /// budget allows, at least one. `None` if the block or its state is not kept, or the next entry alone breaks the budget or
    /// cannot be sent.
    fn prove_state(
        &self,
        block: B::Hash,
        after: Option<&[u8]>,
        budget: ProofBudget,
    ) -> Result<Option<StateProof>, BridgeError>;
}

/// Why a bridge builds no snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSnapshots {
    /// It has no such thing.
    #[error("this chain's bridge builds none")]
    NotOffered,
    /// Which keys may seal a block stands in states that a snapshot leaves out.
    #[error(
        "the chain's authorities may change from block to block, and who they were stands in the states that a snapshot leaves out"
    )]
    AuthoritiesChange,
    /// It is the chain that the node runs on.
    #[error("a snapshot is built beside the live chain, not in it")]
    Live,
    /// Blocks were imported from genesis on.
    #[error("whole blocks are stored already; a snapshot begins in an empty store")]
    BlocksStored,
}

/// How far a snapshot is.
#[derive(Clone, Debug, PartialEq)]
pub struct SnapshotStanding<B: BlockT> {
    /// The highest header that was added; genesis at the beginning.
    pub header: B::Header,
    /// The highest of them that is final by what was sealed above it. Up to here they are stored.
    pub finalized: BlockId<B>,
    /// The state.
    pub state: StateStanding<B>,
}

/// How far the state of a snapshot is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateStanding<B: BlockT> {
    /// No block was chosen.
    NotBegun,
    /// All entries up to a key are stored.
    Partly {
        /// The block whose state it is.
        of: BlockId<B>,
        /// The last key; `None`: nothing is stored.
        after: Option<Vec<u8>>,
        /// How many entries are stored.
        entries: u64,
    },
    /// All entries are stored.
    Whole {
        /// The block whose state it is.
        of: BlockId<B>,
        /// How many there are.
        entries: u64,
    },
    /// The chain begins here with whole blocks: the snapshot is done.
    Finished {
        /// The block whose state it is.
        of: BlockId<B>,
    },
}

impl<B: BlockT> StateStanding<B> {
    /// How many entries of a state under way are stored.
    pub fn entries(&self) -> u64 {
        match self {
            Self::Partly { entries, .. } | Self::Whole { entries, .. } => *entries,
            Self::NotBegun | Self::Finished { .. } => 0,
        }
    }
}

/// Why headers are not added.
#[derive(Clone, Debug, thiserror::Error)]
pub enum HeadersRefused {
    /// One does not hold. Those before it are not added either.
    #[error(transparent)]
    Rejected(#[from] HeaderRejected),
    /// So many lie above the highest final one that no more are kept.
    #[error(
        "none of the {count} newest headers is final: too few authorities seal this chain for a snapshot of it"
    )]
    NothingFinal {
        /// How many there are.
        count: usize,
    },
    /// The chain begins with its snapshot already, and goes on with whole blocks only.
    #[error("the snapshot is finished; above it whole blocks are imported")]
    Finished,
}

/// What is wrong with a proof: the header with the root of the state is verified, so it is the sender's unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofFault {
    /// The node at this place is not the one that the walk comes to: something was left out, added, repeated, altered or
    /// put elsewhere.
    #[error("node {index} of the proof is not the one that follows")]
    WrongNode {
        /// Position in the proof, from 0.
        index: usize,
    },
    /// Nodes are left over when the walk is at its end.
    #[error("{left} nodes are left over behind the proof")]
    Surplus {
        /// How many.
        left: usize,
    },
    /// It holds no whole entry, and not the end of the state.
    #[error("it proves no entry")]
    NoEntry,
    /// A node is not one of a state trie, or has a key longer than the protocol allows. Its hash is the right one, so that its sender
    /// is not to blame.
    #[error("node {index} of the proof is no node of a state")]
    Malformed {
        /// Position in the proof, from 0.
        index: usize,
    },
}

/// Why a piece of a state is not stored. Nothing of it is then.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StateRefused {
    /// The proof does not hold.
    #[error(transparent)]
    Proof(#[from] ProofFault),
    /// No block was chosen, or its state is whole.
    #[error("no state is being built")]
    NotAsked,
    /// Our own store failed.
    #[error(transparent)]
    Local(#[from] BridgeError),
}

impl StateRefused {
    /// Whose fault it is.
    pub fn blame(&self) -> Blame {
        match self {
            // Its hash is the right one: whoever made the state made it so.
            Self::Proof(ProofFault::Malformed { .. }) => Blame::Unknown,
            Self::Proof(_) => Blame::Peer,
            Self::NotAsked | Self::Local(_) => Blame::Local,
        }
    }
}

/// Why a snapshot is not finished. It is as it was.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FinishRefused {
    /// The block's body is not its header's, or too large.
    #[error(transparent)]
    Body(#[from] super::BlockFault),
    /// It is not the block whose state is stored, or that is not whole.
    #[error("this is not the block whose state is stored")]
    OtherBlock,
    /// What is stored is not the state that the header names: the store damaged it. What was stored of it is forgotten.
    #[error("the stored state is not the one in its block's header; it is fetched again")]
    Damaged,
    /// That state names other authorities than genesis, against whose keys all seals were checked.
    #[error(
        "the authorities have changed on the way to this block, though they are said never to do so"
    )]
    AuthoritiesChanged,
    /// Our own store failed.
    #[error(transparent)]
    Local(#[from] BridgeError),
}

/// Building a chain that begins with headers and one state (SPEC section 7, `snapshot`). A capability that a bridge may
/// lack: see [`ImportBlocks::snapshots`](super::ImportBlocks::snapshots).
///
/// Headers from genesis on, in order; then the state of one of the final ones, entry by entry in the order of keys; then that
/// block. Everything is checked before it is stored, and a call that returned is not lost by a kill but for headers that are
/// not final yet. Until it is finished the chain ends at genesis for all other ports.
pub trait BuildSnapshots<B: BlockT>: fmt::Debug + Send + Sync {
    /// How far it is.
    fn standing(&self) -> SnapshotStanding<B>;

    /// Adds headers that follow the highest one: linked, each sealed by the authority of its slot, in rising slots, none in the
    /// future of `now`. Those that become final are stored, without bodies. Refused once the snapshot is finished.
    fn add_headers(&self, headers: &[B::Header], now: UnixMillis) -> Result<(), HeadersRefused>;

    /// Forgets the headers above the highest final one, so that others may follow there.
    fn drop_unfinal(&self);

    /// From now on the state after the stored header at `number` is built. What is stored of another block's state is
    /// forgotten. An error once the snapshot is finished.
    fn choose_state(&self, number: NumberFor<B>) -> Result<BlockId<B>, BridgeError>;

    /// Adds the entries that `proof` proves to come next.
    fn add_state(&self, proof: &StateProof) -> Result<(), StateRefused>;

    /// Checks that the stored state has the root in its block's header, node by node, and makes `block`, which is that block,
    /// the best and final one. From then on blocks are imported above it.
    fn finish(&self, block: B) -> Result<(), FinishRefused>;

    /// Gives a finished snapshot up, as nobody has the blocks that follow: its final headers stay, and from there on it is built
    /// like any other, with a newer state. Nothing changes where none is finished.
    fn start_over(&self) -> Result<(), BridgeError>;
}
