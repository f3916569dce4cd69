use super::{
    ServiceError,
    peers::{PeerKeeper, PeerMemory},
};
use crate::{
    Block,
    network::{self, Arrived, NetworkPlan, Pushing},
};
use std::sync::Arc;
use sync_component::{
    NetworkSyncManager, Observer, StrategyRegistry, SyncSettings,
    net::{self, NetHandle},
    orchestrator::{Fetching, Parts, ProductionMode},
    ports::{Bridge, Clock, Executor, NetworkEvent, SystemRandomness},
    wire::Roles,
};
use tokio::sync::mpsc;

/// What a chain needs to meet its network.
pub(super) struct Linking {
    pub(super) plan: NetworkPlan,
    pub(super) settings: SyncSettings,
    pub(super) registry: StrategyRegistry<Block>,
    pub(super) memory: PeerMemory,
    pub(super) bridge: Arc<dyn Bridge<Block>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) executor: Arc<dyn Executor>,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) roles: Roles,
    pub(super) production: ProductionMode,
    pub(super) fetching: Fetching,
}

/// A chain in its network. Nothing runs yet.
pub(super) struct Linked {
    pub(super) node: network::Node,
    pub(super) network: NetHandle,
    pub(super) events: mpsc::Receiver<NetworkEvent>,
    pub(super) manager: Arc<NetworkSyncManager<Block>>,
    pub(super) peers: Arc<PeerKeeper>,
    /// The pool's ends of `transactions/1`; none without Tier 2.
    pub(super) transactions: Option<(Pushing, mpsc::Receiver<Arrived>)>,
}

/// Listens, and makes the manager.
pub(super) async fn link(linking: Linking) -> Result<Linked, ServiceError> {
    let Linking {
        plan,
        settings,
        registry,
        memory: PeerMemory { file, ledger },
        bridge,
        clock,
        executor,
        observer,
        roles,
        production,
        fetching,
    } = linking;
    let genesis = bridge.genesis_hash();
    let trust_hours = settings.tier3.trust_hours;
    let (behaviour, network, events) = net::new(genesis.as_bytes(), &settings);
    // Where there is no chain to follow, nothing says which transfers apply.
    let (carried, transactions) = (fetching == Fetching::Tier2)
        .then(|| network::transactions(genesis.as_bytes(), &network))
        .map(|(carried, pushing, arrivals)| (carried, (pushing, arrivals)))
        .unzip();
    // On the heap: what is kept while the swarm is built and begins to listen is large.
    let starting = network::Node::start(plan, genesis.as_bytes(), behaviour, carried);
    let node = Box::pin(starting).await?;
    let manager = Arc::new(NetworkSyncManager::new(Parts {
        bridge,
        network: Arc::new(network.clone()),
        clock,
        randomness: Arc::new(SystemRandomness),
        executor,
        observer,
        settings,
        registry,
        roles,
        production,
        ledger,
        fetching,
    })?);
    let peers = Arc::new(PeerKeeper {
        file,
        manager: Arc::clone(&manager),
        reached: node.reached().clone(),
        trust_hours,
    });
    Ok(Linked {
        node,
        network,
        events,
        manager,
        peers,
        transactions,
    })
}
