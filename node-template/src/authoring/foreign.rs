use super::Chain;
use crate::runtime::{Block, Header};
use runtime_bridge::signing::{ForeignUse, Signed};
use sp_consensus_aura::{Slot, sr25519::AuthorityId};
use sp_core::sr25519;
use sp_runtime::traits::Header as _;
use std::{collections::BTreeSet, sync::Arc};
use sync_component::{
    BlockId,
    ports::{BridgeError, ChainEvent, Executor, ReadChain, VerifyHeaders, heavy},
};
use tokio::sync::broadcast::error::RecvError;

/// Somebody else seals blocks with a key of ours. Going on would sooner or later make two blocks for one slot.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "own key used elsewhere: block {block} of slot {slot} is sealed with our key {author}, and not by us; stop the other node that has this key, move the file `signed` of this one away and restart it: it waits one round of the authorities and begins a new record; or take the key out of this one"
)]
pub struct KeyUsedElsewhere {
    /// The block.
    pub block: BlockId<Block>,
    /// Its slot.
    pub slot: Slot,
    /// The key.
    pub author: sr25519::Public,
}

/// The authority of `slot` among `authorities`; `None` if there are none.
pub(super) fn author_of(authorities: &[AuthorityId], slot: Slot) -> Option<sr25519::Public> {
    let count = u64::try_from(authorities.len()).ok()?;
    let index = (*slot).checked_rem(count)?;
    let authority = authorities.get(usize::try_from(index).ok()?)?;
    Some(authority.clone().into())
}

/// Looks at the blocks of the best chain that are not final yet, and at every block that joins it; ends with the first that somebody else sealed with a key of `ours`.
pub(super) async fn watch(
    chain: Arc<Chain>,
    signed: Arc<Signed>,
    ours: BTreeSet<sr25519::Public>,
    executor: Arc<dyn Executor>,
) -> KeyUsedElsewhere {
    let mut events = chain.events();
    // What is stored already may have come while we did not run; what is final is too old to be a surprise.
    let mut seen = chain.finalized();
    let mut from = seen;
    let ours = Arc::new(ours);
    loop {
        let best = chain.best();
        let search = Search {
            chain: Arc::clone(&chain),
            signed: Arc::clone(&signed),
            ours: Arc::clone(&ours),
        };
        match heavy(executor.as_ref(), move || search.between(from, best)).await {
            Ok(Ok(Some(evidence))) => return evidence,
            Ok(Ok(None)) => seen = best,
            Ok(Err(error)) => tracing::error!("new blocks were not searched for our keys: {error}"),
            Err(error) => tracing::error!("new blocks were not searched for our keys: {error}"),
        }
        from = match events.recv().await {
            Ok(event) => floor(&event, seen),
            Err(RecvError::Lagged(_)) => seen,
            // The chain outlives us, so its events do.
            Err(RecvError::Closed) => std::future::pending().await,
        };
    }
}

/// The highest block below all that are new.
fn floor(event: &ChainEvent<Block>, seen: BlockId<Block>) -> BlockId<Block> {
    match event.retracted {
        Some(retracted) => seen.min(retracted.common_ancestor),
        None => seen,
    }
}

struct Search {
    chain: Arc<Chain>,
    signed: Arc<Signed>,
    ours: Arc<BTreeSet<sr25519::Public>>,
}

impl Search {
    fn between(
        &self,
        floor: BlockId<Block>,
        tip: BlockId<Block>,
    ) -> Result<Option<KeyUsedElsewhere>, BridgeError> {
        let mut hash = tip.hash;
        while let Some(header) = self.chain.header(hash)? {
            if *header.number() <= floor.number {
                break;
            }
            if let Some(evidence) = self.look_at(&header)? {
                return Ok(Some(evidence));
            }
            hash = *header.parent_hash();
        }
        Ok(None)
    }

    fn look_at(&self, header: &Header) -> Result<Option<KeyUsedElsewhere>, BridgeError> {
        // An imported block has a slot.
        let Ok(slot) = self.chain.slot_of(header) else {
            return Ok(None);
        };
        let authorities = self.chain.authorities_at(*header.parent_hash())?;
        let author = author_of(&authorities, slot).filter(|author| self.ours.contains(author));
        let Some(author) = author else {
            return Ok(None);
        };
        let foreign: Option<ForeignUse> = self.signed.foreign_use(&author, slot);
        Ok(foreign.map(|_| KeyUsedElsewhere {
            block: BlockId::of(header),
            slot,
            author,
        }))
    }
}
