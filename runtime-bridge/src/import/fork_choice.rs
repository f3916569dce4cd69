//! The fork choice of SPEC section 1.
//!
//! While the vote is with us nothing of ours is taken back. Otherwise the longest chain; among equals the branch whose
//! first block after the common ancestor has the lower slot, then the lower hash. Never below the final block, never
//! more than `max_reorg` of our blocks. Where a block outvotes ours, a branch that holds it wins every tie.
//!
//! The tie rule compares two chains at the first height at which they differ, as a dictionary compares words: it is a
//! total order, so the outcome does not depend on the order in which branches arrived. What may be taken back is
//! counted from the best block before the import, for all branches alike.

use super::{Batch, batch::Branch, finality};
use crate::{chain_block::ChainBlock, execute::Runtime, store::StoreError, verify::slot_of};
use sp_core::H256;
use std::cmp::Ordering;
use sync_component::{
    BlockId,
    ports::{BridgeError, Retracted, Vote, VoteStanding},
};

/// Most leaves that are kept. Each costs its author a seal, so more is a flood; the lowest go. Lower, and an honest
/// branch may be forgotten in a flood until its next block arrives; higher, and each import writes a longer record
/// (36 bytes per leaf) and looks at more branches.
const MOST_LEAVES: usize = 256;

/// Applies the fork choice to all leaves, and finality to what comes out.
pub(crate) fn adopt_best<B: ChainBlock, R: Runtime<B>>(
    batch: &mut Batch<'_, B>,
    runtime: &R,
    vote: Vote<B>,
    max_reorg: u64,
) -> Result<(), BridgeError> {
    let winner = choose(batch, vote, max_reorg).map_err(BridgeError::new)?;
    if !winner.blocks.is_empty() {
        adopt(batch, runtime, &winner)?;
        let old_final = batch.head.finalized;
        finality::advance(batch, runtime, max_reorg)?;
        if batch.head.finalized != old_final {
            forget_hopeless_leaves(batch).map_err(BridgeError::new)?;
        }
    }
    forget_surplus_leaves(batch);
    Ok(())
}

/// The best of the branches that may be taken; without blocks if the best chain stays.
fn choose<B: ChainBlock>(
    batch: &Batch<'_, B>,
    vote: Vote<B>,
    max_reorg: u64,
) -> Result<Branch<B>, StoreError> {
    let best = batch.head.best;
    let floor = match vote.standing {
        VoteStanding::WithUs => best.height(),
        VoteStanding::NotWithUs => best.height().saturating_sub(max_reorg),
    };
    let held = match vote.held {
        Some(held) if batch.canonical(held.height())? == Some(held.hash) => held.height(),
        _ => 0,
    };
    let floor = floor.max(held).max(batch.head.finalized.height());
    let mut winner = Branch::none_at(best);
    for leaf in &batch.head.leaves {
        if leaf.number < best.number {
            continue;
        }
        if let Some(branch) = batch.branch(*leaf, floor)?
            && beats(batch, &branch, &winner, vote.outvoted_by)?
        {
            winner = branch;
        }
    }
    Ok(winner)
}

fn beats<B: ChainBlock>(
    batch: &Batch<'_, B>,
    challenger: &Branch<B>,
    holder: &Branch<B>,
    outvoting: Option<BlockId<B>>,
) -> Result<bool, StoreError> {
    match challenger.tip().number.cmp(&holder.tip().number) {
        Ordering::Greater => return Ok(true),
        Ordering::Less => return Ok(false),
        Ordering::Equal => {}
    }
    if let Some(block) = outvoting {
        let theirs = challenger.at(batch, block.height())? == Some(block.hash);
        let ours = holder.at(batch, block.height())? == Some(block.hash);
        if theirs != ours {
            return Ok(theirs);
        }
    }
    wins_tie(batch, challenger, holder)
}

fn wins_tie<B: ChainBlock>(
    batch: &Batch<'_, B>,
    challenger: &Branch<B>,
    holder: &Branch<B>,
) -> Result<bool, StoreError> {
    let shared = challenger.ancestor.height().min(holder.ancestor.height());
    for height in shared + 1..=holder.tip().height() {
        let theirs = challenger.at(batch, height)?;
        let ours = holder.at(batch, height)?;
        if let Some((theirs, ours)) = theirs.zip(ours)
            && theirs != ours
        {
            return Ok(tie_key(batch, theirs)? < tie_key(batch, ours)?);
        }
    }
    Ok(false)
}

/// The lower wins a tie.
fn tie_key<B: ChainBlock>(batch: &Batch<'_, B>, hash: H256) -> Result<(u64, H256), StoreError> {
    let header = batch.known_header(hash)?;
    let slot = slot_of(header.as_ref()).map_err(|_| StoreError::Damaged {
        what: "the digest of a stored header",
    })?;
    Ok((*slot, hash))
}

/// Makes the branch the best chain. Its tip lies no lower than the best block, so every index entry above the ancestor
/// is replaced and none is left over.
fn adopt<B: ChainBlock, R: Runtime<B>>(
    batch: &mut Batch<'_, B>,
    runtime: &R,
    branch: &Branch<B>,
) -> Result<(), BridgeError> {
    let old_best = batch.head.best;
    let common_ancestor = branch.ancestor;
    for id in &branch.blocks {
        batch.changes.index.insert(id.height(), Some(id.hash));
    }
    batch.head.best = branch.tip();
    batch.retracted = (common_ancestor != old_best).then_some(Retracted {
        old_best,
        common_ancestor,
    });
    finality::follow(batch, runtime, branch)
}

/// Drops the leaves that the final block ruled out.
fn forget_hopeless_leaves<B: ChainBlock>(batch: &mut Batch<'_, B>) -> Result<(), StoreError> {
    let floor = batch.head.finalized.height();
    let mut kept = Vec::new();
    for leaf in &batch.head.leaves {
        if batch.branch(*leaf, floor)?.is_some() {
            kept.push(*leaf);
        }
    }
    batch.head.leaves = kept;
    Ok(())
}

fn forget_surplus_leaves<B: ChainBlock>(batch: &mut Batch<'_, B>) {
    let best = batch.head.best;
    let mut surplus = batch.head.leaves.len().saturating_sub(MOST_LEAVES);
    batch.head.leaves.retain(|leaf| {
        let goes = surplus > 0 && *leaf != best;
        surplus -= usize::from(goes);
        !goes
    });
}
