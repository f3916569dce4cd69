use super::Forge;
use crate::ports::{AttestationCounter, Signer, SignerError, StatementOf};
use sp_consensus_aura::Slot;
use sp_core::sr25519;
use std::sync::{Mutex, PoisonError};

/// The record `signed` of a simulated authority, and its signer. Survives restarts, wipes and resyncs.
#[derive(Debug)]
pub struct SimSigner {
    forge: Forge,
    authority: usize,
    record: Mutex<Record>,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    slot: Slot,
    counter: Option<AttestationCounter>,
}

impl SimSigner {
    /// Of the authority with this index, which has sealed up to `slot`.
    pub fn new(forge: Forge, authority: usize, slot: Slot) -> Self {
        let record = Record {
            slot,
            counter: None,
        };
        Self {
            forge,
            authority,
            record: Mutex::new(record),
        }
    }

    /// Whether `slot` may be sealed; it is noted as sealed from now on.
    pub(super) fn takes(&self, slot: Slot) -> bool {
        let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = slot > record.slot;
        record.slot = record.slot.max(slot);
        is_new
    }
}

impl Signer for SimSigner {
    fn keys(&self) -> Vec<sr25519::Public> {
        vec![self.forge.public(self.authority)]
    }

    fn attest(
        &self,
        _key: &sr25519::Public,
        slot: Slot,
        statement: StatementOf<'_>,
    ) -> Result<(AttestationCounter, sr25519::Signature), SignerError> {
        let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        let counter = AttestationCounter::after(record.counter, slot)
            .expect("a simulated run makes fewer than 2^64 attestations");
        record.counter = Some(counter);
        let signature = self.forge.sign(self.authority, &statement(counter));
        Ok((counter, signature))
    }

    fn last_counter(&self, _key: &sr25519::Public) -> Option<AttestationCounter> {
        let record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        record.counter
    }

    fn last_slot(&self, _key: &sr25519::Public) -> Option<Slot> {
        let record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        Some(record.slot)
    }
}

/// Signs whatever a scenario asks for: the key of an authority in other hands.
#[derive(Debug)]
pub(super) struct StolenKey<'a> {
    pub(super) forge: &'a Forge,
    pub(super) authority: usize,
    pub(super) counter: AttestationCounter,
}

impl Signer for StolenKey<'_> {
    fn keys(&self) -> Vec<sr25519::Public> {
        vec![self.forge.public(self.authority)]
    }

    fn attest(
        &self,
        _key: &sr25519::Public,
        _slot: Slot,
        statement: StatementOf<'_>,
    ) -> Result<(AttestationCounter, sr25519::Signature), SignerError> {
        let signature = self.forge.sign(self.authority, &statement(self.counter));
        Ok((self.counter, signature))
    }

    fn last_counter(&self, _key: &sr25519::Public) -> Option<AttestationCounter> {
        None
    }

    fn last_slot(&self, _key: &sr25519::Public) -> Option<Slot> {
        None
    }
}
