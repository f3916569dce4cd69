use super::{
    call::Request,
    handle::{Command, from_libp2p},
    inbound::{Inbound, Made, TurnedAway},
    outbound::{Outbound, failure},
    outbox::{Link, Outbox},
    protocols::{Protocols, ProtocolsEvent},
    refusals::Refusals,
};
use crate::{
    ports::{NetworkEvent, Protocol, RequestFailure},
    settings::SyncSettings,
    wire::busy_reply,
};
use futures::channel::oneshot;
use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    request_response::{Event, InboundRequestId, Message, ResponseChannel},
    swarm::{
        CloseConnection, ConnectionClosed, ConnectionDenied, ConnectionId, FromSwarm,
        NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
        behaviour::ConnectionEstablished,
    },
};
use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::sync::mpsc;

/// After how long a peer may ask again when the component is behind with its events.
const RETRY_WHEN_BEHIND: Duration = Duration::from_secs(1);

/// A peer does not speak our status protocol: it is on another chain, or too old or too new. Nothing is gained by dialling it
/// again soon; its connection is not kept open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfAnotherChain {
    /// The peer.
    pub peer: PeerId,
}

/// The protocols of SPEC section 2 as one libp2p behaviour. The swarm's owner need not look at its events: everything goes
/// through the [`NetHandle`](super::NetHandle) and the event channel that [`new`](super::new) returned with it. It
/// never dials; connections that other behaviours or the node make are used, and kept open while the peer speaks our
/// protocols.
pub struct SyncBehaviour {
    protocols: Protocols,
    commands: mpsc::Receiver<Command>,
    refusals: Arc<Refusals>,
    outbox: Outbox,
    outbound: Outbound,
    inbound: Inbound,
    connected: HashSet<PeerId>,
    /// Those of them that turned out to be of another chain, until the owner is told.
    foreign: VecDeque<PeerId>,
}

/// The behaviour's ends of what it shares with the handle and the component.
pub(super) struct Ends {
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) events: mpsc::Sender<NetworkEvent>,
    pub(super) refusals: Arc<Refusals>,
}

impl std::fmt::Debug for SyncBehaviour {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SyncBehaviour")
            .field("connected", &self.connected.len())
            .finish_non_exhaustive()
    }
}

impl SyncBehaviour {
    pub(super) fn new(protocols: Protocols, ends: Ends, settings: &SyncSettings) -> Self {
        Self {
            protocols,
            commands: ends.commands,
            refusals: ends.refusals,
            outbox: Outbox::new(ends.events),
            outbound: Outbound::new(settings.limits.requests_per_peer),
            inbound: Inbound::new(settings),
            connected: HashSet::new(),
            foreign: VecDeque::new(),
        }
    }

    /// Sends a request of ours, unless its caller has gone.
    fn send(&mut self, command: Command) {
        let Command {
            peer,
            protocol,
            body,
            reply,
            caller,
        } = command;
        if reply.is_canceled() {
            return;
        }
        let refusal = if !self.connected.contains(&peer) {
            Some(RequestFailure::Disconnected)
        } else if !self.outbound.has_room(peer, protocol) {
            Some(RequestFailure::TooManyInFlight)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            // A caller that has just gone needs no answer.
            let _ = reply.send(Err(refusal));
            return;
        }
        let request = Request {
            body,
            caller: Some(caller),
        };
        let id = self.protocols.of(protocol).send_request(&peer, request);
        self.outbound.started(peer, protocol, id, reply);
    }

    fn on_event(&mut self, event: ProtocolsEvent, cx: &mut Context<'_>) {
        let (protocol, event) = event.split();
        match event {
            Event::Message { peer, message, .. } => match message {
                Message::Request {
                    request_id,
                    request,
                    channel,
                } => {
                    let asked = Asked {
                        peer,
                        protocol,
                        id: request_id,
                        body: request.body,
                    };
                    self.on_request(asked, channel, cx);
                }
                Message::Response {
                    request_id,
                    response,
                } => self.outbound.ended(protocol, request_id, Ok(response)),
            },
            Event::OutboundFailure {
                peer,
                request_id,
                error,
                ..
            } => {
                let failure = failure(&error);
                if failure == RequestFailure::Unsupported {
                    self.protocols.keep_alive().let_go(peer);
                    if protocol == Protocol::Status && !self.foreign.contains(&peer) {
                        self.foreign.push_back(peer);
                    }
                }
                tracing::debug!(%peer, protocol = protocol.suffix(), %error, "A request failed");
                self.outbound.ended(protocol, request_id, Err(failure));
            }
            Event::InboundFailure {
                peer,
                request_id,
                error,
                ..
            } => {
                tracing::debug!(%peer, protocol = protocol.suffix(), %error, "A reply was not sent");
                self.inbound.ended((protocol, request_id));
            }
            Event::ResponseSent { request_id, .. } => self.inbound.ended((protocol, request_id)),
        }
    }

    fn on_request(
        &mut self,
        asked: Asked,
        channel: ResponseChannel<Vec<u8>>,
        cx: &mut Context<'_>,
    ) {
        let peer = from_libp2p(&asked.peer);
        let ticket = match self.inbound.admit(&peer, asked.protocol) {
            Ok(ticket) => ticket,
            Err(TurnedAway { retry_after }) => {
                self.reply(
                    asked.protocol,
                    channel,
                    busy_reply(asked.protocol, retry_after),
                );
                return;
            }
        };
        let (reply, answer) = oneshot::channel();
        let request = NetworkEvent::Request {
            peer,
            protocol: asked.protocol,
            body: asked.body,
            reply,
        };
        if self.outbox.offer(request, cx).is_ok() {
            let key = (asked.protocol, asked.id);
            self.inbound.started(key, ticket, channel, answer);
        } else {
            tracing::warn!(
                "The sync component is behind with its network events; peers are told to come back later"
            );
            self.inbound.give_back(ticket);
            self.reply(
                asked.protocol,
                channel,
                busy_reply(asked.protocol, RETRY_WHEN_BEHIND),
            );
        }
    }

    fn on_made(&mut self, made: Made) {
        let (protocol, _) = made.key;
        if let Some(body) = made.body {
            self.reply(protocol, made.channel, body);
        } else {
            tracing::warn!(
                protocol = protocol.suffix(),
                "A request was left without an answer"
            );
        }
    }

    fn reply(&mut self, protocol: Protocol, channel: ResponseChannel<Vec<u8>>, body: Vec<u8>) {
        // The stream may have ended meanwhile; libp2p reports that as an event of its own.
        let _ = self.protocols.of(protocol).send_response(channel, body);
    }
}

/// A peer's request.
struct Asked {
    peer: PeerId,
    protocol: Protocol,
    id: InboundRequestId,
    body: Vec<u8>,
}

impl NetworkBehaviour for SyncBehaviour {
    type ConnectionHandler = <Protocols as NetworkBehaviour>::ConnectionHandler;
    type ToSwarm = OfAnotherChain;

    fn handle_pending_inbound_connection(
        &mut self,
        id: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.protocols
            .handle_pending_inbound_connection(id, local, remote)
    }

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.refusals.check(peer).map_err(ConnectionDenied::new)?;
        self.protocols
            .handle_established_inbound_connection(id, peer, local, remote)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        if let Some(peer) = peer {
            self.refusals.check(peer).map_err(ConnectionDenied::new)?;
        }
        self.protocols
            .handle_pending_outbound_connection(id, peer, addresses, role)
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port_use: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.refusals.check(peer).map_err(ConnectionDenied::new)?;
        self.protocols
            .handle_established_outbound_connection(id, peer, address, role, port_use)
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        match &event {
            FromSwarm::ConnectionEstablished(ConnectionEstablished {
                peer_id,
                other_established: 0,
                ..
            }) => {
                self.connected.insert(*peer_id);
                self.outbox.tell(from_libp2p(peer_id), Link::Here);
            }
            FromSwarm::ConnectionClosed(ConnectionClosed {
                peer_id,
                remaining_established: 0,
                ..
            }) => {
                self.connected.remove(peer_id);
                self.outbox.tell(from_libp2p(peer_id), Link::Gone);
            }
            _ => {}
        }
        self.protocols.on_swarm_event(event);
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        id: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        self.protocols.on_connection_handler_event(peer, id, event);
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ToSwarm<OfAnotherChain, THandlerInEvent<Self>>> {
        loop {
            if let Some(peer) = self.foreign.pop_front() {
                return Poll::Ready(ToSwarm::GenerateEvent(OfAnotherChain { peer }));
            }
            if let Some(peer_id) = self.refusals.next_to_close(cx.waker()) {
                return Poll::Ready(ToSwarm::CloseConnection {
                    peer_id,
                    connection: CloseConnection::All,
                });
            }
            match self.protocols.poll(cx) {
                Poll::Ready(ToSwarm::GenerateEvent(event)) => {
                    self.on_event(event, cx);
                    continue;
                }
                Poll::Ready(action) => {
                    return Poll::Ready(
                        action.map_out(|_| unreachable!("events were taken in the arm above")),
                    );
                }
                Poll::Pending => {}
            }
            if let Poll::Ready(made) = self.inbound.poll_made(cx) {
                self.on_made(made);
                continue;
            }
            if let Poll::Ready(Some(command)) = self.commands.poll_recv(cx) {
                self.send(command);
                continue;
            }
            self.outbox.poll(cx);
            return Poll::Pending;
        }
    }
}
