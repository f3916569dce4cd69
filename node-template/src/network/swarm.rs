use super::{
    ListenAddresses, NetworkStartError, ReachedAt,
    bootnodes::{Bootnodes, Jitter},
    transactions::{Carrier, Errand, Transactions, TransactionsBehaviour},
};
use crate::service::NodeKey;
use futures::StreamExt;
use libp2p::{
    Multiaddr, PeerId, Swarm, SwarmBuilder, TransportError, connection_limits,
    core::transport::ListenerId,
    identify, identity,
    multiaddr::Protocol,
    noise, ping,
    swarm::{NetworkBehaviour, SwarmEvent, behaviour::toggle::Toggle},
    tcp, yamux,
};
use std::{error::Error, io, time::Duration};
use sync_component::net::SyncBehaviour;
use tokio::time::Instant;

/// How long a connection that no behaviour needs stays open. The sync behaviour keeps those to peers of our chain, so
/// this ends the others.
const IDLE: Duration = Duration::from_mins(5);

/// How long the system may take to confirm that we listen.
const LISTEN_PATIENCE: Duration = Duration::from_secs(10);

/// Most connections that are being set up from outside at once. Too low: honest peers wait; too high: strangers fill our
/// memory with handshakes.
const PENDING_INCOMING: u32 = 64;

/// Most connections to one peer: two that dial each other at once have two.
const PER_PEER: u32 = 3;

/// What identify tells of the protocol family; peers do not compare it.
const IDENTIFY_PROTOCOL: &str = "/tier-sync/1";

/// How a node meets others.
#[derive(Clone, Debug)]
pub struct NetworkPlan {
    /// The identity.
    pub key: NodeKey,
    /// Addresses to listen on; none for an isolated node.
    pub listen: Vec<Multiaddr>,
    /// Peers to connect to, each ending in `/p2p/<peer id>`.
    pub bootnodes: Vec<Multiaddr>,
    /// Most connections that others make to us (`max_peers`).
    pub max_incoming: usize,
}

#[derive(NetworkBehaviour)]
struct Behaviours {
    // Before the sync behaviour, which would not learn of a refusal that comes later.
    limits: connection_limits::Behaviour,
    sync: SyncBehaviour,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    transactions: Toggle<TransactionsBehaviour>,
}

/// A node in its network: it listens when this exists, and meets others while [`Node::run`] is polled.
pub struct Node {
    swarm: Swarm<Behaviours>,
    bootnodes: Bootnodes,
    addresses: ListenAddresses,
    reached: ReachedAt,
    carrier: Option<Carrier>,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node")
            .field("peer_id", self.swarm.local_peer_id())
            .field("bootnodes", &self.bootnodes)
            .finish_non_exhaustive()
    }
}

impl Node {
    /// Makes the swarm and waits until it listens, so that a port in use is known before anything else runs.
    /// Without `transactions` the node takes none and sends none.
    pub async fn start(
        plan: NetworkPlan,
        sync: SyncBehaviour,
        transactions: Option<Transactions>,
    ) -> Result<Self, NetworkStartError> {
        let (transactions, carrier) = transactions
            .map(|both| (both.behaviour, both.carrier))
            .unzip();
        let mut swarm = swarm(&plan, sync, transactions)?;
        let ours = *swarm.local_peer_id();
        let addresses = ListenAddresses::new(ours);
        listen(&mut swarm, &plan.listen, &addresses).await?;
        Ok(Self {
            bootnodes: Bootnodes::new(&plan.bootnodes, ours, Instant::now()),
            swarm,
            addresses,
            reached: ReachedAt::default(),
            carrier,
        })
    }

    /// Our identity.
    pub fn peer_id(&self) -> PeerId {
        *self.swarm.local_peer_id()
    }

    /// Where we listen.
    pub fn addresses(&self) -> &ListenAddresses {
        &self.addresses
    }

    /// Where our connected peers were reached.
    pub fn reached(&self) -> &ReachedAt {
        &self.reached
    }

    /// Drives the network; never returns.
    pub async fn run(mut self) {
        loop {
            let dial_at = self.bootnodes.next_due();
            let due = async {
                match dial_at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                event = self.swarm.select_next_some() => self.handle(event),
                () = due => self.dial(),
                errand = next_errand(&mut self.carrier) => self.run_errand(errand),
            }
        }
    }

    fn run_errand(&mut self, errand: Errand) {
        let behaviour = self.swarm.behaviour_mut().transactions.as_mut();
        if let (Some(carrier), Some(behaviour)) = (&mut self.carrier, behaviour) {
            carrier.run(errand, behaviour);
        }
    }

    fn dial(&mut self) {
        let now = Instant::now();
        for (peer, options) in self.bootnodes.take_due(now) {
            if let Err(error) = self.swarm.dial(options) {
                self.dial_failed(&peer, &error);
            }
        }
    }

    fn dial_failed(&mut self, peer: &PeerId, error: &dyn Error) {
        // A dial that failed because the peer is there already is none to repeat.
        if self.swarm.is_connected(peer) {
            self.bootnodes.connected(peer);
            return;
        }
        let failures = self
            .bootnodes
            .failed(peer, Instant::now(), Jitter::random());
        match failures {
            Some(1) => {
                let cause = innermost(error);
                tracing::warn!(%peer, %cause, "a bootnode cannot be reached; trying again for ever: check its address, and that it runs");
            }
            Some(failures) => {
                tracing::debug!(%peer, %error, failures, "a bootnode cannot be reached");
            }
            None => {}
        }
    }

    fn handle(&mut self, event: SwarmEvent<BehavioursEvent>) {
        match event {
            SwarmEvent::ConnectionEstablished {
                peer_id, endpoint, ..
            } => {
                self.bootnodes.connected(&peer_id);
                self.reached.connected(peer_id, &endpoint);
            }
            SwarmEvent::ConnectionClosed {
                peer_id,
                num_established: 0,
                ..
            } => {
                self.bootnodes
                    .disconnected(&peer_id, Instant::now(), Jitter::random());
                self.reached.disconnected(&peer_id);
            }
            SwarmEvent::OutgoingConnectionError {
                peer_id: Some(peer),
                error,
                ..
            } => self.dial_failed(&peer, &error),
            SwarmEvent::Behaviour(BehavioursEvent::Transactions(event)) => {
                if let Some(carrier) = &mut self.carrier {
                    carrier.handle(event);
                }
            }
            SwarmEvent::NewListenAddr { address, .. } => self.addresses.add(address),
            SwarmEvent::ExpiredListenAddr { address, .. } => self.addresses.remove(&address),
            SwarmEvent::ListenerClosed {
                addresses, reason, ..
            } => {
                for address in &addresses {
                    self.addresses.remove(address);
                }
                tracing::error!(
                    ?addresses,
                    ?reason,
                    "a listener ended; restart the node to listen there again"
                );
            }
            SwarmEvent::ListenerError { error, .. } => {
                tracing::debug!(%error, "a listener reports an error");
            }
            _ => {}
        }
    }
}

async fn next_errand(carrier: &mut Option<Carrier>) -> Errand {
    match carrier {
        Some(carrier) => carrier.next().await,
        None => std::future::pending().await,
    }
}

fn swarm(
    plan: &NetworkPlan,
    sync: SyncBehaviour,
    transactions: Option<TransactionsBehaviour>,
) -> Result<Swarm<Behaviours>, NetworkStartError> {
    let key = identity::Keypair::ed25519_from_bytes(*plan.key.secret())
        .expect("every 32 bytes are an ed25519 secret key");
    let max_incoming = u32::try_from(plan.max_incoming).unwrap_or(u32::MAX);
    let limits = connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(Some(PENDING_INCOMING))
        .with_max_established_incoming(Some(max_incoming))
        .with_max_established_per_peer(Some(PER_PEER));
    let identify = identify::Config::new(IDENTIFY_PROTOCOL.to_owned(), key.public())
        .with_agent_version(format!("node-template/{}", env!("CARGO_PKG_VERSION")));
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
        sync,
        identify: identify::Behaviour::new(identify),
        ping: ping::Behaviour::default(),
        transactions: transactions.into(),
    });
    Ok(builder
        .with_swarm_config(|config| config.with_idle_connection_timeout(IDLE))
        .build())
}

async fn listen(
    swarm: &mut Swarm<Behaviours>,
    wanted: &[Multiaddr],
    addresses: &ListenAddresses,
) -> Result<(), NetworkStartError> {
    let mut listeners: Vec<(ListenerId, Multiaddr)> = Vec::new();
    for address in wanted {
        match swarm.listen_on(address.clone()) {
            Ok(id) => listeners.push((id, address.clone())),
            Err(error) => {
                let source = io_error(error);
                if wanted.len() > 1 && is_all_of_ip6(address) && !is_in_use(&source) {
                    tracing::info!(%address, error = %source, "not listening there: no IPv6 on this machine");
                    continue;
                }
                return Err(NetworkStartError::Listen {
                    address: address.clone(),
                    source,
                });
            }
        }
    }
    // On a machine without an IPv6 address, listening on all of them succeeds and no address ever comes.
    let several = listeners.len() > 1;
    listeners.retain(|(_, address)| !(several && is_all_of_ip6(address)));
    let deadline = Instant::now() + LISTEN_PATIENCE;
    while let Some((_, first)) = listeners.first() {
        let Ok(event) = tokio::time::timeout_at(deadline, swarm.select_next_some()).await else {
            return Err(NetworkStartError::NotListening {
                address: first.clone(),
                waited: LISTEN_PATIENCE,
            });
        };
        match event {
            SwarmEvent::NewListenAddr {
                listener_id,
                address,
            } => {
                addresses.add(address);
                listeners.retain(|(id, _)| *id != listener_id);
            }
            SwarmEvent::ListenerClosed {
                listener_id,
                reason: Err(source),
                ..
            } => {
                if let Some((_, address)) = listeners.iter().find(|(id, _)| *id == listener_id) {
                    return Err(NetworkStartError::Listen {
                        address: address.clone(),
                        source,
                    });
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_all_of_ip6(address: &Multiaddr) -> bool {
    matches!(address.iter().next(), Some(Protocol::Ip6(ip)) if ip.is_unspecified())
}

fn io_error(error: TransportError<io::Error>) -> io::Error {
    match error {
        TransportError::MultiaddrNotSupported(_) => io::Error::new(
            io::ErrorKind::Unsupported,
            "only addresses like /ip4/0.0.0.0/tcp/30333 can be listened on",
        ),
        TransportError::Other(source) => source,
    }
}

/// Whether the port is taken. The layers of the transport wrap the system's error.
fn is_in_use(error: &io::Error) -> bool {
    if error.kind() == io::ErrorKind::AddrInUse {
        return true;
    }
    let mut inner: Option<&(dyn Error + 'static)> = error.get_ref().map(|inner| inner as _);
    while let Some(error) = inner {
        match error.downcast_ref::<io::Error>() {
            Some(error) if error.kind() == io::ErrorKind::AddrInUse => return true,
            Some(error) => inner = error.get_ref().map(|inner| inner as _),
            None => inner = error.source(),
        }
    }
    false
}

/// The cause at the end of the chain, on one line: libp2p's outer errors list all attempts over several.
fn innermost(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let text = cause.to_string();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
