use super::stranger;
use crate::support::{Block, Call, Maker, body, reseal, sign};
use proptest::prelude::*;
use runtime_bridge::verify::slot_of;
use sp_consensus_aura::{Slot, digests::CompatibleDigestItem, sr25519::AuthoritySignature};
use sp_core::{H256, sr25519};
use sp_runtime::{DigestItem, OpaqueExtrinsic};

/// What is wrong with a block.
#[derive(Clone, Copy, Debug)]
pub(super) enum Flaw {
    BadSeal,
    OtherAuthority,
    BadSignature,
    OtherBody,
    WrongStateRoot,
    Unexecutable,
    FromFuture,
    FromFutureBadlySealed,
    FromFutureWithOtherBody,
    SlotTooLow,
    WrongNumber,
}

pub(super) fn flaw() -> impl Strategy<Value = Flaw> {
    prop_oneof![
        Just(Flaw::BadSeal),
        Just(Flaw::OtherAuthority),
        Just(Flaw::BadSignature),
        Just(Flaw::OtherBody),
        Just(Flaw::WrongStateRoot),
        Just(Flaw::Unexecutable),
        Just(Flaw::FromFuture),
        Just(Flaw::FromFutureBadlySealed),
        Just(Flaw::FromFutureWithOtherBody),
        Just(Flaw::SlotTooLow),
        Just(Flaw::WrongNumber),
    ]
}

/// Later than any clock that runs these tests.
const FAR: u64 = 1 << 40;

/// A good block of the maker's, made bad; sealed by the authority of its slot unless the seal is what is bad.
pub(super) fn spoil(maker: &Maker, block: &Block, flaw: Flaw) -> Block {
    let mut block = block.clone();
    let parent = block.header.parent_hash;
    let resealed = |block: Block| {
        let slot = *slot_of(&block.header).unwrap();
        reseal(block, maker.key_on(parent, slot))
    };
    match flaw {
        Flaw::BadSeal => {
            block.header.digest.logs[1] = DigestItem::Seal(*b"aura", vec![7; 64]);
            block
        }
        Flaw::OtherAuthority => reseal(block, &stranger()),
        Flaw::BadSignature => {
            let Call::Signed(signer, _) = sign(&stranger()) else {
                unreachable!("it is what `sign` makes");
            };
            let signature = sr25519::Signature::from_raw([3; 64]);
            let mut extrinsics = block.extrinsics.clone();
            extrinsics.push(Call::Signed(signer, signature).into());
            resealed(body(block, extrinsics))
        }
        Flaw::OtherBody => {
            block.extrinsics.push(OpaqueExtrinsic::from(Call::Clear(3)));
            block
        }
        Flaw::WrongStateRoot => {
            block.header.state_root = H256::repeat_byte(9);
            resealed(block)
        }
        Flaw::Unexecutable => {
            let mut extrinsics = block.extrinsics.clone();
            extrinsics.push(Call::Slot(0).into());
            resealed(body(block, extrinsics))
        }
        Flaw::FromFuture => resealed(in_slot(block, FAR)),
        Flaw::FromFutureBadlySealed => reseal(in_slot(block, FAR), &stranger()),
        Flaw::FromFutureWithOtherBody => {
            let mut block = resealed(in_slot(block, FAR));
            block.extrinsics.push(OpaqueExtrinsic::from(Call::Clear(3)));
            block
        }
        // Any slot follows genesis; the body then names another one.
        Flaw::SlotTooLow => resealed(in_slot(block, 0)),
        Flaw::WrongNumber => {
            block.header.number += 1;
            resealed(block)
        }
    }
}

fn in_slot(mut block: Block, slot: u64) -> Block {
    let item =
        <DigestItem as CompatibleDigestItem<AuthoritySignature>>::aura_pre_digest(Slot::from(slot));
    block.header.digest.logs[0] = item;
    block
}
