use super::{
    NotVoted, OperatorsOrder, ResyncError, ResyncRequest, ResyncStage, ResyncWatch, Source, Stage,
    Swap, Voters,
    poll::{self, Poll},
    sources::Awaited,
    stray::Apart,
};
use crate::{
    block_id::{BlockId, height},
    context::SyncContext,
    ports::{Bridge, BridgeError, PeerId, heavy},
    registry::ResyncStrategy,
    status::Tier,
};
use sp_runtime::traits::Block as BlockT;
use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

/// How often the voters are asked in one run, with a download before each time that brings hardly anything. Lower: a run ends early on a
/// network whose tip forks; higher: one whose sources stay behind ends late.
const VOTE_ROUNDS: u32 = 5;

/// How often what is staged is given up for a snapshot of a longer chain, or for the voters' chain where whoever showed it is lost.
/// Lower: a source that is emptied, or lost, at the wrong moment ends the run; higher: sources that say now this and now that hold it
/// up for longer.
const MOST_RENEWALS: u32 = 3;

/// The second store of a run, and its journal. Implemented by `runtime-bridge`; all calls may take long.
pub trait Staging<B: BlockT>: fmt::Debug + Send + Sync {
    /// The staged chain: what an earlier session of this run left, or genesis.
    fn open(&self) -> Result<Arc<dyn Bridge<B>>, BridgeError>;

    /// Removes the staged chain, which nobody holds open any more: the next call of [`Staging::open`] begins with genesis.
    fn renew(&self) -> Result<(), BridgeError>;

    /// An error if nothing more may be stored: the disk is so full that the live chain needs the rest.
    fn room(&self) -> Result<(), BridgeError>;

    /// The run enters its next stage; returns when that is on disk.
    fn enter(&self, stage: Stage) -> Result<(), BridgeError>;

    /// Exchanges the staged store with the live one, which becomes a backup. Both are closed.
    fn exchange(&self) -> Result<Swap, BridgeError>;
}

/// What a strategy of Tier 3 works on.
#[derive(Clone, Debug)]
pub struct ResyncJob<B: BlockT> {
    /// The chain that is built.
    pub staging: Arc<dyn Bridge<B>>,
    /// Its files.
    pub files: Arc<dyn Staging<B>>,
    /// Peers to fetch from, the likeliest first; at least one. Those that are not connected may come.
    pub sources: Vec<Source>,
    /// Where to say how far it is.
    pub watch: ResyncWatch,
}

/// Tier 3's face: the design's names, and the run that they make up.
pub struct ChainSyncManager<B: BlockT> {
    pub(super) context: SyncContext<B>,
    strategy: Arc<dyn ResyncStrategy<B>>,
    pub(super) declared: BTreeSet<PeerId>,
    pub(super) voters: Voters,
    pub(super) watch: ResyncWatch,
}

impl<B: BlockT> fmt::Debug for ChainSyncManager<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChainSyncManager")
            .field("strategy", &self.strategy)
            .finish_non_exhaustive()
    }
}

impl<B: BlockT> ChainSyncManager<B> {
    /// A manager that fetches with `strategy`. `declared` are the peers that the chain spec or the command line trusts; `voters`
    /// decide whether the fetched chain is the network's.
    pub fn new(
        context: SyncContext<B>,
        strategy: Arc<dyn ResyncStrategy<B>>,
        declared: BTreeSet<PeerId>,
        voters: Voters,
        watch: ResyncWatch,
    ) -> Self {
        let context = SyncContext {
            peers: context.peers.for_another_chain(),
            ..context
        };
        Self {
            context,
            strategy,
            declared,
            voters,
            watch,
        }
    }

    /// A whole run up to the swap: sources, download, vote. `Ok`: the staged chain is the voters', and that is written
    /// down; the caller closes both stores and calls [`ChainSyncManager::backup_chain`]. The live chain is untouched.
    pub async fn run(
        &self,
        order: &OperatorsOrder<B>,
        files: Arc<dyn Staging<B>>,
    ) -> Result<BlockId<B>, ResyncError<B>> {
        self.watch.stage(ResyncStage::Preparing);
        self.timed(async {
            self.checkpoint_is_not_denied(order).await?;
            self.run_up_to_swap(order, files).await
        })
        .await
    }

    async fn timed<T>(&self, work: impl Future<Output = T>) -> T {
        let begun = self.context.clock.now();
        let outcome = work.await;
        let took = self.context.clock.now().since(begun);
        self.context.observer.tier_ended(Tier::Resync, took);
        outcome
    }

    async fn run_up_to_swap(
        &self,
        order: &OperatorsOrder<B>,
        files: Arc<dyn Staging<B>>,
    ) -> Result<BlockId<B>, ResyncError<B>> {
        let request = order.request();
        self.watch.stage(ResyncStage::Preparing);
        let sources = match self.await_sources(order, &files).await? {
            Awaited::Sources(sources) => sources,
            Awaited::Voted(staged) => return Ok(staged),
        };
        for Source { peer, voucher } in sources {
            tracing::info!(%peer, %voucher, "resync from this peer");
        }
        let mut strays = BTreeSet::new();
        let mut renewals = 0..MOST_RENEWALS;
        loop {
            let staging = self.open(&files).await?;
            let Err(mut why) = self.build(request, &files, &staging, &strays).await else {
                return Ok(staging.best());
            };
            let apart = self.apart(&why, request, staging.as_ref(), &strays).await;
            let apart = apart.unwrap_or_else(|error| {
                tracing::warn!(%error, "which sources are on the staged chain is not known");
                Apart::Unknown
            });
            let may_renew = match apart {
                Apart::Strays(found) => {
                    for peer in &found {
                        let staged = staging.best();
                        tracing::warn!(%peer, %staged, "this source is on another chain than the wanted one");
                    }
                    why = why.with_strays(&found);
                    strays.extend(found);
                    let sources = self.sources(&request.peers);
                    sources.iter().any(|source| !strays.contains(&source.peer))
                }
                Apart::Forsaken { holder, wanted } => {
                    why = ResyncError::Forsaken {
                        staged: staging.best(),
                        wanted,
                        holder,
                    };
                    renewals.next().is_some()
                }
                Apart::Unknown => {
                    matches!(why, ResyncError::BegunShort { .. }) && renewals.next().is_some()
                }
            };
            drop(staging);
            if !(may_renew && self.renew(&files).await) {
                return Err(why);
            }
            tracing::warn!("what is staged is given up, and begun anew");
        }
    }

    async fn open(
        &self,
        files: &Arc<dyn Staging<B>>,
    ) -> Result<Arc<dyn Bridge<B>>, ResyncError<B>> {
        let opening = Arc::clone(files);
        self.on_disk(move || opening.open()).await
    }

    async fn renew(&self, files: &Arc<dyn Staging<B>>) -> bool {
        let renewing = Arc::clone(files);
        let renewed = self.on_disk(move || renewing.renew()).await;
        renewed
            .inspect_err(|error| tracing::warn!(%error, "the staged chain cannot be begun anew"))
            .is_ok()
    }

    /// Fetches and asks the voters, in rounds. `strays` are sources that are not asked.
    async fn build(
        &self,
        request: &ResyncRequest<B>,
        files: &Arc<dyn Staging<B>>,
        staging: &Arc<dyn Bridge<B>>,
        strays: &BTreeSet<PeerId>,
    ) -> Result<BlockId<B>, ResyncError<B>> {
        let (mut rounds, mut waits) = (0, 1..VOTE_ROUNDS);
        let clock = self.context.clock.as_ref();
        let mut last = (clock.now(), staging.best().height());
        loop {
            self.enter(files, Stage::Downloading).await?;
            let mut sources = self.sources_above(&request.peers, staging.best());
            sources.retain(|source| !strays.contains(&source.peer));
            let job = ResyncJob {
                staging: Arc::clone(staging),
                files: Arc::clone(files),
                sources,
                watch: self.watch.clone(),
            };
            if let Err(error) = self.download_full_chain(&job).await {
                if waits.next().is_some() && self.may_go_on(&error, staging.as_ref()).await? {
                    tracing::info!(%error, "a source is on a branch that is no better; it is asked again in a slot");
                    self.sleep_a_slot().await;
                    continue;
                }
                return Err(error);
            }
            let now = (clock.now(), staging.best().height());
            if now.1 > last.1.saturating_add(self.grows_by(now.0.since(last.0))) {
                // A source was at its end, and another one went on.
                rounds = 0;
            }
            last = now;
            rounds += 1;
            self.watch.stage(ResyncStage::Voting);
            if rounds == 1 {
                poll::await_known_peers(&self.context).await;
            }
            let refused = match self.vote(staging, request, rounds).await {
                Ok(voted) => return self.validated(files, staging.as_ref(), voted).await,
                Err(refused) => refused,
            };
            if rounds >= VOTE_ROUNDS || !is_better_later(&refused) {
                return Err(refused);
            }
            // What is staged stays good: answers were lost, the network has gone on, or other sources know more.
            tracing::info!(%refused, "fetching on, then the voters are asked again");
            self.sleep_a_slot().await;
        }
    }

    /// How many blocks a chain may gain in that time while whoever follows it is at its end.
    fn grows_by(&self, time: Duration) -> u64 {
        let slots = time.as_nanos() / self.slot().as_nanos().max(1);
        let slots = u64::try_from(slots).unwrap_or(u64::MAX);
        slots.saturating_add(self.context.settings.tier1.max_gap)
    }

    async fn validated(
        &self,
        files: &Arc<dyn Staging<B>>,
        staging: &dyn Bridge<B>,
        voted: BlockId<B>,
    ) -> Result<BlockId<B>, ResyncError<B>> {
        let staged = staging.best();
        tracing::info!(%staged, %voted, "the staged chain is the voters'");
        self.enter(files, Stage::Validated).await?;
        Ok(staged)
    }

    /// Asks the voters, again and again, about what an earlier session staged; returns once that is theirs, and written down.
    pub(super) async fn voted_at_last(
        &self,
        request: &ResyncRequest<B>,
        files: &Arc<dyn Staging<B>>,
    ) -> BlockId<B> {
        loop {
            match self.voted_already(request, files).await {
                Ok(staged) => return staged,
                Err(error) => tracing::debug!(%error, "what is staged is not the voters' yet"),
            }
            // Longer than a slot: it opens the staged store, and asks everybody.
            let pause = self.context.settings.tier1.timeout.max(self.slot());
            self.context.clock.sleep(pause).await;
        }
    }

    async fn voted_already(
        &self,
        request: &ResyncRequest<B>,
        files: &Arc<dyn Staging<B>>,
    ) -> Result<BlockId<B>, ResyncError<B>> {
        let staging = self.open(files).await?;
        poll::await_known_peers(&self.context).await;
        let voted = self.vote(&staging, request, 1).await?;
        self.validated(files, staging.as_ref(), voted).await
    }

    /// The voted block of the staged chain, in the last round also what the operator's checkpoint says in its place.
    async fn vote(
        &self,
        staging: &Arc<dyn Bridge<B>>,
        request: &ResyncRequest<B>,
        round: u32,
    ) -> Result<BlockId<B>, ResyncError<B>> {
        let voted = match self.validate_full_chain(staging, request).await {
            Err(ResyncError::NotVoted(refused)) if round >= VOTE_ROUNDS || !refused.may_pass() => {
                self.checkpoint_instead(staging.best(), refused, request)?
            }
            voted => voted?,
        };
        let lowest = staging.lowest_served();
        if voted.number < lowest {
            // The snapshot is final, so the voters come past it.
            return Err(ResyncError::BelowSnapshot {
                voted,
                snapshot: height::<B>(lowest),
            });
        }
        Ok(voted)
    }

    /// Asks the voters once more, where time has passed since they were asked (SPEC section 7, 3). If they refuse by now, the run goes
    /// on from what is staged.
    pub async fn vote_again(
        &self,
        order: &OperatorsOrder<B>,
        files: Arc<dyn Staging<B>>,
    ) -> Result<BlockId<B>, ResyncError<B>> {
        self.watch.stage(ResyncStage::Voting);
        let staging = self.open(&files).await?;
        // As in a last round: what a checkpoint stood in for, it stands in for now.
        let refused = match self.vote(&staging, order.request(), VOTE_ROUNDS).await {
            Ok(_) => return Ok(staging.best()),
            Err(refused @ ResyncError::Local(_)) => return Err(refused),
            Err(refused) => refused,
        };
        tracing::info!(%refused, "the voters have gone on since they were asked");
        drop(staging);
        self.timed(self.run_up_to_swap(order, files)).await
    }

    /// Length of a slot. A vote that is older is taken again before a swap.
    pub fn slot(&self) -> Duration {
        self.context.bridge.slot_duration().as_duration()
    }

    pub(super) async fn sleep_a_slot(&self) {
        self.context.clock.sleep(self.slot()).await;
    }

    /// Fetches and validates everything that the sources have into staging, with the selected strategy.
    pub async fn download_full_chain(
        &self,
        job: &ResyncJob<B>,
    ) -> Result<BlockId<B>, ResyncError<B>> {
        self.watch.stage(ResyncStage::Downloading);
        self.strategy.download(&self.context, job).await
    }

    /// The design's name for [`ChainSyncManager::download_full_chain`] from one peer.
    pub async fn request_full_chain(
        &self,
        source: Source,
        files: Arc<dyn Staging<B>>,
    ) -> Result<BlockId<B>, ResyncError<B>> {
        let opening = Arc::clone(&files);
        let job = ResyncJob {
            staging: self.on_disk(move || opening.open()).await?,
            files,
            sources: vec![source],
            watch: self.watch.clone(),
        };
        self.download_full_chain(&job).await
    }

    /// Asks all voters, afresh, whether the staged chain is theirs (SPEC section 7, 2). Every block of it was validated
    /// when it was imported.
    pub async fn validate_full_chain(
        &self,
        staging: &Arc<dyn Bridge<B>>,
        request: &ResyncRequest<B>,
    ) -> Result<BlockId<B>, ResyncError<B>> {
        if let Some(checkpoint) = request.checkpoint {
            match staging.canonical_hash(checkpoint.number)? {
                Some(hash) if hash == checkpoint.hash => {}
                Some(_) => return Err(ResyncError::OffCheckpoint { checkpoint }),
                None => {
                    let staged = staging.best();
                    return Err(ResyncError::BelowCheckpoint { checkpoint, staged });
                }
            }
        }
        let poll = Poll::of(&self.context, staging.as_ref(), &self.voters)?;
        let begun = self.context.clock.now();
        let voted = poll.take().await;
        let took = self.context.clock.now().since(begun);
        self.context.observer.chain_validated(took);
        Ok(voted??)
    }

    /// Where no vote is possible: the operator's checkpoint, if it lies close enough below the staged tip.
    fn checkpoint_instead(
        &self,
        staged: BlockId<B>,
        refused: NotVoted<B>,
        request: &ResyncRequest<B>,
    ) -> Result<BlockId<B>, ResyncError<B>> {
        let reach = self.context.settings.tier1.max_gap;
        match (refused, request.checkpoint) {
            (
                NotVoted::NoVoters | NotVoted::TooFewAnswers { .. } | NotVoted::TooFewAttest { .. },
                Some(checkpoint),
            ) => {
                if checkpoint.height().saturating_add(reach) < staged.height() {
                    Err(ResyncError::CheckpointTooOld {
                        checkpoint,
                        staged,
                        reach,
                    })
                } else {
                    Ok(checkpoint)
                }
            }
            (refused, _) => Err(refused.into()),
        }
    }

    /// Exchanges the stores: the live one becomes a backup, the staged one becomes live. Both must be closed.
    pub fn backup_chain(files: &dyn Staging<B>) -> Result<Swap, BridgeError> {
        files.exchange()
    }

    async fn enter(&self, files: &Arc<dyn Staging<B>>, stage: Stage) -> Result<(), ResyncError<B>> {
        let files = Arc::clone(files);
        self.on_disk(move || files.enter(stage)).await
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, BridgeError> + Send + 'static,
    ) -> Result<T, ResyncError<B>> {
        Ok(heavy(self.context.executor.as_ref(), work).await??)
    }
}

/// Whether more blocks, or another answer, may make a refused chain the voted one.
fn is_better_later<B: BlockT>(refused: &ResyncError<B>) -> bool {
    match refused {
        ResyncError::NotVoted(refused) => refused.may_pass(),
        ResyncError::BelowSnapshot { .. } | ResyncError::BelowCheckpoint { .. } => true,
        _ => false,
    }
}
