use super::{
    Registrar,
    oracle::{Clearing, Oracle, View},
    signer::SimSigner,
};
use crate::{
    BlockId, NetworkSyncManager, SyncSettings,
    observer::Unobserved,
    orchestrator::{Clearance, Fetching, FirstAnswer, Hold, ProductionMode, SyncEvent},
    ports::{Bridge, Clock, Executor, ImportBlocks, ImportError, PeerId, ReadChain, VerifyHeaders},
    status::{HealthLine, SyncStatus},
    test_kit::{
        ChargingExecutor, Forge, InlineExecutor, MemoryNetwork, ReferenceBridge, SLOT,
        SeededRandomness, TestBlock, VirtualClock,
        node::{Ground, Task, launch},
    },
    wire::Roles,
};
use futures::FutureExt;
use sp_consensus_aura::Slot;
use sp_runtime::traits::Block as BlockT;
use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::sync::broadcast::error::RecvError;

/// What survives a restart, and what runs between two.
pub struct SimNode<B: BlockT> {
    /// Its id.
    pub id: PeerId,
    /// Its name in the log.
    pub name: String,
    /// Its chain; survives restarts.
    pub chain: Arc<ReferenceBridge<B>>,
    /// Its clock; can be set.
    pub clock: Arc<VirtualClock>,
    pub(super) settings: SyncSettings,
    pub(super) registry: Registrar<B>,
    pub(super) authority: Option<usize>,
    pub(super) production: ProductionMode,
    pub(super) gate: Gate,
    /// Who brings its blocks.
    pub fetching: Fetching,
    /// Time between a cleared gate and the import of the block.
    pub(super) build_time: Duration,
    pub(super) import_time: Duration,
    pub(super) network: MemoryNetwork,
    pub(super) forge: Forge,
    pub(super) oracle: Arc<Oracle<B>>,
    pub(super) randomness: Arc<SeededRandomness>,
    /// Its key and the record `signed`, if it is an authority. Survives everything.
    pub(super) signer: Option<Arc<SimSigner>>,
    pub(super) running: Option<Running<B>>,
}

/// Whether a node asks before it authors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// It does.
    Asked,
    /// It authors in each of its slots on whatever its best block is, and follows the longest chain: AURA as it is
    /// without this component's gate, to compare with.
    Absent,
}

impl<B: BlockT> std::fmt::Debug for SimNode<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimNode")
            .field("name", &self.name)
            .field("running", &self.running.is_some())
            .finish_non_exhaustive()
    }
}

/// A node's tasks; dropping them is a crash.
#[derive(Debug)]
pub(super) struct Running<B: BlockT> {
    manager: Arc<NetworkSyncManager<B>>,
    _tasks: Vec<Task>,
}

impl<B: TestBlock> SimNode<B> {
    /// Starts it, or does nothing if it runs.
    pub fn start(&mut self) {
        if self.running.is_some() {
            return;
        }
        self.oracle
            .note(format_args!("{} starts at {}", self.name, self.best()));
        let executor: Arc<dyn Executor> = if self.import_time.is_zero() {
            Arc::new(InlineExecutor)
        } else {
            Arc::new(ChargingExecutor::new(
                self.chain.effort().clone(),
                self.import_time,
            ))
        };
        let (chain, clock) = (self.chain.clone(), Arc::clone(&self.clock));
        self.oracle.starts(&self.id, chain, clock);
        let events = self.chain.events();
        let (manager, work) = launch(Ground {
            network: self.network.clone(),
            id: self.id.clone(),
            bridge: self.chain.clone(),
            clock: self.clock.clone(),
            executor,
            observer: Arc::new(Unobserved),
            randomness: self.randomness.clone(),
            settings: self.settings.clone(),
            registry: (self.registry)(),
            roles: self.authority.map_or(Roles::Full, |_| Roles::Authority),
            production: self.production,
            fetching: self.fetching,
        });
        let watcher = Watcher {
            id: self.id.clone(),
            name: self.name.clone(),
            chain: Arc::clone(&self.chain),
            manager: Arc::clone(&manager),
            settings: self.settings.clone(),
            network: self.network.clone(),
            oracle: Arc::clone(&self.oracle),
        };
        let mut tasks = vec![self.spawn(work), self.spawn(watcher.clone().watch(events))];
        if let (Some(authority), Some(signer)) = (self.authority, &self.signer) {
            let signer = Arc::clone(signer);
            let key = self.forge.public(authority);
            self.oracle.attests(&self.id, key);
            manager.attest_with(signer.clone());
            let author = Author {
                watcher,
                authority,
                clock: Arc::clone(&self.clock),
                forge: self.forge.clone(),
                signer,
                gate: self.gate,
                build_time: self.build_time,
                clearing: match self.production {
                    ProductionMode::Voted => Clearing::ByVotes,
                    _ => Clearing::WithoutVotes,
                },
            };
            tasks.push(self.spawn(author.run()));
        }
        self.running = Some(Running {
            manager,
            _tasks: tasks,
        });
    }

    /// A task whose panic the oracle sees (I8).
    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> Task {
        let (name, oracle) = (self.name.clone(), Arc::clone(&self.oracle));
        Task::spawn(async move {
            if AssertUnwindSafe(work).catch_unwind().await.is_err() {
                oracle.violated("I8", format_args!("a task of {name} panicked"));
            }
        })
    }

    /// Kills it where it is.
    pub fn stop(&mut self) {
        if self.running.take().is_some() {
            self.oracle
                .note(format_args!("{} stops at {}", self.name, self.best()));
            self.network.stop(&self.id);
            // What was told of the vote was in memory.
            self.chain
                .set_vote(crate::ports::VoteStanding::NotWithUs.into())
                .expect("a reference chain in memory");
        }
    }

    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Kills it and starts it again.
    pub fn restart(&mut self) {
        self.stop();
        self.start();
    }

    /// Loses its chain while it is stopped; `signed` stays.
    pub fn wipe(&mut self) {
        self.stop();
        self.oracle.note(format_args!("{} is wiped", self.name));
        self.chain.wipe();
        if let ProductionMode::SingleAuthority(first) = &mut self.production {
            // It has a record of earlier seals, so others may know more than it does.
            *first = FirstAnswer::AwaitPeers;
        }
    }

    /// From its next start on it asks nobody before it authors, and no vote moves its fork choice.
    pub fn lose_the_gate(&mut self) {
        self.gate = Gate::Absent;
        self.chain.follow_the_longest();
    }

    /// From its next start on, so much time passes between a cleared gate and the import of its block.
    pub fn build_takes(&mut self, time: Duration) {
        self.build_time = time;
    }

    /// Its best block.
    pub fn best(&self) -> BlockId<B> {
        self.chain.best()
    }

    /// Its manager.
    ///
    /// # Panics
    /// If it is stopped.
    pub fn manager(&self) -> &Arc<NetworkSyncManager<B>> {
        let running = self.running.as_ref();
        &running.expect("a test asks a running node").manager
    }

    /// Whether it runs and says that it is in sync.
    pub fn is_in_sync(&self) -> bool {
        let status = self.running.as_ref().map(|it| it.manager.get_sync_status());
        matches!(status, Some(Ok(SyncStatus::InSync)))
    }

    /// Its health line.
    pub fn health(&self) -> String {
        match &self.running {
            Some(running) => HealthLine(&running.manager.report()).to_string(),
            None => "stopped".to_owned(),
        }
    }
}

/// Shows the oracle what a node does.
#[derive(Clone)]
struct Watcher<B: BlockT> {
    id: PeerId,
    name: String,
    chain: Arc<ReferenceBridge<B>>,
    manager: Arc<NetworkSyncManager<B>>,
    settings: SyncSettings,
    network: MemoryNetwork,
    oracle: Arc<Oracle<B>>,
}

impl<B: TestBlock> Watcher<B> {
    fn view(&self) -> View<'_, B> {
        View {
            id: &self.id,
            chain: self.chain.as_ref() as &dyn Bridge<B>,
            manager: &self.manager,
            settings: &self.settings,
            network: &self.network,
        }
    }

    async fn watch(self, mut chain: tokio::sync::broadcast::Receiver<crate::ports::ChainEvent<B>>) {
        let mut events = self.manager.events();
        loop {
            tokio::select! {
                biased;
                event = chain.recv() => match event {
                    Ok(_) | Err(RecvError::Lagged(_)) => self.oracle.chain_changed(&self.view()),
                    Err(RecvError::Closed) => return std::future::pending().await,
                },
                event = events.recv() => match event {
                    Ok(event) => self.saw(&event),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return std::future::pending().await,
                },
            }
            self.oracle.check_target(&self.view());
        }
    }

    fn saw(&self, event: &SyncEvent<B>) {
        let Self { name, oracle, .. } = self;
        match event {
            SyncEvent::StatusChanged(report) => {
                oracle.note(format_args!("{name}: {}", HealthLine(report)));
                oracle.check_bounds(&self.view());
            }
            SyncEvent::GateHeld(hold) => oracle.note(format_args!("{name} holds: {hold}")),
            SyncEvent::CaughtUp { best } => oracle.note(format_args!("{name} caught up to {best}")),
            SyncEvent::CatchUpFailed(error) => {
                oracle.note(format_args!("{name} did not catch up: {error}"));
            }
            SyncEvent::CatchUpPanicked => oracle.session_panicked(name),
            SyncEvent::Equivocation(found) => oracle.note(format_args!("{name} found: {found}")),
            SyncEvent::NotSigned { duty, why } => {
                oracle.note(format_args!("{name} has no {duty}: {why}"));
            }
            SyncEvent::PeerBanned { peer } => oracle.banned(&self.id, peer),
            // Looked at where the gate is called.
            SyncEvent::GateCleared { .. } => {}
        }
    }
}

/// Authors in its slots, behind the gate.
struct Author<B: BlockT> {
    watcher: Watcher<B>,
    authority: usize,
    clock: Arc<VirtualClock>,
    forge: Forge,
    signer: Arc<SimSigner>,
    gate: Gate,
    build_time: Duration,
    clearing: Clearing,
}

impl<B: TestBlock> Author<B> {
    async fn run(self) {
        let length = SLOT.as_millis();
        let mut last = self.clock.wall().0 / length;
        loop {
            let wall = self.clock.wall().0;
            let left = length - wall % length;
            self.clock.sleep(Duration::from_millis(left)).await;
            let slot = self.clock.wall().0 / length;
            // As a node does: which of the slots that a clock shows a second time may be sealed, the signer knows.
            if slot != last {
                last = slot;
                self.author(Slot::from(slot)).await;
            }
        }
    }

    async fn author(&self, slot: Slot) {
        let Watcher {
            name,
            chain,
            oracle,
            ..
        } = &self.watcher;
        if self.forge.turn(slot) != self.authority {
            return;
        }
        let on = match self.gate {
            Gate::Asked => self.ask().await,
            Gate::Absent => Some(chain.best()),
        };
        let Some(on) = on else { return };
        if !self.build_time.is_zero() {
            self.clock.sleep(self.build_time).await;
        }
        let Ok(Some(parent)) = chain.header(on.hash) else {
            return;
        };
        let below = chain.slot_of(&parent).map_or(0, u64::from);
        if below >= *slot || self.clock.wall().0 / SLOT.as_millis() != *slot {
            return;
        }
        if !self.signer.takes(slot) {
            oracle.note(format_args!("{name} has sealed for slot {} before", *slot));
            return;
        }
        let block: B = self.forge.block(&parent, slot, &slot.to_le_bytes());
        oracle.sealed(&self.watcher.id, self.authority, slot, &block);
        match chain.import_own(&block, on) {
            Ok(()) => {}
            Err(ImportError::ClearanceLost { best, .. }) => {
                oracle.note(format_args!("{name} drops its block: {best} came first"));
            }
            Err(error) => oracle.note(format_args!("{name} cannot import its own block: {error}")),
        }
    }

    /// What the gate says to build on.
    async fn ask(&self) -> Option<BlockId<B>> {
        let Watcher {
            name,
            manager,
            oracle,
            ..
        } = &self.watcher;
        let on = match manager.sync_before_production().await {
            Ok(Clearance::Cleared { on, .. }) => on,
            Ok(Clearance::Held(Hold::Status(_) | Hold::Unverified(_))) => return None,
            Err(error) => {
                oracle.note(format_args!("{name}: the gate failed: {error}"));
                return None;
            }
        };
        // What it signed itself may not have left it yet.
        let own = manager.height_sync().attestations().into_iter();
        let own = own.filter(|word| word.authority == self.forge.public(self.authority));
        let id = &self.watcher.id;
        oracle.hears_attestations([id, id], &own.collect::<Vec<_>>());
        oracle.cleared(&self.watcher.view(), on, self.clearing);
        Some(on)
    }
}
