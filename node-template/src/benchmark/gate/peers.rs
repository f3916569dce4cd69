//! Peers that tell only what they are asked, and keys that attest.

use async_trait::async_trait;
use sp_consensus_aura::Slot;
use sp_core::{Pair, sr25519};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};
use sync_component::{
    net::NetHandle,
    ports::{
        AttestationCounter, Network, PeerId, Protocol, RequestFailure, Signer, SignerError,
        StatementOf,
    },
};

/// A network that nothing is announced on.
#[derive(Debug)]
struct Quiet(NetHandle);

/// A voice that only answers.
pub(super) fn quiet(network: NetHandle) -> Arc<dyn Network> {
    Arc::new(Quiet(network))
}

#[async_trait]
impl Network for Quiet {
    async fn request(
        &self,
        peer: &PeerId,
        protocol: Protocol,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, RequestFailure> {
        match protocol {
            Protocol::Announce => Err(RequestFailure::Timeout),
            Protocol::Status | Protocol::Headers | Protocol::Blocks | Protocol::State => {
                self.0.request(peer, protocol, body).await
            }
        }
    }

    fn refuse(&self, peer: &PeerId) {
        self.0.refuse(peer);
    }

    fn allow(&self, peer: &PeerId) {
        self.0.allow(peer);
    }
}

/// Attests with one key. What it signed is forgotten with the benchmark, and so is the chain.
pub(super) struct Attester {
    key: sr25519::Pair,
    last: Mutex<Option<AttestationCounter>>,
}

/// There is no counter left, or it was asked for the key of somebody else.
#[derive(Debug, thiserror::Error)]
#[error("the benchmark's key attests no more")]
struct Refused;

impl Attester {
    pub(super) fn new(key: sr25519::Pair) -> Self {
        Self {
            key,
            last: Mutex::new(None),
        }
    }
}

impl fmt::Debug for Attester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attester").finish_non_exhaustive()
    }
}

impl Signer for Attester {
    fn keys(&self) -> Vec<sr25519::Public> {
        vec![self.key.public()]
    }

    fn attest(
        &self,
        key: &sr25519::Public,
        slot: Slot,
        statement: StatementOf<'_>,
    ) -> Result<(AttestationCounter, sr25519::Signature), SignerError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let next = AttestationCounter::after(*last, slot);
        let next = next.filter(|_| *key == self.key.public());
        let counter = next.ok_or_else(|| SignerError::new(Refused))?;
        *last = Some(counter);
        Ok((counter, self.key.sign(&statement(counter))))
    }

    fn last_counter(&self, _key: &sr25519::Public) -> Option<AttestationCounter> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn last_slot(&self, _key: &sr25519::Public) -> Option<Slot> {
        None
    }
}
