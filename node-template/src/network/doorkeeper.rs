use super::{
    reach::{Reach, ip, reach},
    slots::{Direction, Link, Slots},
};
use libp2p::{
    Multiaddr, PeerId,
    core::{ConnectedPoint, Endpoint, transport::PortUse},
    swarm::{
        ConnectionClosed, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler,
        THandlerInEvent, THandlerOutEvent, ToSwarm, behaviour::ConnectionEstablished, dummy,
    },
};
use std::{
    convert::Infallible,
    task::{Context, Poll},
};

/// Lets peers in as the [`Slots`] say. libp2p's own limits count connections and know no reserved peers. It does not look
/// at outbound connections: nobody in this swarm dials but the node, which asks the slots before.
#[derive(Debug)]
pub(super) struct Doorkeeper {
    slots: Slots,
}

impl Doorkeeper {
    pub(super) fn new(slots: Slots) -> Self {
        Self { slots }
    }

    pub(super) fn slots(&self) -> &Slots {
        &self.slots
    }
}

fn link(endpoint: &ConnectedPoint) -> Link {
    let direction = match endpoint {
        ConnectedPoint::Dialer { .. } => Direction::Outbound,
        ConnectedPoint::Listener { .. } => Direction::Inbound,
    };
    let remote = endpoint.get_remote_address();
    Link {
        direction,
        reach: reach(remote).unwrap_or(Reach::World),
        ip: ip(remote),
    }
}

impl NetworkBehaviour for Doorkeeper {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.slots.admit(&peer).map_err(ConnectionDenied::new)?;
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        match event {
            FromSwarm::ConnectionEstablished(ConnectionEstablished {
                peer_id,
                endpoint,
                other_established: 0,
                ..
            }) => self.slots.connected(peer_id, link(endpoint)),
            FromSwarm::ConnectionClosed(ConnectionClosed {
                peer_id,
                remaining_established: 0,
                ..
            }) => self.slots.disconnected(&peer_id),
            _ => {}
        }
    }

    fn on_connection_handler_event(
        &mut self,
        _: PeerId,
        _: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}
