//! Rolling finality (SPEC section 1): a block is final once blocks of more than 2/3 of the authorities, its own
//! included, build on it and at least `tier2_max_reorg` blocks lie above it.
//!
//! For each authority the highest block of the best chain above the final block that it sealed is kept, so that no
//! import looks far back. The number of authorities is taken after the best block: a runtime that changes them must
//! see to it that the old and the new ones agree on what is final.

use super::{Batch, batch::Branch};
use crate::{
    chain_block::ChainBlock,
    execute::Runtime,
    store::StoreError,
    verify::{author_of, slot_of},
};
use sp_consensus_aura::sr25519::AuthorityId;
use sp_runtime::traits::Header as HeaderT;
use std::collections::BTreeMap;
use sync_component::{BlockId, block_id::number, ports::BridgeError};

/// Notes who sealed the blocks of the branch that joined the best chain, and forgets what was sealed on the one that
/// left it.
pub(super) fn follow<B: ChainBlock, R: Runtime<B>>(
    batch: &mut Batch<'_, B>,
    runtime: &R,
    branch: &Branch<B>,
) -> Result<(), BridgeError> {
    let ancestor = branch.ancestor;
    let mut authored: BTreeMap<AuthorityId, u64> = batch.head.authored.iter().cloned().collect();
    if authored.values().any(|height| *height > ancestor.height()) {
        authored.retain(|_, height| *height <= ancestor.height());
        look_back(batch, runtime, ancestor, &mut authored)?;
    }
    for id in &branch.blocks {
        if let Some(author) = author(batch, runtime, *id)? {
            authored.insert(author, id.height());
        }
    }
    batch.head.authored = authored.into_iter().collect();
    Ok(())
}

/// Finds, from `from` down to the final block, the highest block of each authority that `authored` lacks.
fn look_back<B: ChainBlock, R: Runtime<B>>(
    batch: &mut Batch<'_, B>,
    runtime: &R,
    from: BlockId<B>,
    authored: &mut BTreeMap<AuthorityId, u64>,
) -> Result<(), BridgeError> {
    let lost: Vec<_> = batch
        .head
        .authored
        .iter()
        .map(|(author, _)| author.clone())
        .filter(|author| !authored.contains_key(author))
        .collect();
    let mut missing = lost.len();
    let mut at = from;
    while missing > 0 && at.number > batch.head.finalized.number {
        let header = batch.known_header(at.hash).map_err(BridgeError::new)?;
        let parent = *header.parent_hash();
        if let Some(author) = author(batch, runtime, at)?
            && !authored.contains_key(&author)
        {
            missing -= usize::from(lost.contains(&author));
            authored.insert(author, at.height());
        }
        at = BlockId::new(number::<B>(at.height() - 1), parent);
    }
    Ok(())
}

fn author<B: ChainBlock, R: Runtime<B>>(
    batch: &mut Batch<'_, B>,
    runtime: &R,
    id: BlockId<B>,
) -> Result<Option<AuthorityId>, BridgeError> {
    if let Some(author) = batch.author(id.hash) {
        return Ok(Some(author.clone()));
    }
    let header = batch.known_header(id.hash).map_err(BridgeError::new)?;
    let slot = slot_of(header.as_ref()).map_err(|_| damaged())?;
    let parent = batch
        .known_header(*header.parent_hash())
        .map_err(BridgeError::new)?;
    let state_root = *parent.state_root();
    let authorities = batch.authorities_after(runtime, state_root)?;
    Ok(author_of(slot, &authorities).cloned())
}

/// Moves the final block up as far as the rule allows; never down. Who sealed what at or below it is forgotten.
pub(super) fn advance<B: ChainBlock, R: Runtime<B>>(
    batch: &mut Batch<'_, B>,
    runtime: &R,
    max_reorg: u64,
) -> Result<(), BridgeError> {
    let best = batch
        .known_header(batch.head.best.hash)
        .map_err(BridgeError::new)?;
    let state_root = *best.state_root();
    let authorities = batch.authorities_after(runtime, state_root)?;
    let heights: Vec<u64> = batch
        .head
        .authored
        .iter()
        .filter(|(author, _)| authorities.contains(author))
        .map(|(_, height)| *height)
        .collect();
    let best = batch.head.best.height();
    let Some(height) = final_height(heights, authorities.len(), best, max_reorg) else {
        return Ok(());
    };
    if height > batch.head.finalized.height() {
        let hash = batch
            .canonical(height)
            .map_err(BridgeError::new)?
            .ok_or_else(damaged)?;
        batch.head.finalized = BlockId::new(number::<B>(height), hash);
        batch.head.authored.retain(|(_, sealed)| *sealed > height);
    }
    Ok(())
}

/// The highest block that is final in a chain with its tip at `best`, on which each of some of the `authorities` sealed its
/// highest block at one of `heights`; `None` if there is none.
pub(crate) fn final_height(
    mut heights: Vec<u64>,
    authorities: usize,
    best: u64,
    max_reorg: u64,
) -> Option<u64> {
    // More than two thirds of the authorities.
    let needed = authorities * 2 / 3 + 1;
    heights.sort_unstable_by(|a, b| b.cmp(a));
    let built_on = heights.get(needed - 1).copied()?;
    let deep_enough = best.checked_sub(max_reorg)?;
    Some(built_on.min(deep_enough))
}

fn damaged() -> BridgeError {
    BridgeError::new(StoreError::Damaged {
        what: "the chain below the best block",
    })
}
