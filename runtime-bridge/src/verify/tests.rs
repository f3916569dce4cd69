#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::{FirstBad, SignatureCheck, check_signatures};
use proptest::prelude::*;
use sp_core::{Pair, sr25519};

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
    let mut checks: Vec<_> = (0..300_u16)
        .map(|n| signed((n % 251) as u8, &n.to_le_bytes()))
        .collect();
    checks[280].message.push(1);
    assert_eq!(check_signatures(&checks), Err(FirstBad(280)));
}

proptest! {
    #[test]
    fn batch_and_single_agree_on_flipped_bits(count in 1_u8..6, at in any::<prop::sample::Index>(), bit in 0_usize..(32 + 64) * 8) {
        let mut checks: Vec<_> = (0..count).map(|n| signed(n, &[n; 9])).collect();
        let bad = at.index(checks.len());
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
