//! A chain in a network: the node's swarm and the component's manager, wired as the node wires them. What is left out
//! answers to nobody here: transactions, RPC, metrics, and the file of remembered peers.

use super::{
    BenchmarkError,
    conduct::{Conduct, conduct},
};
use crate::{
    Block,
    network::{
        Admission, DialLimits, KnownNodes, LocalDiscovery, NetworkPlan, Node, SlotCount,
        ToldAddresses,
    },
    service::NodeKey,
};
use libp2p::{Multiaddr, multiaddr::Protocol};
use rand::RngCore;
use std::{net::SocketAddr, sync::Arc};
use sync_component::{
    NetworkSyncManager, Observer, StrategyRegistry, SyncSettings,
    net::{self, NetHandle},
    orchestrator::{Fetching, Parts, ProductionMode},
    peers::Ledger,
    ports::{
        Bridge, Clock, Network, NetworkEvent, PeerId, SystemClock, SystemRandomness, TokioExecutor,
    },
    wire::Roles,
};
use tokio::{sync::mpsc, task::JoinSet};

/// What a member is.
pub(super) struct MemberPlan {
    /// Its chain.
    pub(super) chain: Arc<dyn Bridge<Block>>,
    /// The checked `[sync]` table.
    pub(super) settings: SyncSettings,
    /// What it tells to be.
    pub(super) roles: Roles,
    /// How it behaves.
    pub(super) conduct: Conduct,
    /// Who measures.
    pub(super) observer: Arc<dyn Observer>,
    /// Whether it meets others or is met.
    pub(super) meeting: Meeting,
    /// What becomes of what it has to say.
    pub(super) voice: fn(NetHandle) -> Arc<dyn Network>,
}

/// How a member meets others.
pub(super) enum Meeting {
    /// It listens on a free port of loopback and dials nobody.
    Listens,
    /// It dials these addresses, keeps dialling, and listens nowhere.
    Dials(Vec<Multiaddr>),
}

/// A member that runs until it is dropped.
pub(super) struct Member {
    /// Who it is.
    pub(super) id: PeerId,
    /// Its manager.
    pub(super) manager: Arc<NetworkSyncManager<Block>>,
    /// Its network.
    pub(super) network: NetHandle,
    /// Where it is reached, each with its id.
    pub(super) addresses: Vec<Multiaddr>,
    _tasks: JoinSet<()>,
}

/// A voice that is heard by everybody.
pub(super) fn aloud(network: NetHandle) -> Arc<dyn Network> {
    Arc::new(network)
}

impl Member {
    /// Starts a member.
    pub(super) async fn start(plan: MemberPlan) -> Result<Self, BenchmarkError> {
        let MemberPlan {
            chain,
            settings,
            roles,
            conduct: behaviour_of,
            observer,
            meeting,
            voice,
        } = plan;
        let genesis = chain.genesis_hash();
        let limits = &settings.limits;
        let (behaviour, network, events) = net::new(genesis.as_bytes(), &settings);
        let plan = network_plan(meeting, DialLimits::from(limits), limits.max_peers);
        let node = Box::pin(Node::start(plan, genesis.as_bytes(), behaviour, None)).await?;
        let ledger = Ledger::new(limits);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let manager = Arc::new(NetworkSyncManager::new(Parts {
            bridge: chain,
            network: voice(network.clone()),
            clock,
            randomness: Arc::new(SystemRandomness),
            executor: Arc::new(TokioExecutor::new(tokio::runtime::Handle::current())),
            observer,
            settings,
            registry: StrategyRegistry::with_builtins(),
            roles,
            production: ProductionMode::Voted,
            ledger,
            fetching: Fetching::Tier2,
        })?);
        let id = PeerId::from_bytes(&node.peer_id().to_bytes());
        let addresses = node.addresses().list();
        let mut tasks = JoinSet::new();
        let events = through(&mut tasks, behaviour_of, events);
        tasks.spawn(node.run());
        let running = Arc::clone(&manager);
        tasks.spawn(async move { running.run(events).await });
        Ok(Self {
            id,
            manager,
            network,
            addresses,
            _tasks: tasks,
        })
    }
}

/// What the manager hears of what the swarm says.
fn through(
    tasks: &mut JoinSet<()>,
    behaviour: Conduct,
    events: mpsc::Receiver<NetworkEvent>,
) -> mpsc::Receiver<NetworkEvent> {
    if behaviour == Conduct::Honest {
        return events;
    }
    let (to, filtered) = mpsc::channel(events.max_capacity());
    tasks.spawn(conduct(behaviour, events, to));
    filtered
}

pub(super) fn network_plan(meeting: Meeting, limits: DialLimits, max_peers: usize) -> NetworkPlan {
    let mut key = [0; NodeKey::BYTES];
    rand::thread_rng().fill_bytes(&mut key);
    let (listen, reserved, admission) = match meeting {
        Meeting::Listens => {
            let loopback = Multiaddr::empty()
                .with(Protocol::Ip4([127, 0, 0, 1].into()))
                .with(Protocol::Tcp(0));
            // No place for somebody to be dialled: it looks for nobody.
            let slots = SlotCount {
                inbound: max_peers,
                outbound: 0,
            };
            (vec![loopback], Vec::new(), Admission::Everyone(slots))
        }
        Meeting::Dials(addresses) => (Vec::new(), addresses, Admission::ReservedOnly),
    };
    NetworkPlan {
        key: NodeKey::new(key),
        listen,
        public: Vec::new(),
        known: KnownNodes {
            reserved,
            ..KnownNodes::default()
        },
        admission,
        local: LocalDiscovery::Off,
        told: ToldAddresses::All,
        limits,
    }
}

/// The IP address and the TCP port of an address that a member listens on.
pub(super) fn socket_of(address: &Multiaddr) -> Option<SocketAddr> {
    let mut parts = address.iter();
    match (parts.next()?, parts.next()?) {
        (Protocol::Ip4(ip), Protocol::Tcp(port)) => Some((ip, port).into()),
        _ => None,
    }
}

/// `address`, reached at `socket` instead.
pub(super) fn reached_at(address: &Multiaddr, socket: SocketAddr) -> Multiaddr {
    let start = Multiaddr::empty()
        .with(Protocol::from(socket.ip()))
        .with(Protocol::Tcp(socket.port()));
    address.iter().skip(2).fold(start, Multiaddr::with)
}
