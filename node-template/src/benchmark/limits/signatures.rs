use super::timing::{Effort, time_of};
use crate::benchmark::ground::{ACCOUNTS, KeyUse, key, keys};
use runtime_bridge::verify::{SignatureCheck, check_signatures};
use sp_core::{Blake2Hasher, Hasher, Pair, sr25519};
use std::time::Duration;

/// Signatures in a batch: as many as the bridge puts into one.
const BATCH: usize = 256;

/// What checking a signature costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SignatureCosts {
    /// Alone.
    pub alone: Duration,
    /// In a batch of one signer's, as the seals of few authorities are.
    pub of_one: Duration,
    /// In a batch in which each has a signer of its own, as transfers of many accounts have: each key is decoded, and each is a term
    /// of the sum that is checked.
    pub of_many: Duration,
}

pub(super) fn measure(effort: Effort) -> SignatureCosts {
    let authority = [key(KeyUse::Authority, 0)];
    let accounts = keys(KeyUse::Account, BATCH.min(ACCOUNTS));
    let (of_one, of_many) = (signed_by(&authority), signed_by(&accounts));
    let alone = of_one.get(..1).unwrap_or_default();
    let time = |checks: &[SignatureCheck]| {
        time_of(effort, || {
            check_signatures(checks).expect("the benchmark's own signatures are good");
        })
    };
    let each = |batch: Duration| batch / u32::try_from(BATCH).unwrap_or(u32::MAX);
    SignatureCosts {
        alone: time(alone),
        of_one: each(time(&of_one)),
        of_many: each(time(&of_many)),
    }
}

/// A batch of signatures by these keys in turn, of messages as long as what a seal signs.
fn signed_by(signers: &[sr25519::Pair]) -> Vec<SignatureCheck> {
    let batch = signers.iter().cycle().zip(0_u32..).take(BATCH);
    let checks = batch.map(|(signer, number)| {
        let message = Blake2Hasher::hash(&number.to_le_bytes())
            .as_bytes()
            .to_vec();
        SignatureCheck {
            signer: signer.public(),
            signature: signer.sign(&message),
            message,
        }
    });
    checks.collect()
}
