use super::{
    Admission, LocalDiscovery, NetworkPlan, NetworkStartError,
    doorkeeper::Doorkeeper,
    finder::{Answering, Finder},
    local::{self, LocalNetwork},
    slots::Slots,
    transactions::TransactionsBehaviour,
};
use libp2p::{
    PeerId, StreamProtocol, Swarm, SwarmBuilder, connection_limits,
    core::upgrade::Version,
    identify, identity,
    multiaddr::Protocol,
    noise, ping,
    swarm::{NetworkBehaviour, behaviour::toggle::Toggle},
    tcp, yamux,
};
use std::{collections::BTreeSet, time::Duration};
use sync_component::{
    net::{SyncBehaviour, protocol_name},
    ports,
};

/// How long a connection that no behaviour needs stays open. The sync behaviour keeps those to peers of our chain, so
/// this ends the others.
const IDLE: Duration = Duration::from_mins(5);

/// Most connections that are being set up from outside at once. Too low: honest peers wait; too high: strangers fill our
/// memory with handshakes.
const PENDING_INCOMING: u32 = 64;

/// Most connections to one peer: two that dial each other at once have two.
const PER_PEER: u32 = 3;

/// What identify tells of the protocol family; peers do not compare it.
const IDENTIFY_PROTOCOL: &str = "/tier-sync/1";

/// The part of Kademlia's name behind `/<genesis hex>/`, as with Substrate: networks never mix.
const KADEMLIA: &str = "kad";

/// All that a node speaks.
#[derive(NetworkBehaviour)]
pub(super) struct Behaviours {
    // Before the sync behaviour, which would not learn of a refusal that comes later.
    limits: connection_limits::Behaviour,
    pub(super) door: Doorkeeper,
    sync: SyncBehaviour,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    pub(super) finder: Finder,
    pub(super) local: LocalNetwork,
    pub(super) transactions: Toggle<TransactionsBehaviour>,
}

/// The names by which a peer of our chain is known.
#[derive(Debug)]
pub(super) struct ChainNames {
    pub(super) status: StreamProtocol,
    pub(super) kademlia: StreamProtocol,
}

impl ChainNames {
    pub(super) fn new(genesis: &[u8]) -> Self {
        Self {
            status: protocol_name(genesis, ports::Protocol::Status.suffix()),
            kademlia: protocol_name(genesis, KADEMLIA),
        }
    }
}

/// The swarm of `plan`; it neither listens nor dials yet.
pub(super) fn swarm(
    plan: &NetworkPlan,
    names: &ChainNames,
    sync: SyncBehaviour,
    transactions: Option<TransactionsBehaviour>,
) -> Result<Swarm<Behaviours>, NetworkStartError> {
    let key = identity::Keypair::ed25519_from_bytes(*plan.key.secret())
        .expect("every 32 bytes are an ed25519 secret key");
    let ours = key.public().to_peer_id();
    let limits = connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(Some(PENDING_INCOMING))
        .with_max_established_per_peer(Some(PER_PEER));
    let slots = Slots::new(plan.admission, reserved(plan));
    let identify = identify::Config::new(IDENTIFY_PROTOCOL.to_owned(), key.public())
        .with_agent_version(format!("node-template/{}", env!("CARGO_PKG_VERSION")))
        // What the operator says comes first, and alone: peers keep a few addresses only, and cannot tell which of them work.
        .with_hide_listen_addrs(!plan.public.is_empty())
        .with_cache_size(0);
    let answering = match (plan.admission, plan.listen.as_slice()) {
        (Admission::Everyone(_), [_, ..]) => Answering::Yes,
        _ => Answering::No,
    };
    let local = match plan.admission {
        Admission::Everyone(_) => plan.local,
        Admission::ReservedOnly => LocalDiscovery::Off,
    };
    let builder = SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(
            tcp::Config::default().nodelay(true),
            noise::Config::new,
            yamux::Config::default,
        )
        .map_err(|source| NetworkStartError::Encryption { source })?
        .with_dns()
        .map_err(|source| NetworkStartError::Dns { source })?;
    let Ok(builder) = builder.with_behaviour(|_| Behaviours {
        limits: connection_limits::Behaviour::new(limits),
        door: Doorkeeper::new(slots),
        sync,
        identify: identify::Behaviour::new(identify),
        ping: ping::Behaviour::default(),
        finder: Finder::new(ours, names.kademlia.clone(), answering),
        local: local::begin(local, ours),
        transactions: transactions.into(),
    });
    Ok(builder
        .with_swarm_config(|config| {
            config
                .with_idle_connection_timeout(IDLE)
                // A request goes along with the name of its protocol, not a round trip after it.
                .with_substream_upgrade_protocol_override(Version::V1Lazy)
        })
        .build())
}

fn reserved(plan: &NetworkPlan) -> BTreeSet<PeerId> {
    let nodes = plan.known.reserved.iter();
    nodes
        .filter_map(|address| match address.iter().last() {
            Some(Protocol::P2p(peer)) => Some(peer),
            _ => None,
        })
        .collect()
}
