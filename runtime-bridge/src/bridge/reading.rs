//! The ports for reading the chain and for checking headers.

use super::RuntimeBridge;
use crate::{
    chain_block::ChainBlock,
    execute::{AuthoritySet, Runtime},
    snapshot::Extent,
    store::StoreError,
    verify::{HeaderCheck, slot_of},
};
use sp_consensus_aura::{Slot, SlotDuration, sr25519::AuthorityId};
use sp_core::H256;
use sp_runtime::traits::{Header as HeaderT, NumberFor};
use sync_component::{
    BlockId,
    block_id::{height, number},
    ports::{
        BridgeError, ChainEvent, HeaderFault, HeaderRejected, Presence, ReadChain, ServeStates,
        UnixMillis, VerifyHeaders,
    },
};
use tokio::sync::broadcast;

impl<B: ChainBlock, R: Runtime<B>> ReadChain<B> for RuntimeBridge<B, R> {
    fn genesis_hash(&self) -> H256 {
        self.genesis.hash
    }

    fn best(&self) -> BlockId<B> {
        self.reading(|head| head.best)
    }

    fn finalized(&self) -> BlockId<B> {
        self.reading(|head| head.finalized)
    }

    fn lowest_served(&self) -> NumberFor<B> {
        // Block 0 is everybody's.
        number::<B>(self.extent().lowest())
    }

    fn canonical_hash(&self, number: NumberFor<B>) -> Result<Option<H256>, BridgeError> {
        // Above it there may be headers of a snapshot that is being built.
        if number > self.best().number {
            return Ok(None);
        }
        self.store
            .canonical(height::<B>(number))
            .map_err(BridgeError::new)
    }

    fn header(&self, hash: H256) -> Result<Option<B::Header>, BridgeError> {
        self.store.header(hash).map_err(BridgeError::new)
    }

    fn block(&self, hash: H256) -> Result<Option<B>, BridgeError> {
        self.store.block(hash).map_err(BridgeError::new)
    }

    fn headers_from(
        &self,
        start: NumberFor<B>,
        most: u32,
    ) -> Result<Vec<(H256, B::Header)>, BridgeError> {
        // Above it there may be headers of a snapshot that is being built.
        let (start, best) = (height::<B>(start), self.best().height());
        let end = best
            .saturating_add(1)
            .min(start.saturating_add(most.into()));
        self.store.headers(start..end).map_err(BridgeError::new)
    }

    fn block_with(&self, hash: H256, header: B::Header) -> Result<Option<B>, BridgeError> {
        self.store
            .block_with(hash, header)
            .map_err(BridgeError::new)
    }

    fn presence(&self, hash: H256) -> Result<Presence, BridgeError> {
        let Some(header) = self.store.header(hash).map_err(BridgeError::new)? else {
            return Ok(Presence::Absent);
        };
        if self.extent() == Extent::Building && hash != self.genesis.hash {
            return Ok(Presence::Absent);
        }
        let canonical = self.canonical_hash(*header.number())? == Some(hash);
        Ok(if canonical {
            Presence::Canonical
        } else {
            Presence::Fork
        })
    }

    fn events(&self) -> broadcast::Receiver<ChainEvent<B>> {
        self.events.subscribe()
    }

    fn states(&self) -> Option<&dyn ServeStates<B>> {
        Some(self)
    }
}

impl<B: ChainBlock, R: Runtime<B>> VerifyHeaders<B> for RuntimeBridge<B, R> {
    fn slot_duration(&self) -> SlotDuration {
        self.rules.slot_duration
    }

    fn slot_of(&self, header: &B::Header) -> Result<Slot, HeaderFault> {
        slot_of(header)
    }

    fn authorities_at(&self, parent: H256) -> Result<Vec<AuthorityId>, BridgeError> {
        self.authorities_after(parent)?.ok_or_else(|| {
            BridgeError::new(StoreError::Damaged {
                what: "a header that its child names",
            })
        })
    }

    fn verify_headers(
        &self,
        base: BlockId<B>,
        parent: &B::Header,
        headers: &[B::Header],
        now: UnixMillis,
    ) -> Result<(), HeaderRejected> {
        let authorities = self.authorities_at(base.hash)?;
        let check = HeaderCheck {
            rules: &self.rules,
            base: base.hash,
            authorities: &authorities,
            authority_set: self.runtime.authority_set(),
            seals: &self.seals,
            now,
        };
        let checked = check.check::<B>(parent, headers);
        checked.map_err(|(index, fault)| HeaderRejected::Faulty { index, fault })
    }
}

impl<B: ChainBlock, R: Runtime<B>> RuntimeBridge<B, R> {
    /// The authorities that may seal children of `parent`; `None` if it is not stored.
    pub(super) fn authorities_after(
        &self,
        parent: H256,
    ) -> Result<Option<Vec<AuthorityId>>, BridgeError> {
        let header = self.store.header(parent).map_err(BridgeError::new)?;
        let Some(header) = header else {
            return Ok(None);
        };
        // Where there are only headers they are the same as at genesis, or none would have been stored; a later program may
        // see that otherwise.
        let extent = self.extent();
        let has_state = extent.has_state(height::<B>(*header.number()));
        if !has_state && self.runtime.authority_set() == AuthoritySet::Changing {
            let lowest = extent.lowest();
            return Err(BridgeError::new(StoreError::BelowSnapshot { lowest }));
        }
        let named_by = if has_state { parent } else { self.genesis.hash };
        self.reading_state(named_by, |state| self.runtime.authorities(state))
    }
}
