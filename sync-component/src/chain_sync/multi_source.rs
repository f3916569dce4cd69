use super::{
    ResyncError, ResyncJob, Source, SourceFault,
    asking::{lowest_of, tip_of},
    end::End,
    flow::{Flow, Least},
    guides::{Aim, Guides, Pace},
};
use crate::{
    block_id::{BlockId, number},
    block_sync::{FetchError, FetchJob, Onward, Pipelined, Terms},
    context::SyncContext,
    error::LocalFault,
    headers::{
        Beyond, Claimant, Claimants, Lagging, ProbeError, ProbeOutcome, Skeleton, VerifiedTip,
        extend, probe,
    },
    ports::{Bridge, PeerId, Presence},
    registry::ResyncStrategy,
};
use async_trait::async_trait;
use futures::future::{Either, select};
use sp_runtime::traits::Block as BlockT;
use std::{
    cmp::Reverse,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
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
        Ok(self.fetch_all_of(context, job).await?.tip)
    }
}

/// What a download from all sources came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Downloaded<B: BlockT> {
    /// The staged tip.
    pub(super) tip: BlockId<B>,
    /// What lies above that.
    pub(super) above: AboveIt,
}

/// What the sources have above the staged tip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AboveIt {
    /// Nothing that they could show.
    Nothing,
    /// More verified headers than the tips of honest nodes differ by, and no block that follows the tip.
    NoBlocksSoLow,
}

impl<B: BlockT> MultiSource<B> {
    /// All that the sources have.
    pub(super) async fn fetch_all_of(
        &self,
        context: &SyncContext<B>,
        job: &ResyncJob<B>,
    ) -> Result<Downloaded<B>, ResyncError<B>> {
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
            lagging: Mutex::default(),
            cut_off: Mutex::default(),
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

/// The source that is followed.
struct Following<'a> {
    guide: &'a PeerId,
    /// It is given so long for each of its first answers.
    within: Duration,
    /// When it is slow.
    least: Least,
    flow: Flow,
}

struct Download<'a, B: BlockT> {
    /// The component's world, with the staged chain as the chain.
    staged: &'a SyncContext<B>,
    job: &'a ResyncJob<B>,
    fetch: &'a Pipelined<B>,
    terms: &'a Terms,
    /// Who did not bring the headers that it was asked for.
    lagging: Mutex<Lagging>,
    /// A staged tip above which a long run of headers was verified, and whose next block no source serves.
    cut_off: Mutex<Option<BlockId<B>>>,
}

impl<B: BlockT> Download<'_, B> {
    async fn run(&self) -> Result<Downloaded<B>, ResyncError<B>> {
        let mut guides = Guides::of(self.staged, &self.job.sources);
        let tip = loop {
            let before = self.staging().best();
            // Whoever claims most, and of these whoever brought all headers that it was asked for.
            let place = |peer: &PeerId, height: u64| (Reverse(height), self.lagging().place(peer));
            let aim = Aim::ChainAbove(before.height());
            let Some(guide) = guides.next(aim, place).await else {
                return guides.end(before).map(|tip| Downloaded {
                    tip,
                    above: AboveIt::Nothing,
                });
            };
            let mut following = Following {
                guide: &guide,
                within: guides.within(&guide),
                least: guides.least(self.staged.settings.limits.headers_per_request),
                flow: guides.flow(&guide),
            };
            let followed = self.follow(&mut following).await;
            let flow = following.flow;
            guides.keep(&guide, flow);
            let staged = self.staging().best();
            if staged != before {
                guides.progressed(&guide, staged.height(), Pace::of(&followed));
            }
            match followed {
                Ok(Followed::ToItsEnd) if guides.is_end(&guide, staged.height()) => break staged,
                Ok(Followed::ToItsEnd | Followed::Further) => {}
                Err(End::Fault(fault)) => guides.failed(guide, staged.height(), fault),
                Err(End::Local(error)) => return Err(error),
            }
        };
        // Whoever failed in another way may have what follows.
        let is_gone = |fault: &SourceFault<B>| {
            matches!(fault, SourceFault::BeginsAbove { .. } | SourceFault::Gone)
        };
        let cut_off = *self.cut_off();
        let above = if cut_off == Some(tip) && guides.faults().all(is_gone) {
            AboveIt::NoBlocksSoLow
        } else {
            AboveIt::Nothing
        };
        Ok(Downloaded { tip, above })
    }

    fn staging(&self) -> &dyn Bridge<B> {
        self.job.staging.as_ref()
    }

    /// Fetches what the guide has above the staged tip, from all sources.
    async fn follow(&self, following: &mut Following<'_>) -> Result<Followed, End<B>> {
        let (guide, within) = (following.guide, following.within);
        let tip = tip_of(self.staged, self.staging(), guide, within).await?;
        let staged = self
            .staging()
            .presence(tip.hash)
            .map_err(ResyncError::from)?;
        if staged == Presence::Canonical {
            return Ok(Followed::ToItsEnd);
        }
        let before = self.staging().best();
        let run = self.first_run(following, tip, before).await?;
        self.somebody_has_what_follows(guide, before, &run)?;
        let shown_to = run.tip();
        let (onward, newest) = watch::channel(Some(run.clone()));
        let fetched = pin!(self.fetch_all(newest));
        let shown = pin!(self.show_ahead(following, run, onward));
        // What is shown ends when there is no more, and fetching ends behind it.
        let fetched = match select(fetched, shown).await {
            Either::Left((end, _)) => end,
            Either::Right((Ok(()), fetched)) => fetched.await,
            Either::Right((Err(end), _)) => return Err(end),
        };
        self.note_progress();
        match fetched {
            // Its branch is stored, and the fork choice stayed with ours.
            Ok(()) if self.staging().best() == before => {
                Err(SourceFault::OtherChain { staged: before }.into())
            }
            Ok(()) => Ok(Followed::Further),
            // Whoever is left may have what this one no longer delivers.
            Err(FetchError::NotDelivered { id, .. } | FetchError::WrongBody { id }) => {
                Err(SourceFault::NotDelivered { id }.into())
            }
            Err(FetchError::BeginAbove { id, lowest }) => {
                let lowest = number::<B>(lowest);
                let wanted = id.number;
                self.nobody_has_what_follows(shown_to);
                Err(SourceFault::BeginsAbove { lowest, wanted }.into())
            }
            Err(FetchError::Unplaceable { id, fault, .. }) => {
                Err(SourceFault::Invalid { id, fault }.into())
            }
            Err(FetchError::Overtaken { .. }) => {
                Err(SourceFault::OtherChain { staged: before }.into())
            }
            Err(FetchError::FromFuture { .. }) => {
                let above = self.staging().best();
                Err(SourceFault::FromFuture { above }.into())
            }
            Err(FetchError::Local(fault)) => Err(ResyncError::Local(fault).into()),
        }
    }

    /// Fetches the blocks of what is shown until no more will be. A session that comes to the end of what is known is over; the next
    /// one begins when more is.
    async fn fetch_all(&self, mut shown: Onward<B>) -> Result<(), FetchError<B>> {
        loop {
            let run = shown.borrow_and_update().clone();
            let left = run.map(|run| run.advance(self.staging())).transpose()?;
            if let Some(run) = left.flatten() {
                let job = FetchJob::new(&run, u64::MAX).going_on(shown.clone());
                self.fetch.fetch_on(self.staged, job, self.terms).await?;
            } else if shown.changed().await.is_err() {
                return Ok(());
            }
        }
    }

    /// The fault of `guide` if no source that is there serves the block after the staged tip.
    fn somebody_has_what_follows(
        &self,
        guide: &PeerId,
        staged: BlockId<B>,
        run: &VerifiedTip<B>,
    ) -> Result<(), SourceFault<B>> {
        let wanted = number::<B>(staged.height().saturating_add(1));
        let serves = |source: &Source| {
            let table = self.staged.peers.table();
            let told = table.get(&source.peer)?.sighting.as_ref()?;
            Some((told.standing.lowest..=told.standing.best.number).contains(&wanted))
        };
        let mut serving = self.job.sources.iter().filter_map(serves);
        match lowest_of(self.staged, guide) {
            Some(own) if own > wanted && !serving.any(|serves| serves) => {
                self.nobody_has_what_follows(run.tip());
                Err(SourceFault::BeginsAbove {
                    lowest: own,
                    wanted,
                })
            }
            _ => Ok(()),
        }
    }

    /// The verified headers go on up to `shown_to`: whether that is further above the staged tip than the tips of honest nodes differ by.
    fn nobody_has_what_follows(&self, shown_to: BlockId<B>) {
        let staged = self.staging().best();
        let near = staged
            .height()
            .saturating_add(self.staged.settings.tier1.max_gap);
        if shown_to.height() > near {
            *self.cut_off() = Some(staged);
        }
    }

    fn cut_off(&self) -> MutexGuard<'_, Option<BlockId<B>>> {
        self.cut_off.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first headers of the guide's chain above the staged one.
    async fn first_run(
        &self,
        following: &mut Following<'_>,
        tip: BlockId<B>,
        before: BlockId<B>,
    ) -> Result<VerifiedTip<B>, End<B>> {
        let settings = &self.staged.settings;
        // So many that whoever has the better branch shows it to be better, and that more lies above than the tips of honest nodes
        // differ by.
        let branch = settings.tier2.max_reorg.max(settings.tier1.max_gap) + 1;
        let window = u64::from(settings.limits.headers_per_request).max(branch);
        let other = SourceFault::OtherChain { staged: before };
        let (clock, begun) = (&self.staged.clock, self.staged.clock.now());
        let (guide, within) = (following.guide, following.within);
        let probed = pin!(probe(self.staged, guide, tip, window, within));
        // It may send one header at a time.
        let probed = match select(probed, pin!(clock.sleep(settings.tier1.timeout))).await {
            Either::Left((probed, _)) => probed,
            Either::Right(((), probed)) if following.least.count == 0 => probed.await,
            Either::Right(((), _)) => {
                let within = clock.now().since(begun);
                return Err(SourceFault::Slow { count: 0, within }.into());
            }
        };
        let run = match probed {
            Ok(ProbeOutcome::Verified(run) | ProbeOutcome::Partly { run, .. }) => run,
            // It is stored, and the fork choice stayed with another branch.
            Ok(ProbeOutcome::Held) => return Err(other.into()),
            Ok(ProbeOutcome::Wrong) | Err(ProbeError::Moved) => {
                return Err(SourceFault::Unproven.into());
            }
            Err(ProbeError::FromFuture) => {
                return Err(SourceFault::FromFuture { above: before }.into());
            }
            Err(ProbeError::Request(error)) => return Err(SourceFault::from(error).into()),
            Err(ProbeError::Local(fault)) => return Err(ResyncError::Local(fault).into()),
        };
        let too_deep = run.depth_below(&before) > settings.tier2.max_reorg;
        if too_deep || run.ancestor.number < self.staging().finalized().number {
            return Err(other.into());
        }
        let (count, took) = (run.headers().len() as u64, clock.now().since(begun));
        following.flow.note(count, took, following.least)?;
        Ok(run)
    }

    /// Verifies headers ahead of the blocks, until all that is verified is staged and no more comes.
    async fn show_ahead(
        &self,
        following: &mut Following<'_>,
        mut run: VerifiedTip<B>,
        onward: watch::Sender<Option<VerifiedTip<B>>>,
    ) -> Result<(), End<B>> {
        let mut skeleton = Skeleton::default();
        let clock = self.staged.clock.as_ref();
        let mut looked = (clock.now(), run.tip().height());
        loop {
            self.note_progress();
            let left = run.advance(self.staging()).map_err(ResyncError::from)?;
            let (waiting, is_staged) = match left {
                Some(left) => {
                    run = left;
                    (run.headers().len() as u64, false)
                }
                None => (0, true),
            };
            let longer = self
                .longer(following.guide, &run, waiting, &mut skeleton)
                .await;
            match longer.map_err(ResyncError::Local)? {
                Some(longer) => {
                    run = longer;
                    onward.send_replace(Some(run.clone()));
                }
                None if is_staged => return Ok(()),
                None => clock.sleep(LOOK_AGAIN).await,
            }
            let now = (clock.now(), run.tip().height());
            let (took, count) = (now.0.since(looked.0), now.1.saturating_sub(looked.1));
            looked = now;
            // While headers wait for their blocks nobody waits for headers.
            let waited = if is_staged { took } else { Duration::ZERO };
            following.flow.note(count, waited, following.least)?;
        }
    }

    /// `run`, of which so many headers wait for their blocks, with more above it, if more are known to exist, there is room for
    /// them, and they come.
    async fn longer(
        &self,
        guide: &PeerId,
        run: &VerifiedTip<B>,
        waiting: u64,
        skeleton: &mut Skeleton<B>,
    ) -> Result<Option<VerifiedTip<B>>, LocalFault> {
        let limits = &self.staged.settings.limits;
        let (each, ahead) = (limits.headers_per_request, limits.headers_ahead.into());
        let room = u64::saturating_sub(ahead, waiting);
        let claimants = self.claimants(guide, run);
        let Some(claimants) = claimants.filter(|_| run.beyond == Beyond::Claimed) else {
            return Ok(None);
        };
        let most = claimants.stride(u64::from(each).max(1), ahead);
        if room < most {
            return Ok(None);
        }
        let extended = extend(self.staged, &claimants, run, most, skeleton).await?;
        let now = self.staged.clock.now();
        self.lagging().note(extended.lacking, now);
        Ok(Some(extended.run).filter(|longer| longer.tip() != run.tip()))
    }

    fn lagging(&self) -> MutexGuard<'_, Lagging> {
        // Every change leaves it whole, so a panic elsewhere does not spoil it.
        self.lagging.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which sources claim a chain that goes on above `run`: `guide` before the others.
    fn claimants(&self, guide: &PeerId, run: &VerifiedTip<B>) -> Option<Claimants<B>> {
        let table = self.staged.peers.table();
        let others = self.job.sources.iter().map(|source| &source.peer);
        let order = std::iter::once(guide).chain(others.filter(|peer| *peer != guide));
        let claims = order.filter_map(|peer| {
            let tip = table.get(peer)?.sighting.as_ref()?.standing.best;
            let latency = table.record(peer).and_then(|record| record.latency);
            (tip.number > run.tip().number).then_some(Claimant { peer, tip, latency })
        });
        let claims: Vec<_> = claims.collect();
        // As long as for the blocks of so many: others may have the headers.
        let longest = self.staged.settings.tier2.timeout_per_block;
        let now = self.staged.clock.now();
        Claimants::of(&claims, &self.lagging(), longest, now)
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
