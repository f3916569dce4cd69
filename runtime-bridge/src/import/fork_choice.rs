use super::{Batch, finality};
use crate::{chain_block::ChainBlock, execute::Runtime, store::StoreError, verify::slot_of};
use sp_core::H256;
use std::cmp::Ordering;
use sync_component::{
    BlockId,
    ports::{BridgeError, Retracted, VoteStanding},
};

/// Most leaves that are kept. Each costs its author a seal, so more is a flood; the lowest go.
const MOST_LEAVES: usize = 256;

/// Applies the fork choice of SPEC section 1 to all leaves, and finality to what comes out.
///
/// While the vote is with us nothing of ours is taken back. Otherwise the longest chain; among equals the branch whose
/// first block after the common ancestor has the lower slot, then the lower hash. Never below the final block, never
/// more than `max_reorg` of our blocks.
pub(crate) fn adopt_best<B: ChainBlock, R: Runtime<B>>(
    batch: &mut Batch<'_, B>,
    runtime: &R,
    standing: VoteStanding,
    max_reorg: u64,
) -> Result<(), BridgeError> {
    let old_best = batch.head.best;
    for leaf in batch.head.leaves.clone() {
        if leaf.number < batch.head.best.number || leaf == batch.head.best {
            continue;
        }
        let Some((ancestor, branch)) = batch.branch(leaf).map_err(BridgeError::new)? else {
            continue;
        };
        let depth = batch.head.best.height() - ancestor.height();
        let taken_back_too_much = depth > max_reorg || standing == VoteStanding::WithUs;
        if depth > 0 && taken_back_too_much {
            continue;
        }
        if wins(batch, leaf, &branch).map_err(BridgeError::new)? {
            adopt(batch, runtime, ancestor, &branch)?;
        }
    }
    if batch.head.best != old_best {
        note_retraction(batch, old_best).map_err(BridgeError::new)?;
        finality::advance(batch, runtime, max_reorg)?;
        let finalized = batch.head.finalized;
        batch
            .head
            .leaves
            .retain(|leaf| leaf.number > finalized.number || *leaf == finalized);
    }
    let surplus = batch.head.leaves.len().saturating_sub(MOST_LEAVES);
    batch.head.leaves.drain(..surplus);
    Ok(())
}

fn wins<B: ChainBlock>(
    batch: &Batch<'_, B>,
    leaf: BlockId<B>,
    branch: &[BlockId<B>],
) -> Result<bool, StoreError> {
    match leaf.number.cmp(&batch.head.best.number) {
        Ordering::Greater => Ok(true),
        Ordering::Less => Ok(false),
        Ordering::Equal => {
            let Some(theirs) = branch.first() else {
                return Ok(false);
            };
            let Some(ours) = batch.canonical(theirs.height())? else {
                return Ok(false);
            };
            Ok(tie_key(batch, theirs.hash)? < tie_key(batch, ours)?)
        }
    }
}

/// The lower wins a tie.
fn tie_key<B: ChainBlock>(batch: &Batch<'_, B>, hash: H256) -> Result<(u64, H256), StoreError> {
    let header = batch.known_header(hash)?;
    let slot = slot_of(&header).map_err(|_| StoreError::Damaged {
        what: "the digest of a stored header",
    })?;
    Ok((*slot, hash))
}

fn adopt<B: ChainBlock, R: Runtime<B>>(
    batch: &mut Batch<'_, B>,
    runtime: &R,
    ancestor: BlockId<B>,
    branch: &[BlockId<B>],
) -> Result<(), BridgeError> {
    let old_best = batch.head.best;
    for id in branch {
        batch.changes.index.insert(id.height(), Some(id.hash));
    }
    if let Some(tip) = branch.last() {
        for height in tip.height() + 1..=old_best.height() {
            batch.changes.index.insert(height, None);
        }
        batch.head.best = *tip;
    }
    finality::follow(batch, runtime, ancestor, branch)
}

fn note_retraction<B: ChainBlock>(
    batch: &mut Batch<'_, B>,
    old_best: BlockId<B>,
) -> Result<(), StoreError> {
    if batch.canonical(old_best.height())? == Some(old_best.hash) {
        return Ok(());
    }
    if let Some((common_ancestor, _)) = batch.branch(old_best)? {
        batch.retracted = Some(Retracted {
            old_best,
            common_ancestor,
        });
    }
    Ok(())
}
