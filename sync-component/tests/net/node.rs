//! A node as a user would write it: our behaviour beside another one, and nothing that connects the two.

use futures::{StreamExt, channel::oneshot};
use libp2p::{
    Multiaddr, Swarm, SwarmBuilder,
    core::upgrade::Version,
    multiaddr, noise, ping,
    swarm::{NetworkBehaviour, SwarmEvent, dial_opts::DialOpts},
    tcp, yamux,
};
use std::{future::Future, time::Duration};
use sync_component::{
    SyncSettings,
    net::{self, NetHandle, OfAnotherChain, SyncBehaviour},
    ports::{Network, NetworkEvent, PeerId, Protocol, RequestFailure},
};
use tokio::{sync::mpsc, task::JoinHandle};

/// The hash of block 0 of the chain that most nodes here are on.
pub(crate) const GENESIS: [u8; 32] = [0xab; 32];

/// No condition here takes anywhere near as long; only a failing test waits for it.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

#[derive(NetworkBehaviour)]
struct NodeBehaviour {
    sync: SyncBehaviour,
    ping: ping::Behaviour,
}

enum Order {
    Dial(Multiaddr),
    Disconnect(libp2p::PeerId),
}

/// What a swarm's owner sees.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Established,
    Closed,
    /// A dial, or a connection that came in, failed.
    Failed,
    /// A peer is of another chain.
    Foreign,
}

/// A request as the component sees it.
pub(crate) struct Asked {
    pub(crate) protocol: Protocol,
    pub(crate) body: Vec<u8>,
    pub(crate) reply: oneshot::Sender<Vec<u8>>,
}

pub(crate) struct Node {
    id: libp2p::PeerId,
    address: Multiaddr,
    pub(crate) network: NetHandle,
    events: mpsc::Receiver<NetworkEvent>,
    seen: mpsc::UnboundedReceiver<Seen>,
    orders: mpsc::UnboundedSender<Order>,
    task: JoinHandle<()>,
}

impl Node {
    pub(crate) async fn start() -> Self {
        Self::start_with(&GENESIS, &SyncSettings::default()).await
    }

    pub(crate) async fn start_with(genesis: &[u8], settings: &SyncSettings) -> Self {
        Self::negotiating(Version::V1Lazy, genesis, settings).await
    }

    /// A node whose streams are negotiated like this.
    pub(crate) async fn negotiating(
        version: Version,
        genesis: &[u8],
        settings: &SyncSettings,
    ) -> Self {
        let (behaviour, network, events) = net::new(genesis, settings);
        let mut swarm = SwarmBuilder::with_new_identity()
            .with_tokio()
            .with_tcp(
                tcp::Config::default(),
                noise::Config::new,
                yamux::Config::default,
            )
            .unwrap()
            .with_behaviour(|_| NodeBehaviour {
                sync: behaviour,
                ping: ping::Behaviour::default(),
            })
            .unwrap()
            // What nobody keeps open is closed at once: only our behaviour keeps these connections.
            .with_swarm_config(|config| {
                config
                    .with_idle_connection_timeout(Duration::ZERO)
                    .with_substream_upgrade_protocol_override(version)
            })
            .build();
        swarm
            .listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap())
            .unwrap();
        let id = *swarm.local_peer_id();
        let address = within(listen_address(&mut swarm)).await;
        let (orders, taken) = mpsc::unbounded_channel();
        let (witness, seen) = mpsc::unbounded_channel();
        Self {
            id,
            address: address.with(multiaddr::Protocol::P2p(id)),
            network,
            events,
            seen,
            orders,
            task: tokio::spawn(drive(swarm, taken, witness)),
        }
    }

    pub(crate) fn peer(&self) -> PeerId {
        PeerId::from_bytes(&self.id.to_bytes())
    }

    pub(crate) fn dial(&self, other: &Self) {
        self.orders
            .send(Order::Dial(other.address.clone()))
            .unwrap();
    }

    /// Connects to `other`; both ends have said so when this returns.
    pub(crate) async fn connect(&mut self, other: &mut Self) {
        self.dial(other);
        self.expect_connected(other).await;
        other.expect_connected(self).await;
    }

    pub(crate) fn disconnect(&self, other: &Self) {
        self.orders.send(Order::Disconnect(other.id)).unwrap();
    }

    pub(crate) async fn event(&mut self) -> NetworkEvent {
        within(self.events.recv()).await.unwrap()
    }

    pub(crate) fn no_event(&mut self) -> bool {
        self.events.try_recv().is_err()
    }

    pub(crate) async fn expect_connected(&mut self, other: &Self) {
        let event = self.event().await;
        let expected = other.peer();
        assert!(
            matches!(&event, NetworkEvent::Connected(peer) if *peer == expected),
            "{event:?}"
        );
    }

    pub(crate) async fn expect_disconnected(&mut self, other: &Self) {
        let event = self.event().await;
        let expected = other.peer();
        assert!(
            matches!(&event, NetworkEvent::Disconnected(peer) if *peer == expected),
            "{event:?}"
        );
    }

    pub(crate) async fn expect_request(&mut self) -> Asked {
        match self.event().await {
            NetworkEvent::Request {
                protocol,
                body,
                reply,
                ..
            } => Asked {
                protocol,
                body,
                reply,
            },
            event => panic!("expected a request: {event:?}"),
        }
    }

    /// Waits until the swarm has seen `wanted`.
    pub(crate) async fn expect_seen(&mut self, wanted: Seen) {
        while within(self.seen.recv()).await.unwrap() != wanted {}
    }

    pub(crate) fn address(&self) -> &Multiaddr {
        &self.address
    }

    /// Asks `other` in a task of its own.
    pub(crate) fn ask(&self, other: &Self, protocol: Protocol, body: &[u8]) -> Answer {
        self.ask_peer(other.peer(), protocol, body)
    }

    pub(crate) fn ask_peer(&self, peer: PeerId, protocol: Protocol, body: &[u8]) -> Answer {
        let (network, body) = (self.network.clone(), body.to_vec());
        Answer(tokio::spawn(async move {
            network.request(&peer, protocol, body).await
        }))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An answer that is awaited in a task of its own.
pub(crate) struct Answer(JoinHandle<Result<Vec<u8>, RequestFailure>>);

impl Answer {
    pub(crate) async fn get(mut self) -> Result<Vec<u8>, RequestFailure> {
        self.end().await
    }

    /// The answer, from one that may still be given up.
    pub(crate) async fn end(&mut self) -> Result<Vec<u8>, RequestFailure> {
        within(&mut self.0).await.unwrap()
    }

    /// Stops waiting, as a caller does whose time is over.
    pub(crate) async fn give_up(self) {
        self.0.abort();
        assert!(within(self.0).await.unwrap_err().is_cancelled());
    }
}

/// Waits for `future`, and fails the test if that takes absurdly long.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(DEADLINE, future)
        .await
        .expect("it happens within the deadline")
}

async fn listen_address(swarm: &mut Swarm<NodeBehaviour>) -> Multiaddr {
    loop {
        if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
            return address;
        }
    }
}

async fn drive(
    mut swarm: Swarm<NodeBehaviour>,
    mut orders: mpsc::UnboundedReceiver<Order>,
    witness: mpsc::UnboundedSender<Seen>,
) {
    loop {
        tokio::select! {
            biased;
            Some(order) = orders.recv() => match order {
                Order::Dial(address) => {
                    // A dial that is refused at once counts as one that failed.
                    if swarm.dial(DialOpts::unknown_peer_id().address(address).build()).is_err() {
                        let _ = witness.send(Seen::Failed);
                    }
                }
                Order::Disconnect(peer) => {
                    let _ = swarm.disconnect_peer_id(peer);
                }
            },
            event = swarm.select_next_some() => {
                let news = match event {
                    SwarmEvent::ConnectionEstablished { .. } => Seen::Established,
                    SwarmEvent::ConnectionClosed { .. } => Seen::Closed,
                    SwarmEvent::Behaviour(NodeBehaviourEvent::Sync(OfAnotherChain { .. })) => {
                        Seen::Foreign
                    }
                    SwarmEvent::IncomingConnectionError { .. }
                    | SwarmEvent::OutgoingConnectionError { .. } => Seen::Failed,
                    _ => continue,
                };
                // The test may be over.
                let _ = witness.send(news);
            }
        }
    }
}
