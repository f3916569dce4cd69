use super::{
    Forge, InlineExecutor, MemoryNetwork, ReferenceBridge, SeededRandomness, TestBlock,
    VirtualClock,
};
use crate::{
    BlockId, NetworkSyncManager, Observer, StrategyRegistry, SyncSettings,
    observer::Unobserved,
    orchestrator::{Fetching, Parts, ProductionMode},
    peers::Ledger,
    ports::{Bridge, Clock, Executor, ImportBlocks, PeerId, Randomness, ReadChain, UnixMillis},
    wire::Roles,
};
use sp_consensus_aura::SlotDuration;
use sp_runtime::traits::Block as BlockT;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Length of a slot in the test kit's chains.
pub const SLOT: SlotDuration = SlotDuration::from_millis(6_000);

/// Events that may wait for a node; many more than a test sends at once.
const INBOX: usize = 4_096;

/// A whole node over a reference chain: its manager runs in a task of its own until the node is dropped.
#[derive(Debug)]
pub struct TestNode<B: BlockT> {
    /// Its id.
    pub id: PeerId,
    /// Its chain.
    pub chain: Arc<ReferenceBridge<B>>,
    /// Its manager.
    pub manager: Arc<NetworkSyncManager<B>>,
    _task: Task,
}

/// A task that ends when this is dropped.
#[derive(Debug)]
pub(super) struct Task(tokio::task::JoinHandle<()>);

impl Task {
    pub(super) fn spawn(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What a manager in a test is made of.
pub(super) struct Ground<B: BlockT> {
    pub(super) network: MemoryNetwork,
    pub(super) id: PeerId,
    pub(super) bridge: Arc<dyn Bridge<B>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) executor: Arc<dyn Executor>,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) randomness: Arc<dyn Randomness>,
    pub(super) settings: SyncSettings,
    pub(super) registry: StrategyRegistry<B>,
    pub(super) roles: Roles,
    pub(super) production: ProductionMode,
    pub(super) fetching: Fetching,
}

/// Makes a manager and connects it; the future is its work.
pub(super) fn launch<B: BlockT>(
    ground: Ground<B>,
) -> (
    Arc<NetworkSyncManager<B>>,
    impl Future<Output = ()> + Send + 'static,
) {
    let (sender, events) = mpsc::channel(INBOX);
    let ledger = Ledger::new(&ground.settings.limits);
    let parts = Parts {
        bridge: ground.bridge,
        network: Arc::new(ground.network.port(ground.id.clone())),
        clock: ground.clock,
        randomness: ground.randomness,
        executor: ground.executor,
        observer: ground.observer,
        settings: ground.settings,
        registry: ground.registry,
        roles: ground.roles,
        production: ground.production,
        ledger,
        fetching: ground.fetching,
    };
    let manager = NetworkSyncManager::new(parts);
    let manager = Arc::new(manager.expect("the settings of a test name known strategies"));
    let runner = Arc::clone(&manager);
    ground.network.start(ground.id, sender);
    (manager, async move { runner.run(events).await })
}

/// What a [`TestNode`] starts from.
#[derive(Debug)]
pub struct TestNodePlan<'a, B: BlockT> {
    /// Its id.
    pub name: &'a str,
    /// Who makes the chain's genesis.
    pub forge: &'a Forge,
    /// The wall-clock time at its start.
    pub wall: UnixMillis,
    /// Its settings.
    pub settings: SyncSettings,
    /// What its chain already holds.
    pub blocks: &'a [B],
    /// When it may author.
    pub production: ProductionMode,
    /// Who measures it.
    pub observer: Arc<dyn Observer>,
}

impl<B: TestBlock> TestNode<B> {
    /// Starts a node named `name` whose chain already holds `blocks`. Needs a tokio runtime with paused time.
    pub fn start(
        network: &MemoryNetwork,
        name: &str,
        forge: &Forge,
        wall: UnixMillis,
        settings: SyncSettings,
        blocks: &[B],
        production: ProductionMode,
    ) -> Self {
        let plan = TestNodePlan {
            name,
            forge,
            wall,
            settings,
            blocks,
            production,
            observer: Arc::new(Unobserved),
        };
        Self::start_as(network, plan)
    }

    /// The same, as `plan` says.
    pub fn start_as(network: &MemoryNetwork, plan: TestNodePlan<'_, B>) -> Self {
        let TestNodePlan {
            name,
            forge,
            wall,
            settings,
            blocks,
            production,
            observer,
        } = plan;
        let id = PeerId::from_bytes(name.as_bytes());
        let clock: Arc<dyn Clock> = Arc::new(VirtualClock::starting_at(wall));
        let max_reorg = settings.tier2.max_reorg;
        let chain = ReferenceBridge::new(forge, SLOT, max_reorg, Arc::clone(&clock));
        let chain = Arc::new(chain);
        let report = chain.import(blocks.to_vec());
        assert!(
            report.failure.is_none(),
            "the blocks of a test must be valid: {report:?}"
        );
        let (manager, work) = launch(Ground {
            network: network.clone(),
            id: id.clone(),
            bridge: chain.clone(),
            clock,
            executor: Arc::new(InlineExecutor),
            observer,
            randomness: Arc::new(SeededRandomness::new(7)),
            settings,
            registry: StrategyRegistry::with_builtins(),
            roles: Roles::Full,
            production,
            fetching: Fetching::Tier2,
        });
        Self {
            id,
            chain,
            manager,
            _task: Task::spawn(work),
        }
    }

    /// Its best block.
    pub fn best(&self) -> BlockId<B> {
        self.chain.best()
    }
}
