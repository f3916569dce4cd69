use super::{
    FetchError, FetchJob, Terms,
    delivered::{body_matches, import},
};
use crate::{
    block_id::BlockId,
    context::SyncContext,
    error::NetworkError,
    headers::VerifiedTip,
    peers::RangeAnswer,
    ports::{CheckedBlocks, PeerId},
    registry::FetchStrategy,
    settings::JoinWindows,
    wire::RangeRequest,
};
use sp_runtime::traits::{Block as BlockT, Header as HeaderT};
use std::{collections::BTreeSet, fmt, sync::Arc};
use tokio::sync::Semaphore;

/// Tier 2's face: the design's three names over whichever strategy is selected.
pub struct BlockSyncManager<B: BlockT> {
    context: SyncContext<B>,
    strategy: Arc<dyn FetchStrategy<B>>,
    /// Whose session it is: one at a time, whoever starts it.
    turn: Semaphore,
}

impl<B: BlockT> fmt::Debug for BlockSyncManager<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockSyncManager")
            .field("strategy", &self.strategy)
            .finish_non_exhaustive()
    }
}

impl<B: BlockT> BlockSyncManager<B> {
    /// A manager that fetches with `strategy`.
    pub fn new(context: SyncContext<B>, strategy: Arc<dyn FetchStrategy<B>>) -> Self {
        Self {
            context,
            strategy,
            turn: Semaphore::new(1),
        }
    }

    /// Asks peers for the block with this verified header, one after the other, `tier2_timeout_per_block` each, until
    /// `tier2_max_retries` of them have failed. That a peer is busy or does not have it is an answer, not a failure.
    pub async fn request_block_from_peers(&self, header: &B::Header) -> Result<B, FetchError<B>> {
        Ok(request_block(&self.context, header).await?.block)
    }

    /// Imports a block after complete validation; an error says what is wrong with it.
    pub async fn validate_block(&self, block: B) -> Result<(), FetchError<B>> {
        let run = vec![Delivered { block, from: None }];
        import_run(&self.context, run).await
    }

    /// Fetches and imports up to `target`: one session. Cancelled by dropping; what was imported stays.
    ///
    /// # Errors
    /// [`NetworkError::SyncGapTooLarge`] if that is more than `tier2_max_gap` blocks, [`NetworkError::CriticalSyncRequired`] if the
    /// operator has to close such a gap (`join_windows = false`); else what keeps the blocks away.
    pub async fn catch_up_to_consensus(
        &self,
        target: &VerifiedTip<B>,
    ) -> Result<BlockId<B>, NetworkError> {
        self.covers(target.headers().len() as u64)?;
        Ok(self.run(self.job(target)).await?)
    }

    /// Runs one session, once the one that runs is over.
    pub async fn run(&self, job: FetchJob<B>) -> Result<BlockId<B>, FetchError<B>> {
        let _turn = self.turn.acquire().await;
        self.strategy.fetch(&self.context, job).await
    }

    /// A session for the first `tier2_max_gap` blocks of `target`.
    pub fn job(&self, target: &VerifiedTip<B>) -> FetchJob<B> {
        FetchJob::new(target, self.context.settings.tier2.max_gap)
    }

    /// Whether one call covers `gap` blocks.
    pub fn covers(&self, gap: u64) -> Result<(), NetworkError> {
        let tier2 = &self.context.settings.tier2;
        match tier2.join_windows {
            _ if gap <= tier2.max_gap => Ok(()),
            JoinWindows::Successive => Err(NetworkError::SyncGapTooLarge(gap)),
            JoinWindows::Operator => Err(NetworkError::CriticalSyncRequired { gap }),
        }
    }
}

/// A block and who delivered it; `None` when it did not come from a peer.
#[derive(Clone, Debug)]
pub(super) struct Delivered<B> {
    pub(super) block: B,
    pub(super) from: Option<PeerId>,
}

/// One block from whoever has it, the likeliest peer first. A peer that stays silent is asked last the next time.
pub(super) async fn request_block<B: BlockT>(
    context: &SyncContext<B>,
    header: &B::Header,
) -> Result<Delivered<B>, FetchError<B>> {
    request_block_but_from(context, header, None).await
}

/// One block from whoever has it but `except`. Who has it is looked up anew before each request: while one stays silent,
/// others may have got it.
pub(super) async fn request_block_but_from<B: BlockT>(
    context: &SyncContext<B>,
    header: &B::Header,
    except: Option<&PeerId>,
) -> Result<Delivered<B>, FetchError<B>> {
    let id = BlockId::of(header);
    let timeout = context.settings.tier2.timeout_per_block;
    let request = RangeRequest {
        start: id.number,
        count: 1,
        parent: *header.parent_hash(),
    };
    let mut asked: BTreeSet<PeerId> = except.cloned().into_iter().collect();
    let (mut attempts, mut busy): (u32, usize) = (0, 0);
    while attempts < context.settings.tier2.max_retries.get() {
        let mut holders = context.peers.table().holders(id.height()).into_iter();
        let Some(peer) = holders.find(|peer| !asked.contains(peer)) else {
            break;
        };
        asked.insert(peer.clone());
        let begun = context.clock.now();
        match context.peers.blocks(&peer, request.clone(), timeout).await {
            Ok(RangeAnswer::Items(items)) => {
                // One item, because one was asked for. Another hash: the peer is on another branch by now.
                if let Some(block) = items
                    .into_iter()
                    .next()
                    .filter(|block| block.hash() == id.hash)
                {
                    if body_matches(&block) {
                        let took = context.clock.now().since(begun);
                        let bytes = block.encoded_size();
                        context.peers.note_delivery(&peer, id, bytes, took);
                    }
                    return Ok(Delivered {
                        block,
                        from: Some(peer),
                    });
                }
            }
            // An answer at once costs no attempt: the next holder is asked.
            Ok(RangeAnswer::NotFound) => {}
            Ok(RangeAnswer::Busy(_)) => busy += 1,
            Err(error) => {
                attempts += 1;
                context.observer.retried();
                tracing::debug!(%peer, block = %id, %error, "block not delivered");
            }
        }
    }
    Err(not_delivered(context, id, attempts, asked.len(), busy))
}

/// Nobody delivered the block: `peers` were asked, `attempts` requests failed and `busy` peers said so.
pub(super) fn not_delivered<B: BlockT>(
    context: &SyncContext<B>,
    id: BlockId<B>,
    attempts: u32,
    peers: usize,
    busy: usize,
) -> FetchError<B> {
    let begin = || context.peers.table().all_begin_above(id.height());
    match (peers == 0).then(begin).flatten() {
        Some(lowest) => FetchError::BeginAbove { id, lowest },
        None => FetchError::NotDelivered {
            id,
            attempts,
            peers,
            busy,
        },
    }
}

/// Imports blocks that were delivered one by one.
pub(super) async fn import_run<B: BlockT>(
    context: &SyncContext<B>,
    run: Vec<Delivered<B>>,
) -> Result<(), FetchError<B>> {
    let (blocks, suppliers): (Vec<B>, Vec<Option<PeerId>>) = run
        .into_iter()
        .map(|delivered| (delivered.block, delivered.from))
        .unzip();
    let headers: Vec<_> = blocks.iter().map(|block| block.header().clone()).collect();
    let told = |at: usize| {
        let supplier = suppliers.into_iter().nth(at).flatten();
        (headers.into_iter().nth(at), supplier)
    };
    let blocks = CheckedBlocks::unchecked(blocks);
    let imported = import(context, &Terms::default(), blocks, told).await;
    imported.map_err(|stopped| stopped.error)
}
