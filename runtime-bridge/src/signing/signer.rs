use super::Signed;
use sp_consensus_aura::Slot;
use sp_core::{Pair, sr25519};
use std::{fmt, sync::Arc};
use sync_component::ports::{AttestationCounter, Signer, SignerError, StatementOf};

/// Signs attestations with these keys, over the record `signed`.
pub struct KeySigner {
    signed: Arc<Signed>,
    keys: Arc<[sr25519::Pair]>,
}

/// The signer was asked for a key that it does not have.
#[derive(Debug, thiserror::Error)]
#[error("there is no key {0} here")]
struct NoSuchKey(sr25519::Public);

impl KeySigner {
    /// A signer with `keys`, whose counters are kept in `signed`.
    pub fn new(signed: Arc<Signed>, keys: Arc<[sr25519::Pair]>) -> Self {
        Self { signed, keys }
    }
}

impl fmt::Debug for KeySigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the keys.
        f.debug_struct("KeySigner").finish_non_exhaustive()
    }
}

impl Signer for KeySigner {
    fn keys(&self) -> Vec<sr25519::Public> {
        self.keys.iter().map(Pair::public).collect()
    }

    fn attest(
        &self,
        key: &sr25519::Public,
        slot: Slot,
        statement: StatementOf<'_>,
    ) -> Result<(AttestationCounter, sr25519::Signature), SignerError> {
        let pair = self.keys.iter().find(|pair| pair.public() == *key);
        let pair = pair.ok_or_else(|| SignerError::new(NoSuchKey(*key)))?;
        self.signed
            .attest(pair, slot, statement)
            .map_err(SignerError::new)
    }

    fn last_counter(&self, key: &sr25519::Public) -> Option<AttestationCounter> {
        self.signed.last_counter(key)
    }

    fn last_slot(&self, key: &sr25519::Public) -> Option<Slot> {
        self.signed.last_slot(key)
    }
}
