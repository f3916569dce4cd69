//! Tier 3 in a running node: takes the operator's orders, runs one at a time, and asks for the stop in which the stores are
//! exchanged.

use super::{ChainFolder, NetworkConfig, ServiceError, onlookers::Onlookers};
use crate::{
    Block,
    authoring::Chain,
    runtime::TemplateRuntime,
    telemetry::{Alert, AlertKind},
};
use chain_spec::ChainSpec;
use runtime_bridge::{
    ChainTip,
    resync::{
        Backup, Places, Plan, Pruned, RealDisk, ResyncFileError, ResyncFiles, Retention,
        StagedStore, Started, StoreFolders,
    },
};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use sync_component::{
    NetworkSyncManager, StrategyRegistry, SyncSettings,
    chain_sync::{
        BackupName, BadRequest, Journal, OperatorsOrder, Progress, ResyncError, ResyncRequest,
        ResyncRun, ResyncStage, ResyncWatch, Run, Source, Stage, Staging,
    },
    ports::{Bridge, BridgeError, Clock, PeerId},
    registry::{RegistryError, selected},
    status::Tier,
};
use tokio::sync::Notify;

/// Why an order is not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// The files.
    #[error(transparent)]
    Files(#[from] ResyncFileError),
    /// The strategy.
    #[error(transparent)]
    Strategy(#[from] RegistryError),
    /// The request in the journal.
    #[error(transparent)]
    Request(#[from] BadRequest),
    /// The swap has begun.
    #[error("the stores are being exchanged: the run can only be finished")]
    TooLate,
    /// The run is not given up.
    #[error("the run is not given up: {0}")]
    NotAborted(String),
}

/// One desk for the life of the process; it outlives the restart in which the stores are exchanged.
#[derive(Debug)]
pub struct ResyncDesk {
    files: ResyncFiles,
    staged: Arc<StagedStore<Block, TemplateRuntime>>,
    registry: StrategyRegistry<Block>,
    settings: SyncSettings,
    declared: BTreeSet<PeerId>,
    onlookers: Onlookers,
    state: Mutex<State>,
    /// Held while a run begins or ends, so that two orders at once are one order and a refusal.
    deciding: Mutex<()>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    watch: ResyncWatch,
    /// How the last run ended.
    last: Option<LastRun>,
}

#[derive(Debug)]
enum Phase {
    Idle,
    /// An order waits for the task that carries it out.
    Wanted(Job),
    Running,
    /// The task is to give up.
    Aborting,
    /// The stores are to be exchanged.
    Swap,
}

#[derive(Debug)]
struct Job {
    order: OperatorsOrder<Block>,
    strategy: String,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LastRun {
    /// The new chain is live; the old one is this backup.
    Swapped {
        /// Its name.
        backup: BackupName,
    },
    /// It failed; it may go on later.
    Interrupted(String),
    /// It failed and was given up: the old chain is as it was.
    Failed(String),
    /// The operator gave it up.
    Aborted,
}

/// What is known of the run under way.
#[derive(Clone, Debug, PartialEq)]
pub struct ResyncReport {
    /// The journal; none if no run is under way.
    pub journal: Option<Journal>,
    /// How far it is, while it runs in this process.
    pub progress: Option<Progress>,
    /// How the last run of this process ended.
    pub last: Option<LastRun>,
}

impl ResyncDesk {
    pub(super) fn new(
        folder: &ChainFolder,
        spec: &ChainSpec,
        settings: &SyncSettings,
        declared: BTreeSet<PeerId>,
        registry: StrategyRegistry<Block>,
        clock: Arc<dyn Clock>,
        onlookers: Onlookers,
    ) -> Self {
        let stores = StoreFolders::new(spec.clone(), TemplateRuntime, Arc::clone(&clock));
        let stores = Arc::new(stores.observed_by(Arc::clone(&onlookers.observer)));
        let places = Places::in_folder(folder.path());
        let files = ResyncFiles::new(places, Arc::new(RealDisk), stores.clone(), clock);
        Self {
            staged: Arc::new(StagedStore::new(files.clone(), stores)),
            files,
            registry,
            settings: settings.clone(),
            declared,
            onlookers,
            state: Mutex::new(State {
                phase: Phase::Idle,
                watch: ResyncWatch::default(),
                last: None,
            }),
            deciding: Mutex::new(()),
            changed: Notify::new(),
        }
    }

    fn deciding(&self) -> MutexGuard<'_, ()> {
        self.deciding.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, phase: Phase) {
        self.state().phase = phase;
        self.changed.notify_waiters();
    }

    /// Before the chain is opened: finishes or takes back what an earlier process began, and says so.
    pub(super) fn recover(&self) -> Result<(), ServiceError> {
        match self.files.recover().map_err(ServiceError::Resync)? {
            Started::Clean => {}
            Started::Forgotten => tracing::info!("a resync had not begun to build: forgotten"),
            Started::Swapped { backup } => {
                tracing::info!(%backup, "an interrupted swap is finished: the new chain runs");
                self.state().last = Some(LastRun::Swapped { backup });
            }
            Started::StagedLost => {
                let why = "the chain that was to become live is gone: the old chain runs, and the run is over";
                tracing::warn!("{why}");
                self.alert(why);
            }
            Started::RolledBack { why } => {
                tracing::error!(
                    "{why}; the old chain runs; `resync --resume` tries a resync's swap again"
                );
                self.alert(&why);
                self.state().last = Some(LastRun::Interrupted(why));
            }
            Started::AwaitsOperator(_) => {
                tracing::warn!("{}", ResyncFileError::AwaitsOperator);
            }
            Started::Resumes(journal) => {
                tracing::info!(
                    stage = journal.stage.name(),
                    "an interrupted resync goes on"
                );
                if let Run::Resync(run) = &journal.run
                    && let Err(error) = self.want(run)
                {
                    tracing::error!(%error, "the interrupted resync cannot go on");
                }
            }
        }
        Ok(())
    }

    fn want(&self, run: &ResyncRun) -> Result<(), OrderError> {
        #[allow(clippy::disallowed_methods, reason = "the operator's order goes on")]
        let order = OperatorsOrder::of_journal(run)?;
        let strategy = run.strategy.clone();
        self.begin(Phase::Wanted(Job { order, strategy }));
        Ok(())
    }

    /// A run begins, or goes on: how the last one ended is of no interest any more.
    fn begin(&self, phase: Phase) {
        self.staged.forget();
        {
            let mut state = self.state();
            state.watch = ResyncWatch::default();
            state.last = None;
        }
        self.enter(phase);
    }

    /// What a resync would do; writes nothing.
    pub(crate) fn plan(&self) -> Result<Plan, OrderError> {
        self.files.nothing_is_under_way()?;
        Ok(self.files.plan()?)
    }

    /// The peers that a resync would use now.
    pub(crate) fn sources(
        &self,
        manager: &NetworkSyncManager<Block>,
        request: &ResyncRequest<Block>,
    ) -> Result<Vec<Source>, OrderError> {
        let strategy = self.registry.resync(&self.settings)?;
        let chain_sync =
            manager.chain_sync(strategy, self.declared.clone(), ResyncWatch::default());
        Ok(chain_sync.sources(&request.peers))
    }

    /// Peers that are declared trusted.
    pub(crate) fn declared(&self) -> &BTreeSet<PeerId> {
        &self.declared
    }

    /// The strategy that the settings, or the operator, chose.
    pub(crate) fn strategy(&self, wanted: Option<&str>) -> Result<String, OrderError> {
        let mut settings = self.settings.clone();
        if let Some(name) = wanted {
            settings.strategies.tier3 = Some(name.to_owned());
        }
        self.registry.resync(&settings)?;
        Ok(selected(Tier::Resync, &settings).to_owned())
    }

    /// Begins a resync.
    pub(crate) fn order(
        &self,
        order: OperatorsOrder<Block>,
        strategy: Option<&str>,
    ) -> Result<Plan, OrderError> {
        let strategy = self.strategy(strategy)?;
        let _deciding = self.deciding();
        let plan = self.plan()?;
        let run = Run::Resync(order.request().written_down(&strategy));
        self.files.begin(run)?;
        if let Err(error) = self.files.try_exchange() {
            self.files.abort()?;
            return Err(error.into());
        }
        self.begin(Phase::Wanted(Job { order, strategy }));
        Ok(plan)
    }

    /// Goes on with an interrupted run.
    pub(crate) fn resume(&self) -> Result<(), OrderError> {
        let _deciding = self.deciding();
        if !matches!(self.state().phase, Phase::Idle) {
            return Ok(());
        }
        let journal = self.files.resume()?;
        match &journal.run {
            Run::Resync(run) => self.want(run),
            // It has no vote: the stores are exchanged in the next stop.
            Run::Restore(_) => {
                self.begin(Phase::Swap);
                Ok(())
            }
        }
    }

    /// Gives the run up. One that is worked on is given up by the task that does it; this waits for that.
    pub(crate) async fn abort(&self) -> Result<(), OrderError> {
        {
            let _deciding = self.deciding();
            let mut state = self.state();
            match state.phase {
                Phase::Swap => return Err(OrderError::TooLate),
                Phase::Running => state.phase = Phase::Aborting,
                Phase::Aborting => {}
                Phase::Idle | Phase::Wanted(_) => {
                    drop(state);
                    self.files.abort()?;
                    self.ended(LastRun::Aborted);
                    return Ok(());
                }
            }
        }
        self.changed.notify_waiters();
        loop {
            let changed = self.changed.notified();
            {
                let state = self.state();
                match (&state.phase, &state.last) {
                    (Phase::Aborting, _) => {}
                    (_, Some(LastRun::Failed(why) | LastRun::Interrupted(why))) => {
                        return Err(OrderError::NotAborted(why.clone()));
                    }
                    _ => return Ok(()),
                }
            }
            changed.await;
        }
    }

    /// Ends the run that the task worked on, as it was told to.
    fn give_up(&self) {
        let _deciding = self.deciding();
        match self.files.abort() {
            Ok(()) => self.ended(LastRun::Aborted),
            Err(error) => {
                tracing::error!(%error, "the run cannot be given up");
                self.ended(LastRun::Interrupted(error.to_string()));
            }
        }
    }

    /// Makes a backup the live chain again.
    pub(crate) fn restore(&self, id: &str) -> Result<BackupName, OrderError> {
        let _deciding = self.deciding();
        let backups = self.files.backups();
        let name = backups.find(id)?;
        backups.begin_restore(&name)?;
        self.begin(Phase::Swap);
        Ok(name)
    }

    /// The backups, the oldest first.
    pub(crate) fn backups(&self) -> Result<Vec<Backup>, ResyncFileError> {
        self.files.backups().list()
    }

    /// Removes the backups that need not be kept any more.
    pub(crate) fn prune(&self) -> Result<Pruned, ResyncFileError> {
        let days = self.settings.tier3.backup_retention_days;
        let kept = Duration::try_from_secs_f64(days * 24.0 * 3_600.0).unwrap_or(Duration::MAX);
        self.files.backups().prune(Retention(kept))
    }

    /// The node is in sync: remembers it beside the backups, and removes those that are old enough.
    pub(crate) fn settle(&self) {
        let _deciding = self.deciding();
        let settled = self.files.backups().settle().and_then(|()| self.prune());
        match settled {
            Ok(pruned) => {
                for backup in pruned.removed {
                    tracing::info!(%backup, "backup removed: it is old, and the node was in sync since");
                }
            }
            Err(error) => {
                tracing::debug!(%error, "the backups cannot be kept in order");
                let message = format!("the backups cannot be kept in order: {error}");
                let alert = Alert::new(AlertKind::BackupsFailed, message);
                self.onlookers.alert(alert);
            }
        }
    }

    /// How the last run of this process ended.
    pub(crate) fn last(&self) -> Option<LastRun> {
        self.state().last.clone()
    }

    /// How far the run under way is, without a look at its files; `None` if nothing is worked on.
    pub(crate) fn progress(&self) -> Option<Progress> {
        let state = self.state();
        let is_idle = matches!(state.phase, Phase::Idle);
        (!is_idle).then(|| state.watch.progress())
    }

    /// What is known of the run under way.
    pub(crate) fn report(&self) -> Result<ResyncReport, ResyncFileError> {
        let journal = self.files.journal()?;
        let state = self.state();
        let progress = match state.phase {
            Phase::Idle => None,
            _ => Some(state.watch.progress()),
        };
        Ok(ResyncReport {
            journal,
            progress,
            last: state.last.clone(),
        })
    }

    /// Carries out orders, one after the other.
    pub(super) async fn work(&self, manager: Arc<NetworkSyncManager<Block>>) {
        loop {
            let changed = self.changed.notified();
            let wanted = {
                let mut state = self.state();
                match std::mem::replace(&mut state.phase, Phase::Running) {
                    Phase::Wanted(job) => Some((job, state.watch.clone())),
                    other => {
                        state.phase = other;
                        None
                    }
                }
            };
            match wanted {
                Some((job, watch)) => self.carry_out(&manager, job, watch).await,
                None => changed.await,
            }
        }
    }

    async fn carry_out(&self, manager: &NetworkSyncManager<Block>, job: Job, watch: ResyncWatch) {
        let mut settings = self.settings.clone();
        settings.strategies.tier3 = Some(job.strategy.clone());
        let strategy = match self.registry.resync(&settings) {
            Ok(strategy) => strategy,
            // It was there when the run began.
            Err(error) => return self.ended(LastRun::Interrupted(error.to_string())),
        };
        let chain_sync = manager.chain_sync(strategy, self.declared.clone(), watch);
        let outcome = tokio::select! {
            outcome = chain_sync.run(&job.order, self.staged.clone()) => outcome,
            () = self.told_to_abort() => return self.give_up(),
        };
        let told_to_abort = {
            let _deciding = self.deciding();
            let is_aborting = matches!(self.state().phase, Phase::Aborting);
            match &outcome {
                _ if is_aborting => {}
                Ok(staged) => {
                    tracing::info!(%staged, "the resync is ready: the stores are exchanged now");
                    self.enter(Phase::Swap);
                }
                Err(error) => self.failed(error),
            }
            is_aborting
        };
        if told_to_abort {
            self.give_up();
        }
    }

    /// Called while deciding.
    fn failed(&self, error: &ResyncError<Block>) {
        tracing::error!(%error, "the resync ended");
        // A run that has not begun to build leaves nothing to go on with.
        let has_begun = !matches!(
            self.files.journal(),
            Ok(Some(Journal {
                stage: Stage::Preparing,
                ..
            }))
        );
        if has_begun && error.is_resumable() {
            return self.ended(LastRun::Interrupted(error.to_string()));
        }
        if let Err(error) = self.files.abort() {
            tracing::error!(%error, "what the resync had built cannot be removed");
        }
        self.ended(LastRun::Failed(error.to_string()));
    }

    fn ended(&self, how: LastRun) {
        if let LastRun::Failed(why) | LastRun::Interrupted(why) = &how {
            self.alert(why);
        }
        self.state().last = Some(how);
        self.enter(Phase::Idle);
    }

    fn alert(&self, why: &str) {
        let message = format!(
            "a resync or a restore did not come to its end: {why}; see `node-template resync --status`"
        );
        let alert = Alert::new(AlertKind::ResyncFailed, message);
        self.onlookers.alert(alert);
    }

    async fn told_to_abort(&self) {
        loop {
            let changed = self.changed.notified();
            if matches!(self.state().phase, Phase::Aborting) {
                return;
            }
            changed.await;
        }
    }

    /// The chain that the run under way builds.
    pub(super) fn staged_chain(&self) -> Result<Arc<dyn Bridge<Block>>, BridgeError> {
        self.staged.open()
    }

    /// Returns when no run is worked on any more, with the end of the last one.
    pub(super) async fn is_idle(&self) -> Option<LastRun> {
        loop {
            let changed = self.changed.notified();
            {
                let state = self.state();
                if matches!(state.phase, Phase::Idle) {
                    return state.last.clone();
                }
            }
            changed.await;
        }
    }

    /// Whether the stores are to be exchanged now.
    pub(super) fn is_to_swap(&self) -> bool {
        matches!(self.state().phase, Phase::Swap)
    }

    /// Returns when the node has to stop for an exchange of the stores.
    pub(super) async fn swap_is_due(&self) {
        loop {
            let changed = self.changed.notified();
            if self.is_to_swap() {
                return;
            }
            changed.await;
        }
    }

    /// Exchanges the stores, both closed. The chain in the live place is whole afterwards; an error says why it is not, and
    /// what to do.
    pub(super) fn swap(&self, old: Option<ChainTip>) -> Result<(), ServiceError> {
        self.state().watch.stage(ResyncStage::Swapping);
        match self.files.swap(old) {
            Ok(swap) => {
                let backup = self.files.backups().name_after_tip(swap.backup.clone());
                let backup = backup.unwrap_or_else(|error| {
                    tracing::warn!(%error, "the backup keeps the name that says nothing of its tip");
                    swap.backup
                });
                tracing::info!(%backup, "the stores are exchanged; the old chain is kept as this backup");
                self.ended(LastRun::Swapped { backup });
                Ok(())
            }
            Err(error) => {
                tracing::error!(%error, "the stores are not exchanged");
                let why = error.to_string();
                // The old chain is in its place, or the next start puts it there.
                let is_whole = !matches!(
                    self.files.journal().map_err(ServiceError::Resync)?,
                    Some(Journal {
                        stage: Stage::Swapping(_) | Stage::Committed(_),
                        ..
                    })
                );
                self.ended(LastRun::Interrupted(why));
                if is_whole {
                    Ok(())
                } else {
                    Err(ServiceError::Resync(error))
                }
            }
        }
    }

    /// Whether the store that a run builds is closed.
    pub(super) fn is_closed(&self) -> bool {
        self.staged.is_closed()
    }

    /// A node may start on the live store: refused where a run is under way and there is none, as a new one would be made.
    pub(super) fn live_store_may_be_made(&self) -> Result<(), ServiceError> {
        self.files
            .live_store_may_be_made()
            .map_err(ServiceError::Resync)
    }
}

/// Peers that are declared trusted: the reserved nodes of the chain spec and of the command line (SPEC sections 3 and 11).
pub(crate) fn declared(spec: &ChainSpec, network: &NetworkConfig) -> BTreeSet<PeerId> {
    let of_run = match network {
        NetworkConfig::Isolated => [].as_slice(),
        NetworkConfig::Connected { reserved, .. } => reserved,
    };
    let of_run = of_run.iter().map(ToString::to_string);
    // The readers of both have checked that each ends in a peer id.
    spec.reserved_nodes
        .iter()
        .cloned()
        .chain(of_run)
        .filter_map(|address| address.rsplit_once("/p2p/")?.1.parse().ok())
        .collect()
}

/// The tip of a chain that is about to be closed.
pub(super) fn tip_of(chain: &Chain) -> Option<ChainTip> {
    chain
        .tip()
        .inspect_err(|error| tracing::warn!(%error, "the old chain's tip cannot be read"))
        .ok()
}
