use super::{
    NotVoted, OperatorsOrder, ResyncError, ResyncRequest, ResyncStage, ResyncWatch, Stage, Swap,
    Voters,
    poll::{self, Poll},
};
use crate::{
    block_id::{BlockId, height},
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

/// How often the blocks of a short chain are given up for a snapshot of a longer one. Lower: a source that is emptied at the wrong
/// moment ends the run; higher: sources that say now this and now that hold it up for longer.
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
    voters: Voters,
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
        let begun = self.context.clock.now();
        let outcome = self.run_up_to_swap(order, files).await;
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
        for Source { peer, voucher } in self.await_sources(order).await? {
            tracing::info!(%peer, %voucher, "resync from this peer");
        }
        let mut strays = BTreeSet::new();
        let mut renewals = 0..MOST_RENEWALS;
        loop {
            let staging = self.open(&files).await?;
            let refused = match self.build(request, &files, &staging, &strays).await {
                Err(ResyncError::NotVoted(refused @ NotVoted::OtherChain { .. })) => refused,
                Err(short @ ResyncError::BegunShort { .. }) => {
                    tracing::warn!(%short, "these blocks are given up");
                    drop(staging);
                    if renewals.next().is_some() && self.renew(&files).await {
                        continue;
                    }
                    return Err(short);
                }
                end => return end,
            };
            let found = self.strays(request, &refused).await;
            let news = found.difference(&strays).count();
            strays.extend(found);
            for peer in &strays {
                tracing::warn!(%peer, %refused, "this source is on another chain than the voters");
            }
            let is_any_left = self
                .sources(&request.peers)
                .iter()
                .any(|source| !strays.contains(&source.peer));
            // A command without a node holds the staged chain itself, so that it cannot be begun anew.
            drop(staging);
            let is_renewed = news > 0 && is_any_left && self.renew(&files).await;
            if !is_renewed {
                let strays = strays.into_iter().collect();
                return Err(ResyncError::Stray { refused, strays });
            }
            tracing::warn!("what was fetched is given up; the other sources are followed");
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

    /// The sources that hold the staged block where the voters hold another one. Each is asked, as it may have changed its mind.
    async fn strays(&self, request: &ResyncRequest<B>, refused: &NotVoted<B>) -> BTreeSet<PeerId> {
        let NotVoted::OtherChain { staged, .. } = refused else {
            return BTreeSet::new();
        };
        let staged = *staged;
        let asked = self
            .sources(&request.peers)
            .into_iter()
            .map(|source| async move {
                let is_on_it = self.holds(&source.peer, staged).await;
                is_on_it.then_some(source.peer)
            });
        join_all(asked).await.into_iter().flatten().collect()
    }

    /// Whether `peer` says that `block` is in its chain.
    async fn holds(&self, peer: &PeerId, block: BlockId<B>) -> bool {
        let settings = &self.context.settings;
        for _ in 0..settings.tier2.max_retries.get() {
            let within = settings.tier1.timeout;
            let told = self.context.peers.hashes(peer, vec![block.number], within);
            if let Ok(hashes) = told.await {
                return hashes.first() == Some(&Some(block.hash));
            }
        }
        false
    }

    /// Fetches and asks the voters, in rounds. `strays` are sources that are not asked.
    async fn build(
        &self,
        request: &ResyncRequest<B>,
        files: &Arc<dyn Staging<B>>,
        staging: &Arc<dyn Bridge<B>>,
        strays: &BTreeSet<PeerId>,
    ) -> Result<BlockId<B>, ResyncError<B>> {
        let mut rounds = 0;
        loop {
            rounds += 1;
            self.enter(files, Stage::Downloading).await?;
            let mut sources = self.sources_above(&request.peers, staging.best());
            sources.retain(|source| !strays.contains(&source.peer));
            let job = ResyncJob {
                staging: Arc::clone(staging),
                files: Arc::clone(files),
                sources,
                watch: self.watch.clone(),
            };
            self.download_full_chain(&job).await?;
            self.watch.stage(ResyncStage::Voting);
            if rounds == 1 {
                poll::await_known_peers(&self.context).await;
            }
            let refused = match self.vote(staging, request, rounds).await {
                Ok(voted) => {
                    tracing::info!(staged = %staging.best(), %voted, "the staged chain is the voters'");
                    self.enter(files, Stage::Validated).await?;
                    return Ok(staging.best());
                }
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
        self.run(order, files).await
    }

    /// Length of a slot. A vote that is older is taken again before a swap.
    pub fn slot(&self) -> Duration {
        self.context.bridge.slot_duration().as_duration()
    }

    async fn sleep_a_slot(&self) {
        self.context.clock.sleep(self.slot()).await;
    }

    /// The sources, once there is one. A run that an earlier process began goes on by itself whenever one comes.
    async fn await_sources(
        &self,
        order: &OperatorsOrder<B>,
    ) -> Result<Vec<Source>, ResyncError<B>> {
        let named = &order.request().peers;
        loop {
            match self.find_trusted_peer(named).await {
                Err(away @ (ResyncError::NoTrustedPeer | ResyncError::NamedPeersAway(_)))
                    if order.is_of_journal() =>
                {
                    tracing::warn!(%away, "the resync goes on as soon as one of its sources is connected");
                    self.sleep_a_slot().await;
                }
                found => return found,
            }
        }
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
