use super::{
    ResyncError, ResyncJob, SourceFault,
    asking::{Patience, items, lowest_of, tip_of},
    end::End,
    flow::{Flow, Least},
    guides::{Aim, Guides, Pace},
};
use crate::{
    block_id::{BlockId, number},
    context::SyncContext,
    error::Blame,
    peers::Offence,
    ports::{BlockFault, Bridge, HeaderFault, ImportError, ImportReport, PeerId, heavy},
    registry::ResyncStrategy,
    wire::RangeRequest,
};
use async_trait::async_trait;
use futures::future::join;
use sp_runtime::traits::Block as BlockT;
use std::{sync::Arc, time::Duration};

/// `full-chain`: all blocks from genesis, from one trusted peer; where it fails, or does not answer, the next trusted one continues.
/// The next range is asked for while one is validated.
#[derive(Clone, Copy, Debug, Default)]
pub struct FullChain;

#[async_trait]
impl<B: BlockT> ResyncStrategy<B> for FullChain {
    async fn download(
        &self,
        context: &SyncContext<B>,
        job: &ResyncJob<B>,
    ) -> Result<BlockId<B>, ResyncError<B>> {
        let mut guides = Guides::of(context, &job.sources);
        // One after the other, as they stand in the order.
        loop {
            let reached = job.staging.best();
            let aim = Aim::ChainAbove(reached.height());
            let Some(guide) = guides.next(aim, |_, _| ()).await else {
                return guides.end(reached);
            };
            let mut flow = guides.flow(&guide);
            let download = Download {
                context,
                job,
                peer: &guide,
                least: guides.least(context.settings.limits.blocks_per_request),
                patience: guides.patience(),
                within: guides.within(&guide),
            };
            let ended = download.run(&mut flow).await;
            guides.keep(&guide, flow);
            let staged = job.staging.best();
            if staged != reached {
                guides.progressed(&guide, staged.height(), Pace::of(&ended));
            }
            match ended {
                Ok(()) if guides.is_end(&guide, staged.height()) => return Ok(staged),
                Ok(()) => {}
                Err(End::Fault(fault)) => guides.failed(guide, staged.height(), fault),
                Err(End::Local(error)) => return Err(error),
            }
        }
    }
}

struct Download<'a, B: BlockT> {
    context: &'a SyncContext<B>,
    job: &'a ResyncJob<B>,
    peer: &'a PeerId,
    /// When it is slow.
    least: Least,
    /// How often it is asked for the same.
    patience: Patience,
    /// How long it is given to say where it stands.
    within: Duration,
}

impl<B: BlockT> Download<'_, B> {
    /// Everything above the staged tip that the source has.
    async fn run(&self, flow: &mut Flow) -> Result<(), End<B>> {
        loop {
            let tip = self.staging().best();
            let mut blocks = match self.range_above(tip).await? {
                Some(blocks) => blocks,
                None if self.ends_at(tip).await? => return Ok(()),
                None => self.branch(tip).await?,
            };
            while let Some(last) = blocks.last().map(|block| BlockId::of(block.header())) {
                let count = u64::try_from(blocks.len()).unwrap_or(u64::MAX);
                let begun = self.context.clock.now();
                let next = async {
                    let next = self.range_above(last).await;
                    (next, self.context.clock.now().since(begun))
                };
                let (stored, (next, took)) = join(self.import(blocks), next).await;
                stored?;
                self.note_progress();
                match next? {
                    Some(next) => blocks = next,
                    None => break,
                }
                if let Err(slow) = flow.note(count, took, self.least) {
                    self.import(blocks).await?;
                    return Err(slow.into());
                }
            }
            // It showed another branch than the one staged, and the fork choice stayed with ours.
            if self.staging().best() == tip {
                return Err(SourceFault::OtherChain { staged: tip }.into());
            }
        }
    }

    fn staging(&self) -> &Arc<dyn Bridge<B>> {
        &self.job.staging
    }

    fn note_progress(&self) {
        let staged = self.staging().best().height();
        let table = self.context.peers.table();
        let told = table
            .get(self.peer)
            .and_then(|entry| entry.sighting.as_ref());
        let total = told.map_or(staged, |told| told.standing.best.height());
        drop(table);
        self.job
            .watch
            .reached(staged, total, self.context.clock.as_ref());
    }

    /// The blocks that follow `parent`; `None` if the source has none there.
    async fn range_above(&self, parent: BlockId<B>) -> Result<Option<Vec<B>>, SourceFault<B>> {
        let settings = &self.context.settings;
        let wanted = number::<B>(parent.height().saturating_add(1));
        // What a peer says not to have it is not asked for (SPEC section 6).
        if let Some(lowest) = lowest_of(self.context, self.peer)
            && lowest > wanted
        {
            return Err(SourceFault::BeginsAbove { lowest, wanted });
        }
        let request = RangeRequest {
            start: wanted,
            count: settings.limits.blocks_per_request,
            parent: parent.hash,
        };
        let within = settings.tier2.timeout_per_block;
        let ask = || {
            self.context
                .peers
                .blocks(self.peer, request.clone(), within)
        };
        items(self.context, self.peer, self.patience, ask).await
    }

    /// Whether the source's own chain ends at the staged tip or below, on the staged chain.
    async fn ends_at(&self, tip: BlockId<B>) -> Result<bool, End<B>> {
        let staging = self.staging();
        let best = tip_of(self.context, staging.as_ref(), self.peer, self.within).await?;
        let staged = staging
            .canonical_hash(best.number)
            .map_err(ResyncError::from)?;
        Ok(best.number <= tip.number && staged == Some(best.hash))
    }

    /// The source's blocks from as far below `tip` as the fork choice may go back.
    async fn branch(&self, tip: BlockId<B>) -> Result<Vec<B>, End<B>> {
        let staging = self.staging();
        let reach = self.context.settings.tier2.max_reorg;
        let lowest = staging.finalized().height();
        let height = tip.height().saturating_sub(reach).max(lowest);
        let parent = staging
            .canonical_hash(number::<B>(height))
            .map_err(ResyncError::from)?;
        let parent = parent.map(|hash| BlockId::new(number::<B>(height), hash));
        let other = SourceFault::OtherChain { staged: tip };
        let Some(parent) = parent.filter(|parent| *parent != tip) else {
            return Err(other.into());
        };
        Ok(self.range_above(parent).await?.ok_or(other)?)
    }

    async fn import(&self, blocks: Vec<B>) -> Result<(), End<B>> {
        let staging = Arc::clone(self.staging());
        let files = Arc::clone(&self.job.files);
        let executor = self.context.executor.as_ref();
        let import = move || files.room().map(|()| staging.import(blocks));
        let report = heavy(executor, import).await.map_err(ResyncError::from)?;
        let ImportReport { failure, .. } = report.map_err(ResyncError::from)?;
        match failure {
            None => Ok(()),
            Some(ImportError::Local(error)) => Err(ResyncError::from(error).into()),
            Some(ImportError::Invalid {
                fault: BlockFault::Header(HeaderFault::FromFuture { .. }),
                ..
            }) => {
                let above = self.staging().best();
                Err(SourceFault::FromFuture { above }.into())
            }
            Some(ImportError::Invalid { id, fault }) => {
                if fault.blame() == Blame::Peer {
                    self.context.peers.charge(self.peer, Offence::ProvablyWrong);
                }
                Err(SourceFault::Invalid { id, fault }.into())
            }
            Some(
                ImportError::UnknownParent { .. }
                | ImportError::AgainstFinal { .. }
                | ImportError::ClearanceLost { .. },
            ) => Err(SourceFault::OtherChain {
                staged: self.staging().best(),
            }
            .into()),
        }
    }
}
