use super::{
    Ballot, NotVoted, OperatorsOrder, ResyncError, ResyncRequest, ResyncStage, ResyncWatch, Stage,
    StagedChain, Swap, voted_block,
};
use crate::{
    block_id::{BlockId, height, number},
    context::SyncContext,
    peers::Record,
    ports::{Bridge, BridgeError, PeerId, heavy},
    registry::ResyncStrategy,
    status::Tier,
    wire::Activity,
};
use futures::future::join_all;
use sp_runtime::traits::Block as BlockT;
use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

/// How often the voters are asked in one run, with a download before each time. Lower: a run ends early on a network whose
/// tip forks; higher: one whose sources stay behind ends late.
const VOTE_ROUNDS: u32 = 5;

/// The second store of a run, and its journal. Implemented by `runtime-bridge`; all calls may take long.
pub trait Staging<B: BlockT>: fmt::Debug + Send + Sync {
    /// The staged chain: what an earlier session of this run left, or genesis.
    fn open(&self) -> Result<Arc<dyn Bridge<B>>, BridgeError>;

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

/// A peer to fetch from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The peer.
    pub peer: PeerId,
    /// Who says that it may be trusted.
    pub voucher: Voucher,
}

/// Who vouches for a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Voucher {
    /// The operator, with `--peer`.
    Operator,
    /// The chain spec or `--reserved-nodes`.
    Declared,
    /// Ourselves: it was consistent with us for `tier3_trust_hours`.
    Observed,
}

impl fmt::Display for Voucher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Operator => "named by the operator",
            Self::Declared => "a reserved node",
            Self::Observed => "observed and never in contradiction for tier3_trust_hours",
        })
    }
}

/// Tier 3's face: the design's names, and the run that they make up.
pub struct ChainSyncManager<B: BlockT> {
    context: SyncContext<B>,
    strategy: Arc<dyn ResyncStrategy<B>>,
    declared: BTreeSet<PeerId>,
    watch: ResyncWatch,
}

impl<B: BlockT> fmt::Debug for ChainSyncManager<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChainSyncManager")
            .field("strategy", &self.strategy)
            .finish_non_exhaustive()
    }
}

impl<B: BlockT> ChainSyncManager<B> {
    /// A manager that fetches with `strategy`. `declared` are the peers that the chain spec or the command line trusts.
    pub fn new(
        context: SyncContext<B>,
        strategy: Arc<dyn ResyncStrategy<B>>,
        declared: BTreeSet<PeerId>,
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
        let begun = self.context.clock.now();
        let outcome = self.run_up_to_swap(order.request(), files).await;
        let took = self.context.clock.now().since(begun);
        self.context.observer.tier_ended(Tier::Resync, took);
        outcome
    }

    async fn run_up_to_swap(
        &self,
        request: &ResyncRequest<B>,
        files: Arc<dyn Staging<B>>,
    ) -> Result<BlockId<B>, ResyncError<B>> {
        self.watch.stage(ResyncStage::Preparing);
        for Source { peer, voucher } in self.find_trusted_peer(&request.peers).await? {
            tracing::info!(%peer, %voucher, "resync from this peer");
        }
        let opening = Arc::clone(&files);
        let staging = self.on_disk(move || opening.open()).await?;
        let mut rounds = 0;
        loop {
            rounds += 1;
            self.enter(&files, Stage::Downloading).await?;
            let job = ResyncJob {
                staging: Arc::clone(&staging),
                files: Arc::clone(&files),
                sources: self.sources_above(&request.peers, staging.best()),
                watch: self.watch.clone(),
            };
            self.download_full_chain(&job).await?;
            self.watch.stage(ResyncStage::Voting);
            if rounds == 1 {
                self.await_known_peers().await;
            }
            let voted = match self.validate_full_chain(&staging, request).await {
                // What is staged stays good: answers were lost, the network has gone on, or other sources know more.
                Err(ResyncError::NotVoted(refused))
                    if refused.may_pass() && rounds < VOTE_ROUNDS =>
                {
                    tracing::info!(%refused, "fetching on, then the voters are asked again");
                    self.sleep_a_slot().await;
                    continue;
                }
                Err(ResyncError::NotVoted(refused)) => {
                    self.checkpoint_instead(staging.best(), refused, request)?
                }
                voted => voted?,
            };
            let lowest = staging.lowest_served();
            if voted.number < lowest {
                let refused = ResyncError::BelowSnapshot {
                    voted,
                    snapshot: height::<B>(lowest),
                };
                if rounds >= VOTE_ROUNDS {
                    return Err(refused);
                }
                // The snapshot is final, so the voters come past it.
                tracing::info!(%refused, "fetching on, then the voters are asked again");
                self.sleep_a_slot().await;
                continue;
            }
            tracing::info!(staged = %staging.best(), %voted, "the staged chain is the voters'");
            self.enter(&files, Stage::Validated).await?;
            return Ok(staging.best());
        }
    }

    async fn sleep_a_slot(&self) {
        let slot = self.context.bridge.slot_duration().as_duration();
        self.context.clock.sleep(slot).await;
    }

    /// The peers to fetch from: those that the operator named, or else the trusted ones (SPEC section 3). Waits
    /// `tier1_timeout_secs` for the first of them to connect.
    pub async fn find_trusted_peer(&self, named: &[PeerId]) -> Result<Vec<Source>, ResyncError<B>> {
        let clock = &self.context.clock;
        let until = clock.now().plus(self.context.settings.tier1.timeout);
        loop {
            let sources = self.sources(named);
            if !sources.is_empty() {
                self.watch.sources(sources.len());
                return Ok(sources);
            }
            if named.is_empty() && !self.knows_a_trusted_peer() {
                return Err(ResyncError::NoTrustedPeer);
            }
            if clock.now() >= until {
                return Err(if named.is_empty() {
                    ResyncError::NoTrustedPeer
                } else {
                    ResyncError::NamedPeersAway(named.to_vec())
                });
            }
            clock.sleep(Duration::from_millis(200)).await;
        }
    }

    /// All sources: first those that claim more than is staged, last those that are not connected yet, or not any more.
    fn sources_above(&self, named: &[PeerId], staged: BlockId<B>) -> Vec<Source> {
        let mut sources = self.sources(named);
        let table = self.context.peers.table();
        let is_above = |source: &Source| {
            let told = table.get(&source.peer)?.sighting.as_ref()?;
            Some(told.standing.best.number > staged.number)
        };
        sources.sort_by_key(|source| is_above(source) != Some(true));
        let there: BTreeSet<_> = sources.iter().map(|source| source.peer.clone()).collect();
        let records = table.ledger().iter();
        let known = named.iter().chain(&self.declared);
        let known: BTreeSet<_> = known.chain(records.map(|(peer, _)| peer)).collect();
        let away = known.into_iter().filter(|peer| !there.contains(*peer));
        sources.extend(away.filter_map(|peer| {
            let voucher = self.voucher(peer, table.record(peer), named)?;
            let peer = peer.clone();
            Some(Source { peer, voucher })
        }));
        sources
    }

    /// The sources that are connected now, the likeliest first; those that are syncing themselves come last.
    pub fn sources(&self, named: &[PeerId]) -> Vec<Source> {
        let table = self.context.peers.table();
        let mut sources: Vec<_> = table
            .iter()
            .filter_map(|(peer, entry)| {
                let voucher = self.voucher(peer, table.record(peer), named)?;
                let latency = table.record(peer).and_then(|record| record.latency);
                let told = entry.sighting.as_ref()?;
                let is_syncing = told.standing.activity == Activity::Syncing;
                let peer = peer.clone();
                let likely = (is_syncing, entry.undelivered, latency);
                Some((likely, Source { peer, voucher }))
            })
            .collect();
        sources.sort_by_key(|(likely, _)| *likely);
        sources.into_iter().map(|(_, source)| source).collect()
    }

    fn voucher(&self, peer: &PeerId, record: Option<&Record>, named: &[PeerId]) -> Option<Voucher> {
        if !named.is_empty() {
            return named.contains(peer).then_some(Voucher::Operator);
        }
        if self.declared.contains(peer) {
            return Some(Voucher::Declared);
        }
        let hours = self.context.settings.tier3.trust_hours;
        let observed = record.is_some_and(|record| record.is_trusted(hours));
        observed.then_some(Voucher::Observed)
    }

    /// Whether there is one to wait for.
    fn knows_a_trusted_peer(&self) -> bool {
        let table = self.context.peers.table();
        let mut records = table.ledger().iter();
        let hours = self.context.settings.tier3.trust_hours;
        !self.declared.is_empty() || records.any(|(_, record)| record.is_trusted(hours))
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
        if let Some(checkpoint) = request.checkpoint
            && staging.canonical_hash(checkpoint.number)? != Some(checkpoint.hash)
        {
            return Err(ResyncError::OffCheckpoint { checkpoint });
        }
        let staged = self.top_of(staging)?;
        let begun = self.context.clock.now();
        let ballots = self.ask_voters(staging, &staged).await;
        let took = self.context.clock.now().since(begun);
        self.context.observer.chain_validated(took);
        let ballots = ballots?;
        let threshold = self.context.settings.tier1.threshold;
        Ok(voted_block(&staged, &ballots, threshold)?)
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
            (NotVoted::NoVoters | NotVoted::TooFewAnswers { .. }, Some(checkpoint)) => {
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

    /// Waits, at most `tier1_timeout_secs`, until as many peers have told where they stand as were consistent with us
    /// before our start and are not back yet: whoever comes first must not be the only voter.
    async fn await_known_peers(&self) {
        let clock = &self.context.clock;
        let until = clock.now().plus(self.context.settings.tier1.timeout);
        loop {
            {
                let table = self.context.peers.table();
                let awaited = table.ledger().iter();
                let awaited = awaited.filter(|(_, record)| record.may_come_back()).count();
                let told = table.iter().filter(|(_, entry)| entry.sighting.is_some());
                if told.count() >= awaited {
                    return;
                }
            }
            if clock.now() >= until {
                return;
            }
            clock.sleep(Duration::from_millis(200)).await;
        }
    }

    /// The staged tip and the blocks in reach below it.
    fn top_of(&self, staging: &Arc<dyn Bridge<B>>) -> Result<StagedChain<B>, BridgeError> {
        let tip = staging.best().height();
        let lowest = tip.saturating_sub(self.context.settings.tier1.max_gap);
        let mut top = Vec::new();
        for height in (lowest..=tip).rev() {
            let number = number::<B>(height);
            if let Some(hash) = staging.canonical_hash(number)? {
                top.push(BlockId::new(number, hash));
            }
        }
        let reach = self.context.settings.tier1.max_gap;
        Ok(StagedChain { top, reach })
    }

    /// What each voter says. A peer that does not answer, or is syncing itself, has no vote; a round needs as many answers
    /// as one of Tier 1.
    async fn ask_voters(
        &self,
        staging: &Arc<dyn Bridge<B>>,
        staged: &StagedChain<B>,
    ) -> Result<Vec<Ballot<B>>, NotVoted<B>> {
        let peers = &self.context.peers;
        let (asked, expected) = {
            let table = peers.table();
            let asked: Vec<PeerId> = table.iter().map(|(peer, _)| peer.clone()).collect();
            let expected = table.iter().filter(|(_, entry)| entry.is_expected());
            (asked, expected.count())
        };
        let genesis = staging.genesis_hash();
        let within = self.context.settings.tier1.timeout;
        let numbers: Vec<_> = staged.top.iter().map(|block| block.number).collect();
        let answers = asked.into_iter().map(|peer| {
            let numbers = numbers.clone();
            async move {
                peers.status(&peer, genesis, within).await.ok()?;
                let (best, activity) = {
                    let table = peers.table();
                    let told = &table.get(&peer)?.sighting.as_ref()?.standing;
                    (told.best.height(), told.activity)
                };
                if activity == Activity::Syncing {
                    return Some(None);
                }
                let hashes = peers.hashes(&peer, numbers, within).await.ok()?;
                Some(Some(Ballot { best, hashes }))
            }
        });
        let answers: Vec<_> = join_all(answers).await.into_iter().flatten().collect();
        let responses = answers.len();
        let required = self.context.settings.tier1.required(expected);
        if responses < required && responses > 0 {
            return Err(NotVoted::TooFewAnswers {
                responses,
                required,
            });
        }
        Ok(answers.into_iter().flatten().collect())
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
