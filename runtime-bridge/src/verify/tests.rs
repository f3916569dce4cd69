#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::{
    FirstBad, HeaderCheck, KnownSeals, Rules, SignatureCheck, Signatures, check_signatures,
};
use crate::execute::AuthoritySet;
use chain_spec::Preset;
use proptest::prelude::*;
use sp_consensus_aura::sr25519::AuthorityId;
use sp_core::{H256, Pair, sr25519};
use sp_runtime::traits::Block;
use sync_component::{
    ports::{HeaderFault, UnixMillis},
    test_kit::{Forge, SmallBlock},
};

fn signed(seed: u8, message: &[u8]) -> SignatureCheck {
    let pair = sr25519::Pair::from_seed(&[seed; 32]);
    SignatureCheck {
        signer: pair.public(),
        message: message.to_vec(),
        signature: pair.sign(message),
    }
}

#[test]
fn good_batch_holds_and_nothing_to_check_holds() {
    let checks: Vec<_> = (0..40).map(|n| signed(n, &[n; 20])).collect();
    assert_eq!(check_signatures(&checks), Ok(()));
    assert_eq!(check_signatures(&[]), Ok(()));
}

#[test]
fn culprit_is_named_also_beyond_the_first_batch() {
    let mut checks: Vec<_> = (0_u16..300)
        .map(|n| signed(n.to_le_bytes()[0], &n.to_le_bytes()))
        .collect();
    checks[280].message.push(1);
    assert_eq!(check_signatures(&checks), Err(FirstBad(280)));
}

#[test]
fn owner_of_the_first_bad_signature_is_named_whichever_batch_it_is_in() {
    for bad in [0, 3, 255, 256, 257, 511, 512, 600] {
        let mut signatures = Signatures::new();
        let mut found = Ok(());
        for owner in 0_usize..640 {
            let message = owner.to_le_bytes();
            // Few signers, as of seals.
            let mut check = signed(message[0] % 4, &message);
            // And a later one.
            if owner == bad || owner == 639 {
                check.message.push(1);
            }
            found = signatures.add(check, owner);
            if found.is_err() {
                break;
            }
        }
        let found = found.and_then(|()| signatures.check());
        assert_eq!(found, Err(bad));
    }
}

fn hash_of(n: u16) -> H256 {
    H256::from_low_u64_be(n.into())
}

fn author_of_seal(n: u16) -> AuthorityId {
    AuthorityId::from(sr25519::Public::from_raw([n.to_le_bytes()[0]; 32]))
}

#[test]
fn seals_of_the_last_generation_are_known_and_those_before_the_one_before_are_forgotten() {
    let seals = KnownSeals::of_generations(3);
    for last in 0..30 {
        seals.add([(hash_of(last), author_of_seal(last))]);
        for n in last.saturating_sub(2)..=last {
            assert_eq!(seals.author(&hash_of(n)), Some(author_of_seal(n)));
        }
        if let Some(long_ago) = last.checked_sub(6) {
            assert_eq!(seals.author(&hash_of(long_ago)), None);
        }
        assert!(seals.len() <= 6);
    }
}

#[test]
fn seals_that_are_found_good_again_and_again_are_remembered_once() {
    let seals = KnownSeals::of_generations(3);
    for n in [1, 2, 1, 2, 1, 2] {
        seals.add([(hash_of(n), author_of_seal(n))]);
    }
    assert_eq!(seals.len(), 2);
}

#[test]
fn wrong_seal_above_a_block_that_is_not_stored_is_bad_where_the_authorities_never_change() {
    let forge = Forge::new(3);
    let genesis: SmallBlock = Forge::genesis();
    let chain: Vec<SmallBlock> = forge.chain(genesis.header(), 1.into(), 4, 0);
    let rules = Rules::new(&Preset::Dev.spec(), genesis.hash());
    let found = |authority_set, good: usize| {
        let mut headers = vec![genesis.header().clone()];
        headers.extend(chain[..good].iter().map(|block| block.header().clone()));
        // Slot 9 is that of the first.
        let wrong: SmallBlock = forge.block_sealed_by(1, &headers[good], 9.into(), b"");
        headers.push(wrong.header().clone());
        let check = HeaderCheck {
            rules: &rules,
            base: genesis.hash(),
            authorities: &forge.authorities(),
            authority_set,
            seals: &KnownSeals::new(),
            now: UnixMillis(u64::MAX),
        };
        check.check::<SmallBlock>(&headers[0], &headers[1..])
    };
    for (authority_set, good, fault) in [
        (AuthoritySet::Fixed, 0, HeaderFault::BadSeal),
        (AuthoritySet::Fixed, 3, HeaderFault::BadSeal),
        (AuthoritySet::Changing, 0, HeaderFault::BadSeal),
        (AuthoritySet::Changing, 3, HeaderFault::UnexplainedSeal),
    ] {
        assert_eq!(found(authority_set, good), Err((good, fault)));
    }
}

proptest! {
    #[test]
    fn batch_and_single_agree_on_flipped_bits(count in 1_u8..6, at in any::<prop::sample::Index>(), bit in 0_usize..(32 + 64) * 8) {
        let mut checks: Vec<_> = (0..count).map(|n| signed(n, &[n; 9])).collect();
        let bad = at.index(usize::from(count));
        let check = &mut checks[bad];
        let (byte, mask) = (bit / 8, 1 << (bit % 8));
        if byte < 32 {
            let mut key = check.signer.0;
            key[byte] ^= mask;
            check.signer = sr25519::Public::from_raw(key);
        } else {
            let mut signature = check.signature.0;
            signature[byte - 32] ^= mask;
            check.signature = sr25519::Signature::from_raw(signature);
        }
        let alone = sr25519::Pair::verify(&check.signature, &check.message, &check.signer);
        prop_assert!(!alone);
        prop_assert_eq!(check_signatures(&checks), Err(FirstBad(bad)));
    }
}
