use super::timing::{Effort, time_of};
use crate::benchmark::ground::{KeyUse, key};
use runtime_bridge::verify::{SignatureCheck, check_signatures};
use sp_core::{Blake2Hasher, Hasher, Pair};
use std::time::Duration;

/// Signatures in a batch: as many as the bridge puts into one.
const BATCH: u32 = 256;

/// What checking a signature costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SignatureCosts {
    /// Alone.
    pub alone: Duration,
    /// In a batch.
    pub in_batch: Duration,
}

pub(super) fn measure(effort: Effort) -> SignatureCosts {
    let key = key(KeyUse::Authority, 0);
    let check = |number: u32| {
        // As long as what a seal signs.
        let message = Blake2Hasher::hash(&number.to_le_bytes())
            .as_bytes()
            .to_vec();
        SignatureCheck {
            signer: key.public(),
            signature: key.sign(&message),
            message,
        }
    };
    let checks: Vec<_> = (0..BATCH).map(check).collect();
    let one = checks.get(..1).unwrap_or_default();
    let holds = "the benchmark's own signatures are good";
    SignatureCosts {
        alone: time_of(effort, || check_signatures(one).expect(holds)),
        in_batch: time_of(effort, || check_signatures(&checks).expect(holds)) / BATCH,
    }
}
