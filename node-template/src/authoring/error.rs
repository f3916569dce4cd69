use crate::runtime::Block;
use runtime_bridge::{BuildError, signing::SigningError};
use sp_consensus_aura::Slot;
use sync_component::{
    BlockId, NetworkError,
    ports::{BridgeError, HeaderFault, ImportError, JobLost},
};

/// What a slot without a block says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotLost {
    /// Something is wrong with this node, and the next slot may be lost for it too.
    ToAFault,
    /// It happens: the chain moved on, time was short, or the slot is the one that was sealed before a restart.
    ToCircumstances,
}

/// Why a slot of ours has no block. The next slot is tried again.
#[derive(Debug, thiserror::Error)]
pub enum AuthorError {
    /// The gate itself failed.
    #[error("the gate failed: {0}")]
    Gate(#[source] NetworkError),
    /// The chain could not be read.
    #[error(transparent)]
    Chain(#[from] BridgeError),
    /// The parent's digest names no slot.
    #[error("the block to build on cannot be read: {0}")]
    Parent(#[from] HeaderFault),
    /// The block could not be built.
    #[error("the block cannot be built: {0}")]
    Build(#[from] BuildError),
    /// Building took so long that the slot was over; nothing was sealed.
    #[error(
        "slot {slot} was over before its block was built; this machine is too slow or too busy"
    )]
    SlotOver {
        /// The slot.
        slot: Slot,
    },
    /// A key of ours was seen in use elsewhere while the block was built.
    #[error(
        "own key used elsewhere: {block} is sealed or attested with our key, and not by us; what was built is not sent, and `status` says what to do"
    )]
    KeyUsedElsewhere {
        /// The block.
        block: BlockId<Block>,
    },
    /// The seal was refused, or could not be recorded.
    #[error("the block was not sealed: {0}")]
    Signing(#[from] SigningError),
    /// Our own block was not imported.
    #[error(transparent)]
    Import(#[from] ImportError<Block>),
    /// The job was lost.
    #[error(transparent)]
    Lost(#[from] JobLost),
}

impl AuthorError {
    /// What it says of this node.
    pub fn slot_lost(&self) -> SlotLost {
        match self {
            Self::SlotOver { .. } | Self::Import(ImportError::ClearanceLost { .. }) => {
                SlotLost::ToCircumstances
            }
            Self::Signing(SigningError::AlreadySealed { slot, last, .. }) if slot == last => {
                SlotLost::ToCircumstances
            }
            Self::Gate(_)
            | Self::Chain(_)
            | Self::Parent(_)
            | Self::Build(_)
            | Self::KeyUsedElsewhere { .. }
            | Self::Signing(_)
            | Self::Import(_)
            | Self::Lost(_) => SlotLost::ToAFault,
        }
    }
}
