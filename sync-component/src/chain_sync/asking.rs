//! Asking one source, as the strategies of Tier 3 do.

use super::{SourceFault, end::End, error::LONGEST_PAUSE};
use crate::{
    block_id::BlockId,
    context::SyncContext,
    error::Blame,
    peers::{RangeAnswer, RequestError},
    ports::{Bridge, PeerId},
};
use sp_runtime::traits::{Block as BlockT, NumberFor};
use std::time::Duration;

/// How often a source may say that it is busy before the next one is asked. Lower: a loaded source is left early; higher:
/// one that never delivers is left late.
const BUSY_ANSWERS: u32 = 20;

/// Whether somebody else can be asked for the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// One answer, whatever it is.
    OthersLeft,
    /// Until it delivers, or was busy or silent too often.
    NobodyElse,
}

/// Asks `peer` for items, as often as `patience` says; `None` if it has none.
pub(super) async fn items<B: BlockT, T, F>(
    context: &SyncContext<B>,
    peer: &PeerId,
    patience: Patience,
    ask: impl Fn() -> F,
) -> Result<Option<Vec<T>>, SourceFault<B>>
where
    F: Future<Output = Result<RangeAnswer<T>, RequestError>>,
{
    if patience == Patience::NobodyElse {
        return patiently(context, peer, ask).await;
    }
    match ask().await {
        Ok(RangeAnswer::Items(items)) => Ok(Some(items)),
        Ok(RangeAnswer::NotFound) => Ok(None),
        Ok(RangeAnswer::Busy(pause)) => Err(RequestError::Busy(pause).into()),
        Err(_) if context.peers.table().get(peer).is_none() => Err(SourceFault::Gone),
        Err(error) => Err(error.into()),
    }
}

/// Asks `peer` until it answers with items, or says that it has none (`None`). A busy or silent source is asked again a few
/// times.
pub(super) async fn patiently<B: BlockT, T, F>(
    context: &SyncContext<B>,
    peer: &PeerId,
    ask: impl Fn() -> F,
) -> Result<Option<Vec<T>>, SourceFault<B>>
where
    F: Future<Output = Result<RangeAnswer<T>, RequestError>>,
{
    let settings = &context.settings;
    let (mut failed, mut busy) = (0, 0);
    loop {
        let pause = match ask().await {
            Ok(RangeAnswer::Items(items)) => return Ok(Some(items)),
            Ok(RangeAnswer::NotFound) => return Ok(None),
            Ok(RangeAnswer::Busy(pause)) | Err(RequestError::Busy(pause)) => {
                busy += 1;
                if busy >= BUSY_ANSWERS {
                    return Err(SourceFault::Busy);
                }
                pause.min(LONGEST_PAUSE)
            }
            Err(error) => {
                failed += 1;
                let gone = context.peers.table().get(peer).is_none();
                if gone {
                    return Err(SourceFault::Gone);
                }
                if failed >= settings.tier2.max_retries.get() || error.blame() == Blame::Peer {
                    return Err(error.into());
                }
                context.observer.retried();
                settings.limits.backoff_first
            }
        };
        context.clock.sleep(pause).await;
    }
}

/// The lowest block that `peer` says to serve, block 0 aside.
pub(super) fn lowest_of<B: BlockT>(
    context: &SyncContext<B>,
    peer: &PeerId,
) -> Option<NumberFor<B>> {
    let table = context.peers.table();
    let told = table.get(peer)?.sighting.as_ref()?;
    Some(told.standing.lowest)
}

/// Where `peer` stands, as it says now.
pub(super) async fn tip_of<B: BlockT>(
    context: &SyncContext<B>,
    staging: &dyn Bridge<B>,
    peer: &PeerId,
    within: Duration,
) -> Result<BlockId<B>, End<B>> {
    let genesis = staging.genesis_hash();
    let told = context.peers.status(peer, genesis, within).await;
    told.map_err(SourceFault::from)?;
    let table = context.peers.table();
    let told = table.get(peer).and_then(|entry| entry.sighting.as_ref());
    Ok(told.ok_or(SourceFault::Gone)?.standing.best)
}
