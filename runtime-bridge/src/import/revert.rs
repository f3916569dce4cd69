//! Taking the newest blocks back, for an operator whose node is stopped.

use super::{Batch, batch::Branch, finality};
use crate::{chain_block::ChainBlock, execute::Runtime, store::StoreError};
use sp_runtime::traits::Header as _;
use std::collections::BTreeSet;
use sync_component::{BlockId, block_id::number, ports::BridgeError};

/// What a revert did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reverted<B: ChainBlock> {
    /// The best block before.
    pub from: BlockId<B>,
    /// The best block now: the final block at the lowest.
    pub to: BlockId<B>,
}

/// Removes the newest `count` blocks of the best chain, and every stored block that lies as high on another branch: it would be
/// taken in their place. Never the final block or one below it. The state's trie nodes stay, as in every archive.
pub(crate) fn revert<B: ChainBlock, R: Runtime<B>>(
    batch: &mut Batch<'_, B>,
    runtime: &R,
    count: u64,
) -> Result<Reverted<B>, BridgeError> {
    let from = batch.head.best;
    let floor = batch.head.finalized.height();
    let height = from.height().saturating_sub(count).max(floor);
    let hash = batch.canonical(height).map_err(BridgeError::new)?;
    let hash = hash.ok_or_else(|| {
        BridgeError::new(StoreError::Damaged {
            what: "the index of numbers",
        })
    })?;
    let to = BlockId::new(number::<B>(height), hash);
    let leaves = remove_above(batch, height).map_err(BridgeError::new)?;
    batch.head.leaves = leaves.into_iter().collect();
    for above in height + 1..=from.height() {
        batch.changes.index.insert(above, None);
    }
    batch.head.best = to;
    finality::follow(batch, runtime, &Branch::none_at(to))?;
    Ok(Reverted { from, to })
}

/// Removes all blocks above `height` that lead to a leaf; says what the leaves are then.
fn remove_above<B: ChainBlock>(
    batch: &mut Batch<'_, B>,
    height: u64,
) -> Result<BTreeSet<BlockId<B>>, StoreError> {
    let mut leaves = BTreeSet::new();
    for leaf in batch.head.leaves.clone() {
        let mut at = leaf;
        while at.height() > height {
            let parent = *batch.known_header(at.hash)?.parent_hash();
            batch.changes.removed.insert(at);
            // Above `height`, so above 0.
            at = BlockId::new(number::<B>(at.height() - 1), parent);
        }
        leaves.insert(at);
    }
    Ok(leaves)
}
