use libp2p::{
    Multiaddr, PeerId, StreamProtocol,
    core::{Endpoint, transport::PortUse},
    kad::{
        self, BucketInserts, Caching, Mode, StoreInserts,
        store::{MemoryStore, MemoryStoreConfig},
    },
    swarm::{
        ConnectionDenied, ConnectionId, DialError, DialFailure, FromSwarm, NetworkBehaviour,
        THandler, THandlerInEvent, THandlerOutEvent, ToSwarm, dial_opts::DialOpts,
    },
};
use std::{
    task::{Context, Poll},
    time::Duration,
};

/// How long a walk may take. Too low: slow peers are not heard; too high: the next walk begins before.
const WALK_PATIENCE: Duration = Duration::from_secs(20);

type Table = kad::Behaviour<MemoryStore>;

/// Kademlia's routing table and walks. Nothing is stored for others, and nobody enters the table but through
/// [`Finder::routes`], so its size is the protocol's: 256 buckets of 20 peers.
///
/// Kademlia would dial whomever a walk leads to. Here it only says who that is ([`Found`]); the node dials when a slot is free,
/// and a later walk goes on from there. A walk itself asks connected peers only.
pub(super) struct Finder {
    table: Table,
}

/// A peer of which others told, with the addresses that they gave: mere claims.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) peer: PeerId,
    pub(super) addresses: Vec<Multiaddr>,
}

/// Whether others may ask us for peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answering {
    /// They may: we can be reached, and stay.
    Yes,
    /// They may not: we do not listen.
    No,
}

impl Finder {
    pub(super) fn new(ours: PeerId, protocol: StreamProtocol, answering: Answering) -> Self {
        let mut config = kad::Config::new(protocol);
        config
            .set_kbucket_inserts(BucketInserts::Manual)
            .set_record_filtering(StoreInserts::FilterBoth)
            .set_caching(Caching::Disabled)
            .set_replication_interval(None)
            .set_publication_interval(None)
            .set_provider_publication_interval(None)
            .set_periodic_bootstrap_interval(None)
            .set_query_timeout(WALK_PATIENCE);
        let nothing = MemoryStoreConfig {
            max_records: 0,
            max_value_bytes: 0,
            max_providers_per_key: 0,
            max_provided_keys: 0,
        };
        let store = MemoryStore::with_config(ours, nothing);
        let mut table = Table::with_config(ours, store, config);
        // Left to itself it would answer only once an address of ours was confirmed from outside, on loopback never.
        table.set_mode(Some(match answering {
            Answering::Yes => Mode::Server,
            Answering::No => Mode::Client,
        }));
        Self { table }
    }

    /// `peer`, which is connected and of our chain, is reached at these addresses and no others.
    pub(super) fn routes(&mut self, peer: &PeerId, addresses: &[Multiaddr]) {
        self.table.remove_peer(peer);
        for address in addresses {
            self.table.add_address(peer, address.clone());
        }
    }

    /// `peer` is not told of any more.
    pub(super) fn forget(&mut self, peer: &PeerId) {
        self.table.remove_peer(peer);
    }

    /// Asks the connected peers for those near a random place.
    pub(super) fn walk(&mut self) {
        self.table.get_closest_peers(PeerId::random());
    }

    /// Takes a dial from Kademlia: the answer is that it failed, so that its walk goes on with others.
    fn instead_of(&mut self, dial: &DialOpts) -> Option<Found> {
        let (peer, id) = (dial.get_peer_id()?, dial.connection_id());
        let addresses =
            self.table
                .handle_pending_outbound_connection(id, Some(peer), &[], Endpoint::Dialer);
        self.table
            .on_swarm_event(FromSwarm::DialFailure(DialFailure {
                peer_id: Some(peer),
                error: &DialError::Aborted,
                connection_id: id,
            }));
        let addresses = addresses.ok()?;
        Some(Found { peer, addresses })
    }
}

impl NetworkBehaviour for Finder {
    type ConnectionHandler = <Table as NetworkBehaviour>::ConnectionHandler;
    type ToSwarm = Found;

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.table
            .handle_established_inbound_connection(id, peer, local, remote)
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port_use: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.table
            .handle_established_outbound_connection(id, peer, address, role, port_use)
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        self.table.on_swarm_event(event);
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        id: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        self.table.on_connection_handler_event(peer, id, event);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Found, THandlerInEvent<Self>>> {
        loop {
            match self.table.poll(cx) {
                Poll::Ready(ToSwarm::Dial { opts }) => {
                    if let Some(found) = self.instead_of(&opts) {
                        return Poll::Ready(ToSwarm::GenerateEvent(found));
                    }
                }
                // How a walk went does not matter: whom it led to was said on the way.
                Poll::Ready(ToSwarm::GenerateEvent(_)) => {}
                Poll::Ready(action) => {
                    return Poll::Ready(
                        action.map_out(|_| unreachable!("events were taken in the arm above")),
                    );
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
