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

/// The slot and the seal of a header whose digest is exactly [pre-runtime slot, seal].
fn digest<H: HeaderT>(header: &H) -> Result<(Slot, AuthoritySignature), HeaderFault> {
    let [slot, seal] = header.digest().logs() else {
        return Err(HeaderFault::BadDigest);
    };
    let slot = CompatibleDigestItem::<AuthoritySignature>::as_aura_pre_digest(slot);
    let seal = CompatibleDigestItem::<AuthoritySignature>::as_aura_seal(seal);
    slot.zip(seal).ok_or(HeaderFault::BadDigest)
}

/// The slot of a sealed header, unverified. `BadDigest` also for genesis, which has none.
pub fn slot_of<H: HeaderT>(header: &H) -> Result<Slot, HeaderFault> {
    digest(header).map(|(slot, _)| slot)
}

/// Whether `header` follows `parent`: its hash, the next number, a higher slot. Genesis has no slot, so any slot
/// follows it.
pub fn check_link<H: HeaderT>(parent: &H, header: &H) -> Result<(), HeaderFault> {
    let next = parent.number().checked_add(&One::one());
    if *header.parent_hash() != parent.hash() || next != Some(*header.number()) {
        return Err(HeaderFault::BrokenLink);
    }
    let slot = slot_of(header)?;
    if !parent.number().is_zero() && slot <= slot_of(parent)? {
        return Err(HeaderFault::SlotNotRising { slot });
    }
    Ok(())
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

/// The signature that a header's seal claims to be.
#[derive(Clone, Debug)]
pub struct SealCheck {
    /// The header's slot.
    pub slot: Slot,
    /// The authority whose turn that slot is.
    pub author: AuthorityId,
    check: SignatureCheck,
}

impl SealCheck {
    /// The check of `header`'s seal: authority `slot % a` over the hash of the header without the seal. No authorities
    /// at all is a bad seal.
    pub fn of<H: HeaderT>(header: &H, authorities: &[AuthorityId]) -> Result<Self, HeaderFault> {
        let (slot, seal) = digest(header)?;
        let count = u64::try_from(authorities.len()).unwrap_or(u64::MAX);
        let turn = slot
            .checked_rem(count)
            .and_then(|turn| usize::try_from(turn).ok());
        let author = turn
            .and_then(|turn| authorities.get(turn))
            .ok_or(HeaderFault::BadSeal)?;
        let signer: &sr25519::Public = author.as_ref();
        let check = SignatureCheck {
            signer: *signer,
            message: pre_hash(header).as_ref().to_vec(),
            signature: seal.into(),
        };
        Ok(Self {
            slot,
            author: author.clone(),
            check,
        })
    }

    /// The signature to check.
    pub fn signature_check(&self) -> &SignatureCheck {
        &self.check
    }
}

/// Hash of the header without its seal.
fn pre_hash<H: HeaderT>(header: &H) -> H::Hash {
    let mut unsealed = header.clone();
    let last = unsealed.digest_mut().pop();
    debug_assert!(
        matches!(last, Some(DigestItem::Seal(..))),
        "`digest` found the seal at the end"
    );
    unsealed.hash()
}
