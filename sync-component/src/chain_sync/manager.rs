use super::{
    NotVoted, OperatorsOrder, ResyncError, ResyncRequest, ResyncStage, ResyncWatch, Stage,
    StagedChain, Swap, voted_block,
};
use crate::{
    block_id::{BlockId, number},
    context::SyncContext,
    peers::Record,
    ports::{Bridge, BridgeError, PeerId, heavy},
    registry::ResyncStrategy,
    wire::Activity,
};
use futures::future::join_all;
use sp_runtime::traits::Block as BlockT;
use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

/// The second store of a run, and its journal. Implemented by `runtime-bridge`; all calls may take long.
pub trait Staging<B: BlockT>: fmt::Debug + Send + Sync {
    /// The staged chain: what an earlier session of this run left, or genesis.
    fn open(&self) -> Result<Arc<dyn Bridge<B>>, BridgeError>;

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
    /// Peers to fetch from, the likeliest first; at least one.
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
        let request = order.request();
        self.watch.stage(ResyncStage::Preparing);
        let sources = self.find_trusted_peer(&request.peers).await?;
        for Source { peer, voucher } in &sources {
            tracing::info!(%peer, %voucher, "resync from this peer");
        }
        let opening = Arc::clone(&files);
        let staging = self.on_disk(move || opening.open()).await?;
        let job = ResyncJob {
            staging,
            sources,
            watch: self.watch.clone(),
        };
        self.enter(&files, Stage::Downloading).await?;
        self.download_full_chain(&job).await?;
        self.watch.stage(ResyncStage::Voting);
        let voted = self.validate_full_chain(&job.staging, request).await?;
        tracing::info!(staged = %job.staging.best(), %voted, "the staged chain is the voters'");
        self.enter(&files, Stage::Validated).await?;
        Ok(job.staging.best())
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

    /// The sources that are connected now, the likeliest first.
    pub fn sources(&self, named: &[PeerId]) -> Vec<Source> {
        let table = self.context.peers.table();
        let mut sources: Vec<_> = table
            .iter()
            .filter(|(_, entry)| entry.sighting.is_some())
            .filter_map(|(peer, entry)| {
                let voucher = self.voucher(peer, table.record(peer), named)?;
                let latency = table.record(peer).and_then(|record| record.latency);
                let peer = peer.clone();
                Some(((entry.undelivered, latency), Source { peer, voucher }))
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
        staging: Arc<dyn Bridge<B>>,
    ) -> Result<BlockId<B>, ResyncError<B>> {
        let job = ResyncJob {
            staging,
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
        let answers = self.ask_voters(staging, &staged).await;
        let threshold = self.context.settings.tier1.threshold;
        match (
            voted_block(&staged, &answers, threshold),
            request.checkpoint,
        ) {
            (Ok(voted), _) => Ok(voted),
            (Err(NotVoted::NoVoters), Some(checkpoint)) => {
                let reach = self.context.settings.tier1.max_gap;
                let staged = staging.best();
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
            (Err(refused), _) => Err(refused.into()),
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
        Ok(StagedChain { top })
    }

    /// The hashes that each voter holds at the heights of `staged`. A peer that does not answer, or is syncing itself, has
    /// no vote.
    async fn ask_voters(
        &self,
        staging: &Arc<dyn Bridge<B>>,
        staged: &StagedChain<B>,
    ) -> Vec<Vec<Option<B::Hash>>> {
        let peers = &self.context.peers;
        let asked: Vec<PeerId> = peers.table().iter().map(|(peer, _)| peer.clone()).collect();
        let genesis = staging.genesis_hash();
        let within = self.context.settings.tier1.timeout;
        let numbers: Vec<_> = staged.top.iter().map(|block| block.number).collect();
        let answers = asked.into_iter().map(|peer| {
            let numbers = numbers.clone();
            async move {
                peers.status(&peer, genesis, within).await.ok()?;
                let is_syncing = {
                    let table = peers.table();
                    let told = table.get(&peer)?.sighting.as_ref()?;
                    told.standing.activity == Activity::Syncing
                };
                if is_syncing {
                    return None;
                }
                peers.hashes(&peer, numbers, within).await.ok()
            }
        });
        join_all(answers).await.into_iter().flatten().collect()
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
