use super::{
    Forge, InlineExecutor, MemoryNetwork, ReferenceBridge, SeededRandomness, TestBlock,
    VirtualClock,
};
use crate::{
    BlockId, NetworkSyncManager, StrategyRegistry, SyncSettings,
    orchestrator::{Parts, ProductionMode},
    ports::{Clock, ImportBlocks, PeerId, ReadChain, UnixMillis},
    wire::Roles,
};
use sp_consensus_aura::SlotDuration;
use sp_runtime::traits::Block as BlockT;
use std::sync::Arc;
use tokio::sync::mpsc;

/// A whole node over a reference chain: its manager runs in a task of its own until the node is dropped.
#[derive(Debug)]
pub struct TestNode<B: BlockT> {
    /// Its id.
    pub id: PeerId,
    /// Its chain.
    pub chain: Arc<ReferenceBridge<B>>,
    /// Its manager.
    pub manager: Arc<NetworkSyncManager<B>>,
    task: tokio::task::JoinHandle<()>,
}

impl<B: BlockT> Drop for TestNode<B> {
    fn drop(&mut self) {
        self.task.abort();
    }
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
        let id = PeerId::from_bytes(name.as_bytes());
        let clock: Arc<dyn Clock> = Arc::new(VirtualClock::starting_at(wall));
        let slot = SlotDuration::from_millis(6_000);
        let max_reorg = settings.tier2.max_reorg;
        let chain = Arc::new(ReferenceBridge::new(
            forge,
            slot,
            max_reorg,
            Arc::clone(&clock),
        ));
        let report = chain.import(blocks.to_vec());
        assert!(
            report.failure.is_none(),
            "the blocks of a test must be valid: {report:?}"
        );
        let (sender, events) = mpsc::channel(1_024);
        let port = network.add(id.clone(), sender);
        let parts = Parts {
            bridge: chain.clone(),
            network: Arc::new(port),
            clock,
            randomness: Arc::new(SeededRandomness::new(7)),
            executor: Arc::new(InlineExecutor),
            settings,
            registry: StrategyRegistry::with_builtins(),
            roles: Roles::Full,
            production,
        };
        let manager = Arc::new(
            NetworkSyncManager::new(parts).expect("the settings of a test name known strategies"),
        );
        let runner = Arc::clone(&manager);
        let task = tokio::spawn(async move { runner.run(events).await });
        Self {
            id,
            chain,
            manager,
            task,
        }
    }

    /// Its best block.
    pub fn best(&self) -> BlockId<B> {
        self.chain.best()
    }
}
