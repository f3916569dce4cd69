//! One value of each message and variant, for two block types.

#![allow(
    dead_code,
    reason = "each test target that includes this uses a part of it"
)]

use sp_core::sr25519;
use sp_runtime::{
    Digest, DigestItem, OpaqueExtrinsic, generic,
    traits::{BlakeTwo256, Block as BlockT, Header as HeaderT, Keccak256},
};
use sync_component::{
    BlockId,
    wire::{
        Activity, AnnouncedPlace, Announcement, Attestation, AttestedTip, RangeRequest, Roles,
        Standing, Status,
    },
};

/// The template's shape.
pub(crate) type Narrow = generic::Block<generic::Header<u32, BlakeTwo256>, OpaqueExtrinsic>;
/// Another shape: 64-bit numbers, another hasher.
pub(crate) type Wide = generic::Block<generic::Header<u64, Keccak256>, OpaqueExtrinsic>;

/// What both shapes have in common.
pub(crate) trait Sample: BlockT<Extrinsic = OpaqueExtrinsic> + Eq {
    /// The shape's name in the golden file.
    const SHAPE: &'static str;
}

impl Sample for Narrow {
    const SHAPE: &'static str = "narrow";
}

impl Sample for Wide {
    const SHAPE: &'static str = "wide";
}

/// The hash that consists of `byte` only.
pub(crate) fn hash<B: BlockT>(byte: u8) -> B::Hash {
    let mut hash = B::Hash::default();
    hash.as_mut().fill(byte);
    hash
}

pub(crate) fn id<B: BlockT>(number: u32, byte: u8) -> BlockId<B> {
    BlockId::new(number.into(), hash::<B>(byte))
}

/// A header with one pre-runtime item and one seal, as the template's have.
pub(crate) fn header<B: BlockT>(number: u32) -> B::Header {
    let logs = vec![
        DigestItem::PreRuntime(*b"aura", 5_u64.to_le_bytes().to_vec()),
        DigestItem::Seal(*b"aura", vec![0x5e; 64]),
    ];
    B::Header::new(
        number.into(),
        hash::<B>(0x0e),
        hash::<B>(0x05),
        hash::<B>(0x0a),
        Digest { logs },
    )
}

pub(crate) fn block<B: Sample>(number: u32) -> B {
    let bodies = [vec![0x04, 0x01], vec![]];
    B::new(
        header::<B>(number),
        bodies.into_iter().map(OpaqueExtrinsic::from_blob).collect(),
    )
}

pub(crate) fn attestation<B: BlockT>() -> Attestation<B> {
    Attestation {
        authority: sr25519::Public::from_raw([0xa1; 32]),
        tip: AttestedTip {
            slot: 7,
            counter: 7 << 16,
            best: id(300, 0xb0),
            below: vec![hash::<B>(0xb1), hash::<B>(0xb2)],
        },
        signature: sr25519::Signature::from_raw([0x51; 64]),
    }
}

pub(crate) fn status<B: BlockT>(
    roles: Roles,
    activity: Activity,
    attestations: Vec<Attestation<B>>,
) -> Status<B> {
    Status {
        genesis: hash::<B>(0x9e),
        roles,
        standing: Standing {
            best: id(300, 0xb0),
            finalized: id(290, 0xf0),
            lowest: 1_u32.into(),
            below: vec![hash::<B>(0xb1), hash::<B>(0xb2)],
            activity,
        },
        attestations,
    }
}

pub(crate) fn range_request<B: BlockT>() -> RangeRequest<B> {
    RangeRequest {
        start: 301_u32.into(),
        count: 128,
        parent: hash::<B>(0xb0),
    }
}

pub(crate) fn announcement<B: BlockT>(
    place: AnnouncedPlace,
    attestation: Option<Attestation<B>>,
) -> Announcement<B> {
    Announcement {
        header: header::<B>(301),
        place,
        attestation,
    }
}
