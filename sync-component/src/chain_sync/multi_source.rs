use super::{ResyncError, ResyncJob, SourceFault, asking::tip_of, end::End};
use crate::{
    block_id::BlockId,
    block_sync::{FetchError, FetchJob, Pipelined, Terms},
    context::SyncContext,
    headers::{Beyond, Claimants, ProbeError, ProbeOutcome, Skeleton, VerifiedTip, extend, probe},
    ports::{Bridge, PeerId, Presence},
    registry::ResyncStrategy,
};
use async_trait::async_trait;
use futures::future::{Either, select};
use sp_runtime::traits::Block as BlockT;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    pin::pin,
    sync::Arc,
    time::Duration,
};
use tokio::sync::watch;

/// How often it is looked at how far the session is and whether there is room for more headers.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// `multi-source`, the default: all blocks from genesis, from all trusted peers at once, as `pipelined` fetches them.
///
/// The source that claims most shows the chain: its headers are verified ahead of the blocks, against the staged chain. All
/// sources that have these blocks deliver them. Where the one that shows the way fails, the next one goes on from there.
#[derive(Debug)]
pub struct MultiSource<B: BlockT> {
    fetch: Pipelined<B>,
}

impl<B: BlockT> Default for MultiSource<B> {
    fn default() -> Self {
        Self {
            fetch: Pipelined::default(),
        }
    }
}

#[async_trait]
impl<B: BlockT> ResyncStrategy<B> for MultiSource<B> {
    async fn download(
        &self,
        context: &SyncContext<B>,
        job: &ResyncJob<B>,
    ) -> Result<BlockId<B>, ResyncError<B>> {
        let staged = SyncContext {
            bridge: Arc::clone(&job.staging),
            ..context.clone()
        };
        let files = Arc::clone(&job.files);
        let sources = job.sources.iter().map(|source| source.peer.clone());
        let terms = Terms {
            only: Some(Arc::new(sources.collect())),
            room: Some(Arc::new(move || files.room())),
        };
        let download = Download {
            staged: &staged,
            job,
            fetch: &self.fetch,
            terms: &terms,
        };
        download.run().await
    }
}

/// How following one source ended.
enum Followed {
    /// All that it has is staged.
    ToItsEnd,
    /// As far as it was known to go; it may have more by now.
    Further,
}

struct Download<'a, B: BlockT> {
    /// The component's world, with the staged chain as the chain.
    staged: &'a SyncContext<B>,
    job: &'a ResyncJob<B>,
    fetch: &'a Pipelined<B>,
    terms: &'a Terms,
}

impl<B: BlockT> Download<'_, B> {
    async fn run(&self) -> Result<BlockId<B>, ResyncError<B>> {
        let mut faults: BTreeMap<PeerId, SourceFault<B>> = BTreeMap::new();
        loop {
            let failed = faults.keys().cloned().collect();
            let Some(guide) = self.guide(&failed) else {
                let away = self.job.sources.iter().map(|source| &source.peer);
                for peer in away.filter(|peer| !failed.contains(*peer)) {
                    faults.insert(peer.clone(), SourceFault::Gone);
                }
                return Err(ResyncError::SourcesFailed {
                    reached: self.staging().best(),
                    faults: faults.into_iter().collect(),
                });
            };
            match self.follow(&guide).await {
                Ok(Followed::ToItsEnd) => return Ok(self.staging().best()),
                Ok(Followed::Further) => {}
                Err(End::Fault(fault)) => {
                    tracing::warn!(peer = %guide, reached = %self.staging().best(), %fault, "the source failed; the others continue");
                    faults.insert(guide, fault);
                }
                Err(End::Local(error)) => return Err(error),
            }
        }
    }

    fn staging(&self) -> &dyn Bridge<B> {
        self.job.staging.as_ref()
    }

    /// The connected source that claims most, but for these; among equals the one that stands first in the order.
    fn guide(&self, failed: &BTreeSet<PeerId>) -> Option<PeerId> {
        let table = self.staged.peers.table();
        let sources = self.job.sources.iter().enumerate();
        let claims = sources.filter_map(|(place, source)| {
            let entry = table.get(&source.peer)?;
            let told = entry.sighting.as_ref();
            let height = told.map_or(0, |told| told.standing.best.height());
            Some((Reverse(height), place, &source.peer))
        });
        let left = claims.filter(|(_, _, peer)| !failed.contains(*peer));
        left.min().map(|(_, _, peer)| peer.clone())
    }

    /// Fetches what `guide` has above the staged tip, from all sources.
    async fn follow(&self, guide: &PeerId) -> Result<Followed, End<B>> {
        let tip = tip_of(self.staged, self.staging(), guide).await?;
        let staged = self
            .staging()
            .presence(tip.hash)
            .map_err(ResyncError::from)?;
        if staged == Presence::Canonical {
            return Ok(Followed::ToItsEnd);
        }
        let before = self.staging().best();
        let run = self.first_run(guide, tip, before).await?;
        let (onward, newest) = watch::channel(Some(run.clone()));
        let job = FetchJob::new(&run, u64::MAX).going_on(newest);
        let session = pin!(self.fetch.fetch_on(self.staged, job, self.terms));
        let ahead = pin!(self.show_ahead(guide, run, &onward));
        let end = match select(session, ahead).await {
            Either::Left((end, _)) => end,
            Either::Right((error, _)) => return Err(error.into()),
        };
        self.note_progress();
        match end {
            // Its branch is stored, and the fork choice stayed with ours.
            Ok(_) if self.staging().best() == before => {
                Err(SourceFault::OtherChain { staged: before }.into())
            }
            Ok(_) => Ok(Followed::Further),
            // Whoever is left may have what this one no longer delivers.
            Err(FetchError::NotDelivered { id, .. } | FetchError::WrongBody { id }) => {
                Err(SourceFault::NotDelivered { id }.into())
            }
            Err(FetchError::Unplaceable { id, fault, .. }) => {
                Err(SourceFault::Invalid { id, fault }.into())
            }
            Err(FetchError::Overtaken { .. } | FetchError::FromFuture { .. }) => {
                Err(SourceFault::OtherChain { staged: before }.into())
            }
            Err(FetchError::Local(fault)) => Err(ResyncError::Local(fault).into()),
        }
    }

    /// The first headers of `guide`'s chain above the staged one.
    async fn first_run(
        &self,
        guide: &PeerId,
        tip: BlockId<B>,
        before: BlockId<B>,
    ) -> Result<VerifiedTip<B>, End<B>> {
        let settings = &self.staged.settings;
        let window = settings.limits.headers_per_request.into();
        let other = SourceFault::OtherChain { staged: before };
        let run = match probe(self.staged, guide, tip, window, settings.tier1.timeout).await {
            Ok(ProbeOutcome::Verified(run) | ProbeOutcome::Partly { run, .. }) => run,
            // It is stored, and the fork choice stayed with another branch.
            Ok(ProbeOutcome::Held) => return Err(other.into()),
            Ok(ProbeOutcome::Wrong) | Err(ProbeError::Moved | ProbeError::FromFuture) => {
                return Err(SourceFault::Unproven.into());
            }
            Err(ProbeError::Request(error)) => return Err(SourceFault::from(error).into()),
            Err(ProbeError::Local(fault)) => return Err(ResyncError::Local(fault).into()),
        };
        let too_deep = run.depth_below(&before) > settings.tier2.max_reorg;
        if too_deep || run.ancestor.number < self.staging().finalized().number {
            return Err(other.into());
        }
        Ok(run)
    }

    /// Verifies headers ahead of the session for as long as it runs. Ends only with a fault of our own.
    async fn show_ahead(
        &self,
        guide: &PeerId,
        mut run: VerifiedTip<B>,
        onward: &watch::Sender<Option<VerifiedTip<B>>>,
    ) -> ResyncError<B> {
        let limits = &self.staged.settings.limits;
        let window = u64::from(limits.headers_per_request).max(1);
        let (mut failed, mut skeleton) = (BTreeSet::new(), Skeleton::default());
        loop {
            self.note_progress();
            run = match run.advance(self.staging()) {
                Ok(Some(left)) => left,
                // All of it is staged: the session ends.
                Ok(None) => return std::future::pending().await,
                Err(error) => return error.into(),
            };
            let ahead = run.headers().len() as u64;
            let room = u64::from(limits.headers_ahead).saturating_sub(ahead);
            let claimants = self.claimants(guide, &run, &failed);
            let claimants = claimants.filter(|_| run.beyond == Beyond::Claimed);
            let most = claimants.as_ref().map_or(0, |claimants| {
                claimants.stride(window, limits.headers_ahead.into())
            });
            let Some(claimants) = claimants.filter(|_| room >= most) else {
                failed.clear();
                self.staged.clock.sleep(LOOK_AGAIN).await;
                continue;
            };
            let within = self.staged.settings.tier1.timeout;
            match extend(self.staged, &claimants, &run, most, within, &mut skeleton).await {
                Ok(longer) if longer.tip() != run.tip() => {
                    failed.clear();
                    run = longer;
                    onward.send_replace(Some(run.clone()));
                }
                Err(ProbeError::Local(fault)) => return ResyncError::Local(fault),
                Ok(_) | Err(_) => {
                    tracing::debug!(peer = %claimants.first, tip = %claimants.tip, "no further headers");
                    failed.insert(claimants.first);
                    self.staged.clock.sleep(LOOK_AGAIN).await;
                }
            }
        }
    }

    /// Which sources claim a chain that goes on above `run`: `guide` before the others, and all that claim the same tip.
    fn claimants(
        &self,
        guide: &PeerId,
        run: &VerifiedTip<B>,
        failed: &BTreeSet<PeerId>,
    ) -> Option<Claimants<B>> {
        let table = self.staged.peers.table();
        let tip_of = |peer: &PeerId| Some(table.get(peer)?.sighting.as_ref()?.standing.best);
        let others = self.job.sources.iter().map(|source| &source.peer);
        let order = std::iter::once(guide).chain(others);
        let claims = order.filter_map(|peer| {
            let tip = tip_of(peer)?;
            let goes_on = tip.number > run.tip().number && !failed.contains(peer);
            goes_on.then_some((peer, tip))
        });
        let mut claims = claims.peekable();
        let (first, tip) = *claims.peek()?;
        let others = claims.filter(|(peer, claimed)| *claimed == tip && *peer != first);
        Some(Claimants {
            tip,
            first: first.clone(),
            others: others.map(|(peer, _)| peer.clone()).collect(),
        })
    }

    fn note_progress(&self) {
        let staged = self.staging().best().height();
        let table = self.staged.peers.table();
        let told = self.job.sources.iter().filter_map(|source| {
            let told = table.get(&source.peer)?.sighting.as_ref()?;
            Some(told.standing.best.height())
        });
        let (total, sources) = told.fold((staged, 0), |(total, sources), height| {
            (total.max(height), sources + 1)
        });
        drop(table);
        self.job.watch.sources(sources);
        self.job
            .watch
            .reached(staged, total, self.staged.clock.as_ref());
    }
}
