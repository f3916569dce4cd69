use super::SignatureCheck;
use sp_consensus_aura::{
    Slot, SlotDuration,
    digests::CompatibleDigestItem,
    sr25519::{AuthorityId, AuthoritySignature},
};
use sp_core::sr25519;
use sp_runtime::{
    DigestItem,
    traits::{CheckedAdd, Header as HeaderT, One, Zero},
};
use std::time::Duration;
use sync_component::ports::{HeaderFault, UnixMillis};

/// What the digest of a header says, if it is exactly [pre-runtime slot, seal].
#[derive(Clone, Debug)]
pub struct Sealed {
    /// The slot.
    pub slot: Slot,
    seal: AuthoritySignature,
}

impl Sealed {
    /// Reads the digest of `header`. `BadDigest` also for genesis, which has none.
    pub fn of<H: HeaderT>(header: &H) -> Result<Self, HeaderFault> {
        let [slot, seal] = header.digest().logs() else {
            return Err(HeaderFault::BadDigest);
        };
        let slot = CompatibleDigestItem::<AuthoritySignature>::as_aura_pre_digest(slot);
        let seal = CompatibleDigestItem::<AuthoritySignature>::as_aura_seal(seal);
        let (slot, seal) = slot.zip(seal).ok_or(HeaderFault::BadDigest)?;
        Ok(Self { slot, seal })
    }

    /// The signature that the seal of `header`, whose digest this is, claims to be: by `author` over the hash of the header
    /// without the seal.
    pub fn by<H: HeaderT>(self, author: &AuthorityId, header: &H) -> SignatureCheck {
        let signer: &sr25519::Public = author.as_ref();
        SignatureCheck {
            signer: *signer,
            message: pre_hash(header).as_ref().to_vec(),
            signature: self.seal.into(),
        }
    }
}

/// The slot of a sealed header, unverified. `BadDigest` also for genesis, which has none.
pub fn slot_of<H: HeaderT>(header: &H) -> Result<Slot, HeaderFault> {
    Sealed::of(header).map(|sealed| sealed.slot)
}

/// The authority whose turn `slot` is; `None` if there are no authorities at all, so that no seal is good.
pub fn author_of(slot: Slot, authorities: &[AuthorityId]) -> Option<&AuthorityId> {
    let count = u64::try_from(authorities.len()).unwrap_or(u64::MAX);
    let turn = slot.checked_rem(count)?;
    authorities.get(usize::try_from(turn).ok()?)
}

/// What of a header its child is checked against, with the hash computed once.
#[derive(Clone, Debug)]
pub struct ParentFacts<H: HeaderT> {
    /// Its hash.
    pub hash: H::Hash,
    /// Its number.
    pub number: H::Number,
    /// Its slot. Genesis has none, so any slot follows it.
    pub slot: Option<Slot>,
}

impl<H: HeaderT> ParentFacts<H> {
    /// The facts of `header`. `BadDigest` if it has no slot and is not genesis: nothing can follow it.
    pub fn of(header: &H) -> Result<Self, HeaderFault> {
        Self::known(header, header.hash())
    }

    /// The same for a header whose hash is known.
    pub(crate) fn known(header: &H, hash: H::Hash) -> Result<Self, HeaderFault> {
        let number = *header.number();
        let slot = (!number.is_zero()).then(|| slot_of(header)).transpose()?;
        Ok(Self { hash, number, slot })
    }

    /// Whether `header` follows: its parent's hash, the next number, a higher slot. Says what its digest is.
    pub fn check_child(&self, header: &H) -> Result<Sealed, HeaderFault> {
        let next = self.number.checked_add(&One::one());
        if *header.parent_hash() != self.hash || next != Some(*header.number()) {
            return Err(HeaderFault::BrokenLink);
        }
        let sealed = Sealed::of(header)?;
        let slot = sealed.slot;
        if self.slot.is_some_and(|ours| slot <= ours) {
            return Err(HeaderFault::SlotNotRising { slot });
        }
        Ok(sealed)
    }
}

/// Whether `slot` starts no later than `drift` after `now`.
pub fn check_not_future(
    slot: Slot,
    slot_duration: SlotDuration,
    now: UnixMillis,
    drift: Duration,
) -> Result<(), HeaderFault> {
    // In u128, so that no slot number of a peer overflows.
    let start = u128::from(*slot) * u128::from(slot_duration.as_millis());
    if start <= u128::from(now.0) + drift.as_millis() {
        Ok(())
    } else {
        Err(HeaderFault::FromFuture { slot })
    }
}

/// Hash of the header without its seal.
fn pre_hash<H: HeaderT>(header: &H) -> H::Hash {
    let mut unsealed = header.clone();
    let last = unsealed.digest_mut().pop();
    debug_assert!(
        matches!(last, Some(DigestItem::Seal(..))),
        "`Sealed::of` found the seal at the end"
    );
    unsealed.hash()
}
