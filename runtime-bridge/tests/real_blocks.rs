//! The stateless checks against 600 blocks of a real polkadot-sdk chain: all of them pass, and none passes any more
//! after one bit has been flipped (SPEC section 1). The facts of the chain stand in `data/README.md`.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use codec::{Decode, DecodeAll};
use runtime_bridge::verify::{
    FirstBad, ParentFacts, Sealed, SignatureCheck, author_of, check_body, check_signatures, slot_of,
};
use sp_consensus_aura::sr25519::AuthorityId;
use sp_core::{Blake2Hasher, H256, Hasher, Pair, sr25519};
use sp_runtime::{
    OpaqueExtrinsic, generic,
    traits::{BlakeTwo256, Header as _},
};
use std::{collections::BTreeMap, sync::LazyLock};

type Header = generic::Header<u32, BlakeTwo256>;
type Block = generic::Block<Header, OpaqueExtrinsic>;

const FILE: &[u8] = include_bytes!("data/substrate-aura-600.bin");
const GENESIS: &str = "0xff7404849cb9357321735385c59bb96de559e170dbc90b9e9136227234cc0e2e";
const LAST: &str = "0xb4f9e677747ba67aaf5333a7bac0dd436e622e59ef16ff4945118510c853883b";
const COUNT: u32 = 600;

/// The default of `block_bytes`.
const BLOCK_BYTES: usize = 5_242_880;

/// One block as it stands in the file and as it decodes.
struct Real {
    bytes: Vec<u8>,
    block: Block,
}

/// Which check refuses a block first, in the order in which they are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum RefusedBy {
    Decoding,
    Link,
    Seal,
    Body,
    Child,
}

fn chain() -> Vec<Real> {
    let mut input = FILE;
    let mut chain = Vec::new();
    while !input.is_empty() {
        let length = usize::try_from(u32::decode(&mut input).unwrap()).unwrap();
        let (bytes, rest) = input.split_at(length);
        let block = Block::decode_all(&mut &*bytes).unwrap();
        chain.push(Real {
            bytes: bytes.to_vec(),
            block,
        });
        input = rest;
    }
    chain
}

fn hash(hex: &str) -> H256 {
    hex.parse().unwrap()
}

/// Deriving a key takes longer than checking a signature, so once only.
static AUTHORITIES: LazyLock<[AuthorityId; 1]> = LazyLock::new(|| {
    let alice = sr25519::Pair::from_string("//Alice", None).unwrap();
    [alice.public().into()]
});

fn seal(header: &Header) -> SignatureCheck {
    seal_by(header, AUTHORITIES.as_slice()).unwrap()
}

/// The seal's signature, by the authority of the header's slot; `None` if the digest has no seal.
fn seal_by(header: &Header, authorities: &[AuthorityId]) -> Option<SignatureCheck> {
    let sealed = Sealed::of(header).ok()?;
    let author = author_of(sealed.slot, authorities)?;
    Some(sealed.by(author, header))
}

fn follows(parent: &Header, header: &Header) -> bool {
    ParentFacts::of(parent).is_ok_and(|parent| parent.check_child(header).is_ok())
}

/// Whether `header` may stand at `position` (from 0) of the chain, as far as its parent tells. Of genesis only the hash
/// is known.
fn follows_parent(chain: &[Real], position: usize, header: &Header) -> bool {
    match position.checked_sub(1) {
        Some(parent) => follows(&chain[parent].block.header, header),
        None => *header.parent_hash() == hash(GENESIS) && *header.number() == 1,
    }
}

/// Whether the rest of the chain stands on `header` at `position`.
fn carries_child(chain: &[Real], position: usize, header: &Header) -> bool {
    match chain.get(position + 1) {
        Some(child) => follows(header, &child.block.header),
        None => header.hash() == hash(LAST),
    }
}

fn well_sealed(header: &Header) -> bool {
    seal_by(header, AUTHORITIES.as_slice()).is_some_and(|check| check_signatures(&[check]).is_ok())
}

/// Puts `bytes` at `position` of the chain; `None` if every check passes.
fn refusal(chain: &[Real], position: usize, bytes: &[u8]) -> Option<RefusedBy> {
    let Ok(block) = Block::decode_all(&mut &*bytes) else {
        return Some(RefusedBy::Decoding);
    };
    if !follows_parent(chain, position, &block.header) {
        Some(RefusedBy::Link)
    } else if !well_sealed(&block.header) {
        Some(RefusedBy::Seal)
    } else if check_body(&block, BLOCK_BYTES).is_err() {
        Some(RefusedBy::Body)
    } else if !carries_child(chain, position, &block.header) {
        Some(RefusedBy::Child)
    } else {
        None
    }
}

fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

/// A bit of the block at `position`: any, but the same in each run.
fn some_bit(position: usize, bits: usize) -> usize {
    let seed = Blake2Hasher::hash(&position.to_le_bytes()).to_low_u64_le();
    usize::try_from(seed % u64::try_from(bits).unwrap()).unwrap()
}

#[test]
fn file_is_one_chain_from_genesis_to_block_600() {
    let chain = chain();
    let numbers: Vec<u32> = chain.iter().map(|real| real.block.header.number).collect();
    assert_eq!(numbers, (1..=COUNT).collect::<Vec<_>>());
    assert_eq!(chain[0].block.header.parent_hash, hash(GENESIS));
    assert_eq!(chain.last().unwrap().block.header.hash(), hash(LAST));
}

#[test]
fn every_real_block_passes_link_seal_and_body_alone() {
    let chain = chain();
    for (position, real) in chain.iter().enumerate() {
        assert_eq!(refusal(&chain, position, &real.bytes), None, "{position}");
        let bytes = check_body(&real.block, BLOCK_BYTES).unwrap();
        assert_eq!(bytes, real.bytes.len(), "encodes to what was decoded");
        assert!(check_body(&real.block, bytes - 1).is_err(), "one byte less");
        assert!(*slot_of(&real.block.header).unwrap() > 0);
    }
}

#[test]
fn all_real_seals_pass_in_one_call_and_a_bad_one_is_found_in_any_place() {
    let chain = chain();
    let seals: Vec<_> = chain.iter().map(|real| seal(&real.block.header)).collect();
    assert_eq!(check_signatures(&seals), Ok(()));
    for bad in [0, 1, 255, 256, 511, 512, 599] {
        let mut seals = seals.clone();
        seals[bad].message[0] ^= 1;
        assert_eq!(check_signatures(&seals), Err(FirstBad(bad)));
        seals[599].message[31] ^= 0x80;
        let first = check_signatures(&seals).unwrap_err();
        assert_eq!(first, FirstBad(bad), "the first of two");
    }
}

#[test]
fn real_seal_of_another_block_or_by_another_authority_is_refused() {
    let chain = chain();
    let mut swapped = seal(&chain[7].block.header);
    swapped.signature = seal(&chain[8].block.header).signature;
    assert_eq!(check_signatures(&[swapped]), Err(FirstBad(0)));

    let bob = sr25519::Pair::from_string("//Bob", None).unwrap();
    let others = [bob.public().into()];
    let check = seal_by(&chain[7].block.header, &others).unwrap();
    let verdict = check_signatures(&[check]);
    assert_eq!(verdict, Err(FirstBad(0)));
}

#[test]
fn no_block_passes_with_one_bit_flipped() {
    let chain = chain();
    for (position, real) in chain.iter().enumerate() {
        let bit = some_bit(position, real.bytes.len() * 8);
        let refused = refusal(&chain, position, &flipped(&real.bytes, bit));
        assert!(refused.is_some(), "block at {position}, bit {bit}");
    }
}

#[test]
fn no_bit_of_the_first_a_middle_and_the_last_block_can_be_flipped() {
    let chain = chain();
    let mut refused_by = BTreeMap::<RefusedBy, usize>::new();
    for position in [0, 299, 599] {
        let bytes = &chain[position].bytes;
        for bit in 0..bytes.len() * 8 {
            let refused = refusal(&chain, position, &flipped(bytes, bit));
            let refused = refused.unwrap_or_else(|| panic!("block at {position}, bit {bit}"));
            *refused_by.entry(refused).or_default() += 1;
        }
    }
    // Each check carries its part; a flipped bit never gets as far as the child.
    let checks: Vec<_> = refused_by.into_keys().collect();
    let all = [
        RefusedBy::Decoding,
        RefusedBy::Link,
        RefusedBy::Seal,
        RefusedBy::Body,
    ];
    assert_eq!(checks, all);
}

#[test]
fn no_byte_can_be_cut_off_or_added() {
    let chain = chain();
    for (position, real) in chain.iter().enumerate() {
        let shorter = &real.bytes[..real.bytes.len() - 1];
        let longer = [real.bytes.as_slice(), &[0]].concat();
        for bytes in [shorter, &longer] {
            let refused = refusal(&chain, position, bytes);
            assert_eq!(refused, Some(RefusedBy::Decoding), "{position}");
        }
    }
}
