use super::{
    ChainFolder, ServiceError,
    peers::{PeerFile, PeerKeeper},
};
use crate::{
    Block,
    network::{self, NetworkPlan},
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
pub(super) struct Linking<'a> {
    pub(super) plan: NetworkPlan,
    pub(super) settings: SyncSettings,
    pub(super) registry: StrategyRegistry<Block>,
    pub(super) folder: &'a ChainFolder,
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
}

/// Listens, reads what is remembered of peers, and makes the manager.
pub(super) async fn link(linking: Linking<'_>) -> Result<Linked, ServiceError> {
    let Linking {
        plan,
        settings,
        registry,
        folder,
        bridge,
        clock,
        executor,
        observer,
        roles,
        production,
        fetching,
    } = linking;
    let genesis = bridge.genesis_hash();
    let (behaviour, network, events) = net::new(genesis.as_bytes(), &settings);
    let node = network::Node::start(plan, behaviour).await?;
    let file = PeerFile::new(&folder.network(), &settings.limits, Arc::clone(&clock));
    let ledger = file.read_or_begin()?;
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
    });
    Ok(Linked {
        node,
        network,
        events,
        manager,
        peers,
    })
}
