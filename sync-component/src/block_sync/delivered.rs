//! What becomes of blocks that peers delivered.

use super::{FetchError, Terms, manager::request_block_but_from};
use crate::{
    block_id::BlockId,
    context::SyncContext,
    error::Blame,
    headers::Delivery,
    peers::{Offence, PeerClient},
    ports::{BlockFault, CheckedBlocks, HeaderFault, ImportError, ImportReport, PeerId, heavy},
};
use codec::Encode;
use sp_runtime::{
    StateVersion,
    traits::{Block as BlockT, Hash as HashT, Header as HeaderT},
};
use std::sync::Arc;

/// An import that failed.
pub(super) struct Stopped<B: BlockT> {
    pub(super) error: FetchError<B>,
    /// The last blocks of the batch, as far as they may still be good: nobody need fetch them again.
    pub(super) left: CheckedBlocks<B>,
}

/// Imports blocks as one batch and charges whoever delivered a provably bad one; `told` has the header of the block at this position
/// and who delivered it.
pub(super) async fn import<B: BlockT>(
    context: &SyncContext<B>,
    terms: &Terms,
    blocks: CheckedBlocks<B>,
    told: impl FnOnce(usize) -> (Option<B::Header>, Option<PeerId>),
) -> Result<(), Stopped<B>> {
    let bridge = Arc::clone(&context.bridge);
    let room = terms.room.clone();
    let last = blocks
        .blocks()
        .last()
        .map(|block| BlockId::of(block.header()));
    let job = move || match room.map_or(Ok(()), |room| room()) {
        Ok(()) => bridge.import_checked(blocks),
        Err(error) => ImportReport {
            stored: 0,
            failure: Some(error.into()),
            left: blocks,
        },
    };
    let report = {
        let _importing = context.peers.deliveries().importing(context.clock.as_ref());
        heavy(context.executor.as_ref(), job).await
    };
    let ImportReport {
        stored,
        failure,
        left,
    } = report.map_err(|lost| Stopped {
        error: lost.into(),
        left: CheckedBlocks::unchecked(Vec::new()),
    })?;
    let Some(failure) = failure else {
        return Ok(());
    };
    let left = still_good(left, &failure);
    let error = stopped_by(context, failure, last, told(stored)).await;
    Err(Stopped { error, left })
}

/// What may still be good of blocks of which the first one failed.
fn still_good<B: BlockT>(
    mut blocks: CheckedBlocks<B>,
    failure: &ImportError<B>,
) -> CheckedBlocks<B> {
    let bad = match failure {
        ImportError::Local(_)
        | ImportError::UnknownParent { .. }
        | ImportError::Invalid {
            fault: BlockFault::Header(HeaderFault::FromFuture { .. }),
            ..
        } => 0,
        ImportError::Invalid {
            fault: BlockFault::WrongExtrinsicsRoot,
            ..
        } => 1,
        // Nothing can stand on it.
        ImportError::Invalid { .. }
        | ImportError::AgainstFinal { .. }
        | ImportError::ClearanceLost { .. } => blocks.len(),
    };
    blocks.split_off(bad)
}

/// What a session makes of a failed import. `last` is the last block of the batch.
async fn stopped_by<B: BlockT>(
    context: &SyncContext<B>,
    failure: ImportError<B>,
    last: Option<BlockId<B>>,
    (header, supplier): (Option<B::Header>, Option<PeerId>),
) -> FetchError<B> {
    match failure {
        ImportError::Local(error) => error.into(),
        ImportError::Invalid { id, fault } => {
            charge_for(&context.peers, supplier.as_ref(), id, &fault);
            refused(context, header.as_ref(), supplier.as_ref(), id, fault).await
        }
        ImportError::UnknownParent { id } | ImportError::AgainstFinal { id, .. } => {
            FetchError::Overtaken { id }
        }
        ImportError::ClearanceLost { best, .. } => FetchError::Overtaken {
            id: last.unwrap_or(best),
        },
    }
}

/// Charges who delivered a block that is provably bad.
pub(super) fn charge_for<B: BlockT>(
    client: &PeerClient<B>,
    supplier: Option<&PeerId>,
    id: BlockId<B>,
    fault: &BlockFault,
) {
    if let (Blame::Peer, Some(peer)) = (fault.blame(), supplier) {
        tracing::warn!(%peer, block = %id, %fault, "invalid block");
        client.charge(peer, Offence::ProvablyWrong);
    }
}

/// What a session makes of a block that is not valid.
pub(super) async fn refused<B: BlockT>(
    context: &SyncContext<B>,
    header: Option<&B::Header>,
    supplier: Option<&PeerId>,
    id: BlockId<B>,
    fault: BlockFault,
) -> FetchError<B> {
    match fault {
        // The header is verified, so only the body can be wrong: another peer may have the right one.
        BlockFault::WrongExtrinsicsRoot => FetchError::WrongBody { id },
        BlockFault::Header(HeaderFault::FromFuture { .. }) => FetchError::FromFuture { id },
        fault => {
            // What is provably wrong is no fault of ours, however often it is delivered.
            let delivery = match fault.blame() {
                Blame::Unknown => second_delivery(context, header, supplier).await,
                Blame::Peer | Blame::Local => Delivery::Once,
            };
            FetchError::Unplaceable {
                id,
                fault,
                delivery,
            }
        }
    }
}

/// Whether a peer other than `first` delivers the block of `header` too, which did not hold here. The hash covers the
/// whole block, so the same hash means the same bytes.
async fn second_delivery<B: BlockT>(
    context: &SyncContext<B>,
    header: Option<&B::Header>,
    first: Option<&PeerId>,
) -> Delivery {
    let Some(header) = header else {
        return Delivery::Once;
    };
    match request_block_but_from(context, header, first).await {
        Ok(second) if body_matches(&second.block) => Delivery::Confirmed,
        _ => Delivery::Once,
    }
}

/// Whether the body is the one that the header commits to.
pub(super) fn body_matches<B: BlockT>(block: &B) -> bool {
    let extrinsics = block.extrinsics().iter().map(Encode::encode).collect();
    let root =
        <<B::Header as HeaderT>::Hashing as HashT>::ordered_trie_root(extrinsics, StateVersion::V1);
    root == *block.header().extrinsics_root()
}
