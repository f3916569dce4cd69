//! [`BlockId`]: the only way this crate names a block.

use codec::{Decode, DecodeWithMemTracking, Encode};
use sp_runtime::{
    SaturatedConversion,
    traits::{Block as BlockT, Header as HeaderT, NumberFor},
};
use std::{cmp::Ordering, fmt};

/// A block by number **and** hash. A bare number never identifies a block (SPEC section 0, *tip*).
#[derive(Clone, Encode, Decode, DecodeWithMemTracking)]
#[codec(encode_bound())]
#[codec(decode_bound())]
#[codec(decode_with_mem_tracking_bound())]
pub struct BlockId<B: BlockT> {
    /// Distance from genesis in blocks.
    pub number: NumberFor<B>,
    /// Hash of the whole header, seal included.
    pub hash: B::Hash,
}

impl<B: BlockT> BlockId<B> {
    /// The block with this number and hash.
    pub fn new(number: NumberFor<B>, hash: B::Hash) -> Self {
        Self { number, hash }
    }

    /// The id of `header`; hashes it.
    pub fn of(header: &B::Header) -> Self {
        Self {
            number: *header.number(),
            hash: header.hash(),
        }
    }

    /// The number as `u64`, for arithmetic across block types and for people. Saturates.
    pub fn height(&self) -> u64 {
        height::<B>(self.number)
    }
}

/// A block number as `u64`. Saturates: no chain that this crate can sync reaches 2^64 blocks.
pub fn height<B: BlockT>(number: NumberFor<B>) -> u64 {
    number.saturated_into()
}

/// The height of `header`, which is not hashed for it.
pub fn height_of<B: BlockT>(header: &B::Header) -> u64 {
    height::<B>(*header.number())
}

/// The block number at `height`. Saturates at the type's highest number.
pub fn number<B: BlockT>(height: u64) -> NumberFor<B> {
    NumberFor::<B>::saturated_from(height)
}

// Derives would ask for `B: Copy`, `B: Ord` and so on, which no block type has to satisfy.
impl<B: BlockT> Copy for BlockId<B> {}

impl<B: BlockT> PartialEq for BlockId<B> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number && self.hash == other.hash
    }
}

impl<B: BlockT> Eq for BlockId<B> {}

impl<B: BlockT> PartialOrd for BlockId<B> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<B: BlockT> Ord for BlockId<B> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.number
            .cmp(&other.number)
            .then_with(|| self.hash.cmp(&other.hash))
    }
}

impl<B: BlockT> std::hash::Hash for BlockId<B> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.number.hash(state);
        self.hash.hash(state);
    }
}

impl<B: BlockT> fmt::Debug for BlockId<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `#12 (0x1234…abcd)`, as Substrate's log lines have it.
impl<B: BlockT> fmt::Display for BlockId<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{} ({})", self.number, self.hash)
    }
}
