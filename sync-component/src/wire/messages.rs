#![allow(
    clippy::cast_possible_truncation,
    reason = "the codec's derive casts the variant indices, all of which stand here and are below 256"
)]

use crate::block_id::BlockId;
use codec::{Decode, DecodeWithMemTracking, Encode};
use sp_core::sr25519;
use sp_runtime::traits::{Block as BlockT, NumberFor};

/// What a node is to its network. Substrate's bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub enum Roles {
    /// Follows the chain.
    #[codec(index = 1)]
    Full,
    /// Follows the chain and seals blocks.
    #[codec(index = 4)]
    Authority,
}

/// What a node says of itself. Whoever says `Syncing` gives up its vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub enum Activity {
    /// Following the chain; votes.
    #[codec(index = 0)]
    Serving,
    /// A verified target lies more than `tier1_max_gap` above it and blocks keep arriving; does not vote.
    #[codec(index = 1)]
    Syncing,
    /// Nothing new for `stalled_slots`; votes.
    #[codec(index = 2)]
    Stalled,
}

/// Body of a request on `sync/status/1`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
#[codec(encode_bound())]
#[codec(decode_bound())]
#[codec(decode_with_mem_tracking_bound())]
pub enum StatusRequest<B: BlockT> {
    /// Where do you stand?
    #[codec(index = 0)]
    Status,
    /// Which hashes does your best chain have at these numbers? At most `hashes_per_request` of them.
    #[codec(index = 1)]
    Hashes(Vec<NumberFor<B>>),
}

/// Body of a reply on `sync/status/1`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
#[codec(encode_bound())]
#[codec(decode_bound())]
#[codec(decode_with_mem_tracking_bound())]
pub enum StatusReply<B: BlockT> {
    /// To [`StatusRequest::Status`].
    #[codec(index = 0)]
    Status(Box<Status<B>>),
    /// To [`StatusRequest::Hashes`]: one entry per number asked, in that order; `None` above the tip or below what is
    /// known.
    #[codec(index = 1)]
    Hashes(Vec<Option<B::Hash>>),
    /// Ask again later.
    #[codec(index = 2)]
    Busy {
        /// In milliseconds.
        retry_after_ms: u32,
    },
    /// The request was ill-formed.
    #[codec(index = 3)]
    Refused(RefusedReason),
}

/// Where a node stands. What it says of its tips is a claim until verified.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
#[codec(encode_bound())]
#[codec(decode_bound())]
#[codec(decode_with_mem_tracking_bound())]
pub struct Status<B: BlockT> {
    /// Hash of block 0; the protocol name carries it too.
    pub genesis: B::Hash,
    /// Full node or authority.
    pub roles: Roles,
    /// Positions and activity.
    pub standing: Standing<B>,
    /// Newest attestation held of each authority, its own and others'.
    pub attestations: Vec<Attestation<B>>,
}

/// The part of a status that decides a vote.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
#[codec(encode_bound())]
#[codec(decode_bound())]
#[codec(decode_with_mem_tracking_bound())]
pub struct Standing<B: BlockT> {
    /// Tip of its best chain.
    pub best: BlockId<B>,
    /// Its highest final block.
    pub finalized: BlockId<B>,
    /// Lowest block whose body it serves.
    pub lowest: NumberFor<B>,
    /// Hashes of the `status_hashes` blocks below `best`, the highest first; fewer near genesis.
    pub below: Vec<B::Hash>,
    /// What it is doing.
    pub activity: Activity,
}

/// An authority's signed word about its own best tip (SPEC section 2).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
#[codec(encode_bound())]
#[codec(decode_bound())]
#[codec(decode_with_mem_tracking_bound())]
pub struct Attestation<B: BlockT> {
    /// The authority.
    pub authority: sr25519::Public,
    /// What it attests.
    pub tip: AttestedTip<B>,
    /// Over `"sync-attest/1"`, the genesis hash and `tip`, all SCALE-encoded.
    pub signature: sr25519::Signature,
}

/// What an attestation is about.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
#[codec(encode_bound())]
#[codec(decode_bound())]
#[codec(decode_with_mem_tracking_bound())]
pub struct AttestedTip<B: BlockT> {
    /// The slot in which it was made.
    pub slot: u64,
    /// Never falls and is never used twice for one key.
    pub counter: u64,
    /// The authority's own imported best tip.
    pub best: BlockId<B>,
    /// The last 8 hashes below it, the highest first; fewer near genesis.
    pub below: Vec<B::Hash>,
}

/// Body of a request on `sync/headers/1` and `sync/blocks/1`: a range of the server's best chain.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
#[codec(encode_bound())]
#[codec(decode_bound())]
#[codec(decode_with_mem_tracking_bound())]
pub struct RangeRequest<B: BlockT> {
    /// Number of the first item; at least 1.
    pub start: NumberFor<B>,
    /// How many at most; at least 1. The server may send fewer.
    pub count: u32,
    /// Hash of the parent of the first. A server whose best chain has another block there answers `NotFound`, so that
    /// two branches never mix.
    pub parent: B::Hash,
}

/// Body of a reply to a [`RangeRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub enum RangeReply<T, N> {
    /// Contiguous from the requested start and at least one; stops at the byte budget.
    #[codec(index = 0)]
    Items(Vec<T>),
    /// The server does not have the start of this range on the parent named. No offence.
    #[codec(index = 1)]
    NotFound {
        /// Lowest block that it serves.
        lowest: N,
        /// Its best block.
        best: N,
    },
    /// Ask again later.
    #[codec(index = 2)]
    Busy {
        /// In milliseconds.
        retry_after_ms: u32,
    },
    /// The request was ill-formed.
    #[codec(index = 3)]
    Refused(RefusedReason),
}

/// Body of a reply on `sync/headers/1`.
pub type HeadersReply<B> = RangeReply<<B as BlockT>::Header, NumberFor<B>>;

/// Body of a reply on `sync/blocks/1`.
pub type BlocksReply<B> = RangeReply<B, NumberFor<B>>;

/// Body of a request on `sync/state/1`: the entries of one state after a key, in the order of keys.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
#[codec(encode_bound())]
#[codec(decode_bound())]
#[codec(decode_with_mem_tracking_bound())]
pub struct StateRequest<B: BlockT> {
    /// The block after which the state is meant.
    pub block: B::Hash,
    /// The last key that the asker has, at most [`STATE_KEY_BYTES`](super::STATE_KEY_BYTES) long; `None`: from the first on.
    pub after: Option<Vec<u8>>,
}

/// Body of a reply on `sync/state/1`: trie nodes in the order of a walk to the entries asked for.
pub type StateReply<B> = RangeReply<Vec<u8>, NumberFor<B>>;

/// Why a server calls a request ill-formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub enum RefusedReason {
    /// It does not decode, or bytes are left over.
    #[codec(index = 0)]
    Undecodable,
    /// A count of 0, or a range that starts at or below genesis.
    #[codec(index = 1)]
    EmptyRange,
    /// More items than the protocol allows.
    #[codec(index = 2)]
    TooMany,
}

/// Body of a request on `sync/announce/1`: sent after an import.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
#[codec(encode_bound())]
#[codec(decode_bound())]
#[codec(decode_with_mem_tracking_bound())]
pub struct Announcement<B: BlockT> {
    /// Header of the block.
    pub header: B::Header,
    /// Whether it is the sender's best block.
    pub place: AnnouncedPlace,
    /// An attestation that is news to the sender: its own, or one that it passes on, as full nodes do too.
    pub attestation: Option<Attestation<B>>,
}

/// Where an announced block stands at its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub enum AnnouncedPlace {
    /// On a branch that it did not choose.
    #[codec(index = 0)]
    Fork,
    /// Its best block.
    #[codec(index = 1)]
    Best,
}

/// Body of a reply on `sync/announce/1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub enum AnnounceReply {
    /// Taken note of.
    #[codec(index = 0)]
    Taken,
    /// Over the cap per peer and slot; not looked at.
    #[codec(index = 1)]
    Busy {
        /// In milliseconds.
        retry_after_ms: u32,
    },
    /// It does not decode.
    #[codec(index = 2)]
    Refused(RefusedReason),
}
