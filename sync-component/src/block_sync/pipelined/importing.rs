//! Batches on their way into the chain, and whose blocks they are.

use super::{chain::Headers, shelf::Ready};
use crate::{
    block_sync::{
        FetchError, Terms,
        delivered::{Stopped, import},
    },
    context::SyncContext,
    ports::{CheckedBlocks, PeerId},
};
use codec::Encode;
use futures::{FutureExt, future::BoxFuture};
use sp_runtime::traits::Block as BlockT;
use std::collections::BTreeMap;

/// Who delivered what of a batch that is imported: so many blocks each.
pub(super) type Suppliers = Vec<(usize, PeerId)>;

/// What waits for import, by the height of its first block.
pub(super) type Waiting<B> = BTreeMap<u64, Ready<B>>;

/// What came of a batch: where it failed, what of it may still be good.
pub(super) type Imported<B> = Result<(), (FetchError<B>, Waiting<B>)>;

/// A batch that is being imported.
pub(super) type Import<'a, B> = BoxFuture<'a, Imported<B>>;

/// Imports these blocks, whose verified headers these are.
pub(super) fn import_from<'a, B: BlockT>(
    context: &'a SyncContext<B>,
    terms: &'a Terms,
    blocks: CheckedBlocks<B>,
    headers: Headers<B>,
    suppliers: Suppliers,
) -> Import<'a, B> {
    let total = blocks.len();
    let told = {
        let (headers, suppliers) = (headers.clone(), suppliers.clone());
        move |at: usize| {
            let mut left = at;
            let supplier = suppliers.into_iter().find_map(|(count, peer)| {
                let found = left < count;
                left = left.saturating_sub(count);
                found.then_some(peer)
            });
            (headers.at(at).cloned(), supplier)
        }
    };
    let job = async move {
        let imported = import(context, terms, blocks, told).await;
        imported.map_err(|Stopped { error, left }| {
            let from = total.saturating_sub(left.len());
            (error, waiting(headers.start(), suppliers, from, left))
        })
    };
    job.boxed()
}

/// The last blocks of a batch that begins at the height `start`, those from the position `from` on, by who delivered them.
pub(super) fn waiting<B: BlockT>(
    start: u64,
    suppliers: Suppliers,
    from: usize,
    mut blocks: CheckedBlocks<B>,
) -> Waiting<B> {
    let mut all = Waiting::new();
    let (mut at, mut skip) = (start.saturating_add(from as u64), from);
    for (count, peer) in suppliers {
        let keep = count.saturating_sub(skip);
        skip = skip.saturating_sub(count);
        let rest = blocks.split_off(keep);
        let mine = std::mem::replace(&mut blocks, rest);
        if mine.is_empty() {
            continue;
        }
        let bytes = mine.blocks().iter().map(Encode::encoded_size).sum();
        let ready = Ready {
            blocks: mine,
            from: peer,
            bytes,
        };
        let next = at.saturating_add(ready.blocks.len() as u64);
        all.insert(at, ready);
        at = next;
    }
    all
}
