use codec::{Decode, Encode};
use sp_core::H256;
use sp_runtime::traits::Block as BlockT;
use sync_component::{BlockId, ports::StateStanding};

/// How far a snapshot is: one value, replaced with everything that is added to it. A store of whole blocks has none.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[codec(encode_bound())]
#[codec(decode_bound())]
pub struct SnapshotRecord<B: BlockT> {
    /// The highest stored header: it and all below are final.
    pub headers: BlockId<B>,
    /// The state.
    pub state: StateRecord<B>,
}

/// How far its state is.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[codec(encode_bound())]
#[codec(decode_bound())]
#[allow(
    clippy::cast_possible_truncation,
    reason = "the codec's derive casts the variant indices, which stand here"
)]
pub enum StateRecord<B: BlockT> {
    /// No block was chosen.
    #[codec(index = 0)]
    NotBegun,
    /// The entries up to a key are stored.
    #[codec(index = 1)]
    Partly {
        /// The block whose state it is.
        of: BlockId<B>,
        /// Its root.
        root: H256,
        /// The last key.
        after: Option<Vec<u8>>,
        /// How many entries.
        entries: u64,
    },
    /// All entries are stored.
    #[codec(index = 2)]
    Whole {
        /// The block whose state it is.
        of: BlockId<B>,
        /// Its root.
        root: H256,
        /// How many entries.
        entries: u64,
    },
    /// The chain begins with this block; below it there are only headers.
    #[codec(index = 3)]
    Finished {
        /// The block.
        of: BlockId<B>,
    },
}

impl<B: BlockT> SnapshotRecord<B> {
    /// Nothing but genesis.
    pub(crate) fn new(genesis: BlockId<B>) -> Self {
        Self {
            headers: genesis,
            state: StateRecord::NotBegun,
        }
    }
}

impl<B: BlockT> StateRecord<B> {
    /// The same for the component.
    pub(crate) fn standing(&self) -> StateStanding<B> {
        match self.clone() {
            Self::NotBegun => StateStanding::NotBegun,
            Self::Partly {
                of, after, entries, ..
            } => StateStanding::Partly { of, after, entries },
            Self::Whole { of, entries, .. } => StateStanding::Whole { of, entries },
            Self::Finished { of } => StateStanding::Finished { of },
        }
    }
}
