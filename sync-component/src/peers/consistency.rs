//! Whether what peers tell contradicts what is settled (SPEC section 3, *consistent since*).

use super::{PeerTable, Sighting};
use crate::{
    block_id::{BlockId, number},
    ports::{BridgeError, MonoTime, ReadChain},
};
use sp_runtime::traits::Block as BlockT;
use std::time::Duration;

/// Adds the time since `last` to all connected peers whose last word is younger than `fresh` and contradicts neither our
/// finalised chain nor the consensus block more than `max_reorg` below it; those that do begin anew.
pub(crate) fn observe<B: BlockT>(
    table: &mut PeerTable<B>,
    chain: &dyn ReadChain<B>,
    consensus: Option<BlockId<B>>,
    max_reorg: u64,
    span: Span,
) -> Result<(), BridgeError> {
    let finalized = chain.finalized();
    let deep = consensus.and_then(|tip| settled_below(table, tip, max_reorg));
    let mut seen = Vec::new();
    for (peer, entry) in table.iter() {
        let Some(told) = &entry.sighting else {
            continue;
        };
        if span.now.since(told.at) > span.fresh {
            continue;
        }
        let best = told.standing.best;
        let off = |settled: &BlockId<B>| {
            told.hash_at(settled.height())
                .is_some_and(|hash| hash != settled.hash)
        };
        let below_ours = best.height() < finalized.height()
            && chain.canonical_hash(best.number)? != Some(best.hash);
        let contradicts = below_ours || off(&finalized) || deep.iter().any(off);
        seen.push((peer.clone(), contradicts));
    }
    for (peer, contradicts) in seen {
        if contradicts {
            table.ledger_mut().contradicted(&peer);
        } else {
            table
                .ledger_mut()
                .consistent(&peer, span.now.since(span.last));
        }
    }
    Ok(())
}

/// The time that is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    /// Since when.
    pub(crate) last: MonoTime,
    /// Until when.
    pub(crate) now: MonoTime,
    /// How old a peer's word may be.
    pub(crate) fresh: Duration,
}

/// The block more than `max_reorg` below the consensus block, from a peer that holds both.
fn settled_below<B: BlockT>(
    table: &PeerTable<B>,
    consensus: BlockId<B>,
    max_reorg: u64,
) -> Option<BlockId<B>> {
    let height = consensus.height().checked_sub(max_reorg.checked_add(1)?)?;
    table.iter().find_map(|(_, entry)| {
        let told: &Sighting<B> = entry.sighting.as_ref()?;
        let holds = told.hash_at(consensus.height())? == consensus.hash;
        let hash = told.hash_at(height)?;
        holds.then_some(BlockId::new(number::<B>(height), hash))
    })
}
