use sp_consensus_aura::Slot;
use sp_core::sr25519;
use std::{fmt, sync::Arc};

/// Counter of an attestation: never falls, and is never used twice for one key (SPEC section 1, *signing*).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttestationCounter(pub u64);

impl AttestationCounter {
    /// Attestations that one slot has room for. A restart within a slot goes on behind what was used; a lost record starts
    /// above everything that earlier slots can have used.
    const PER_SLOT: u64 = 1 << 16;

    /// The lowest counter of `slot`.
    pub fn lowest_of(slot: Slot) -> Self {
        Self(slot.saturating_mul(Self::PER_SLOT))
    }

    /// The counter after `last` in `slot`; `None` when there is none above `last`.
    pub fn after(last: Option<Self>, slot: Slot) -> Option<Self> {
        let lowest = Self::lowest_of(slot);
        match last {
            Some(Self(last)) => Some(lowest.max(Self(last.checked_add(1)?))),
            None => Some(lowest),
        }
    }
}

impl fmt::Display for AttestationCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Nothing was signed. The node goes on without this attestation, and tries again in the next slot.
#[derive(Clone, Debug, thiserror::Error)]
#[error("no attestation was signed: {source}")]
pub struct SignerError {
    /// Why.
    #[source]
    pub source: Arc<dyn std::error::Error + Send + Sync>,
}

impl SignerError {
    /// A refusal because of `source`.
    pub fn new(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self {
            source: Arc::new(source),
        }
    }
}

/// What a signer signs, given the counter.
pub type StatementOf<'a> = &'a dyn Fn(AttestationCounter) -> Vec<u8>;

/// Signs attestations with this node's authority keys, and remembers what it signed through any restart (I11).
/// Implemented over `runtime-bridge`'s record `signed`.
pub trait Signer: fmt::Debug + Send + Sync {
    /// The public keys that it signs with. Does not change.
    fn keys(&self) -> Vec<sr25519::Public>;

    /// Signs `statement` for the next counter of `key` in `slot`. The counter is on disk before this returns, so the call
    /// blocks; it belongs on the [`Executor`](super::Executor).
    fn attest(
        &self,
        key: &sr25519::Public,
        slot: Slot,
        statement: StatementOf<'_>,
    ) -> Result<(AttestationCounter, sr25519::Signature), SignerError>;

    /// The highest counter that this node has used with `key`; `None` if it never did. An attestation with a key of ours and
    /// a counter above it was made elsewhere.
    fn last_counter(&self, key: &sr25519::Public) -> Option<AttestationCounter>;

    /// The slot of the newest block that this node has sealed with `key`, or may have sealed before its record was lost; `None` if it
    /// never did. A block with a key of ours and a higher slot was sealed elsewhere. Written before the seal leaves the process.
    fn last_slot(&self, key: &sr25519::Public) -> Option<Slot>;
}
