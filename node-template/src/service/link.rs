use super::{
    ServiceError,
    peers::{PeerKeeper, PeerMemory},
};
use crate::{
    Block,
    network::{self, Arrived, NetworkPlan, Pushing, ReachedAt},
};
use sp_core::H256;
use std::sync::Arc;
use sync_component::{
    NetworkSyncManager, Observer, StrategyRegistry, SyncSettings,
    net::{self, NetHandle},
    orchestrator::{Fetching, Parts, ProductionMode},
    ports::{Bridge, Clock, Executor, NetworkEvent, SystemRandomness},
    wire::Roles,
};
use tokio::sync::mpsc;

/// The network of a chain. It listens; nothing runs yet.
pub(super) struct Linked {
    pub(super) node: network::Node,
    pub(super) network: NetHandle,
    pub(super) events: mpsc::Receiver<NetworkEvent>,
    /// The pool's ends of `transactions/1`; none without Tier 2.
    pub(super) transactions: Option<(Pushing, mpsc::Receiver<Arrived>)>,
}

/// Listens.
pub(super) async fn link(
    plan: NetworkPlan,
    genesis: H256,
    settings: &SyncSettings,
    fetching: Fetching,
) -> Result<Linked, ServiceError> {
    let (behaviour, network, events) = net::new(genesis.as_bytes(), settings);
    // Where there is no chain to follow, nothing says which transfers apply.
    let (carried, transactions) = (fetching == Fetching::Tier2)
        .then(|| network::transactions(genesis.as_bytes(), &network))
        .map(|(carried, pushing, arrivals)| (carried, (pushing, arrivals)))
        .unzip();
    // On the heap: what is kept while the swarm is built and begins to listen is large.
    let starting = network::Node::start(plan, genesis.as_bytes(), behaviour, carried);
    let node = Box::pin(starting).await?;
    Ok(Linked {
        node,
        network,
        events,
        transactions,
    })
}

/// What a chain needs to meet its network.
pub(super) struct Meeting {
    pub(super) network: NetHandle,
    pub(super) reached: ReachedAt,
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
pub(super) struct Met {
    pub(super) manager: Arc<NetworkSyncManager<Block>>,
    pub(super) peers: Arc<PeerKeeper>,
}

/// Makes the manager.
pub(super) fn meet(meeting: Meeting) -> Result<Met, ServiceError> {
    let Meeting {
        network,
        reached,
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
    } = meeting;
    let trust_hours = settings.tier3.trust_hours;
    let manager = Arc::new(NetworkSyncManager::new(Parts {
        bridge,
        network: Arc::new(network),
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
        reached,
        trust_hours,
    });
    Ok(Met { manager, peers })
}
