//! Whether what peers tell contradicts what is settled (SPEC section 3, *consistent since*).

use super::{PeerTable, Sighting};
use crate::{
    block_id::{BlockId, number},
    ports::{BridgeError, MonoTime, ReadChain},
};
use sp_runtime::traits::Block as BlockT;
use std::{collections::BTreeSet, time::Duration};

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
    let deep = match consensus {
        Some(tip) => settled_below(table, chain, tip, max_reorg)?,
        None => None,
    };
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

/// The block more than `max_reorg` below the consensus block: ours, where that is on our chain. Otherwise what all peers say that
/// hold the consensus block; where one says something else nothing is settled, or a single liar could contradict all others.
fn settled_below<B: BlockT>(
    table: &PeerTable<B>,
    chain: &dyn ReadChain<B>,
    consensus: BlockId<B>,
    max_reorg: u64,
) -> Result<Option<BlockId<B>>, BridgeError> {
    let depth = max_reorg.saturating_add(1);
    let Some(height) = consensus.height().checked_sub(depth) else {
        return Ok(None);
    };
    let number = number::<B>(height);
    let at = |hash| BlockId::new(number, hash);
    if chain.canonical_hash(consensus.number)? == Some(consensus.hash) {
        return Ok(chain.canonical_hash(number)?.map(at));
    }
    let said = table.iter().filter_map(|(_, entry)| {
        let told: &Sighting<B> = entry.sighting.as_ref()?;
        let holds = told.hash_at(consensus.height())? == consensus.hash;
        told.hash_at(height).filter(|_| holds)
    });
    let said: BTreeSet<B::Hash> = said.collect();
    let first = said.first().copied().filter(|_| said.len() == 1);
    Ok(first.map(at))
}
