use std::fmt::Debug;

/// Is told what becomes of extrinsics, for counts. Called in the middle of work: it returns at once.
pub trait PoolObserver: Debug + Send + Sync {
    /// One came, from whomever, and is taken in or not.
    fn submitted(&self) {}

    /// One was taken out, as the runtime refused it in its turn.
    fn found_invalid(&self) {}

    /// A block was made with so many extrinsics, inherents aside.
    fn proposed(&self, _extrinsics: usize, _end: ProposalEnd) {}
}

/// Nobody is told.
#[derive(Clone, Copy, Debug)]
pub struct Unobserved;

impl PoolObserver for Unobserved {}

/// Why a block did not take more extrinsics. A block that ended at a limit is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProposalEnd {
    /// All that were ready were looked at.
    NoMoreTransactions,
    /// The share of the slot was over in which extrinsics are put into a block.
    HitDeadline,
    /// Some were left out as the block would have been longer than `block_bytes`.
    HitBlockSizeLimit,
}

impl ProposalEnd {
    /// All of them.
    pub const ALL: [Self; 3] = [
        Self::NoMoreTransactions,
        Self::HitDeadline,
        Self::HitBlockSizeLimit,
    ];

    /// Substrate's name for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoMoreTransactions => "no_more_transactions",
            Self::HitDeadline => "hit_deadline",
            Self::HitBlockSizeLimit => "hit_block_size_limit",
        }
    }
}
