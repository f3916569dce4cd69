//! `transactions/1`: bodies on their way between the swarm and the pool. What is in them the pool knows.

use futures::{StreamExt, channel::oneshot, future::BoxFuture, stream::FuturesUnordered};
use libp2p::{
    PeerId,
    request_response::{
        Behaviour, Config, Event, Message, OutboundRequestId, ProtocolSupport, ResponseChannel,
    },
};
use std::{collections::HashMap, time::Duration};
use sync_component::net::{NetHandle, SyncCodec, protocol_name};
use tokio::sync::mpsc;

/// Longest body of transfers, in bytes.
pub(crate) const REQUEST_BYTES: usize = 256 * 1024;

/// Longest answer: a variant and a number.
const REPLY_BYTES: usize = 16;

/// Bodies that wait for the pool, over all peers. Too low: peers are told to come again although there is time; each more
/// costs up to [`REQUEST_BYTES`].
const WAITING: usize = 64;

/// Streams per connection, in either direction; a peer sends one body after the other.
const STREAMS: usize = 2;

/// After how long a body without an answer is given up.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Bodies to send that wait for the swarm.
const PUSHES: usize = 256;

/// A body that a peer sent. Whoever has dealt with it answers through `reply`.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) peer: sync_component::ports::PeerId,
    pub(crate) body: Vec<u8>,
    pub(crate) reply: oneshot::Sender<Vec<u8>>,
}

struct Push {
    peer: PeerId,
    body: Vec<u8>,
    reply: oneshot::Sender<Vec<u8>>,
}

/// Sends bodies of transfers to peers. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Pushing(mpsc::Sender<Push>);

/// The body was not taken: the peer is gone, silent, or does not speak the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotDelivered;

impl Pushing {
    /// Sends `body` and waits for the answer's body.
    pub(crate) async fn push(
        &self,
        peer: &sync_component::ports::PeerId,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, NotDelivered> {
        let peer = PeerId::from_bytes(peer.as_bytes()).map_err(|_| NotDelivered)?;
        let (reply, answer) = oneshot::channel();
        let push = Push { peer, body, reply };
        self.0.send(push).await.map_err(|_| NotDelivered)?;
        answer.await.map_err(|_| NotDelivered)
    }
}

/// The protocol's behaviour.
pub(super) type TransactionsBehaviour = Behaviour<SyncCodec>;

/// What the swarm's task needs of the protocol.
pub struct Transactions {
    pub(super) behaviour: TransactionsBehaviour,
    pub(super) carrier: Carrier,
}

/// Carries bodies between the behaviour and the pool.
pub(super) struct Carrier {
    pushes: mpsc::Receiver<Push>,
    arrived: mpsc::Sender<Arrived>,
    under_way: HashMap<OutboundRequestId, oneshot::Sender<Vec<u8>>>,
    answers: FuturesUnordered<BoxFuture<'static, Answer>>,
}

type Answer = (ResponseChannel<Vec<u8>>, Option<Vec<u8>>);

/// The protocol of the chain whose block 0 has the hash `genesis`: the swarm's end, and the pool's two.
pub(crate) fn transactions(
    genesis: &[u8],
    network: &NetHandle,
) -> (Transactions, Pushing, mpsc::Receiver<Arrived>) {
    let name = protocol_name(genesis, "transactions/1");
    let config = Config::default()
        .with_request_timeout(TIMEOUT)
        .with_max_concurrent_streams(STREAMS);
    let codec = network.codec(REQUEST_BYTES, REPLY_BYTES);
    let behaviour = Behaviour::with_codec(codec, [(name, ProtocolSupport::Full)], config);
    let (push, pushes) = mpsc::channel(PUSHES);
    let (arrived, arrivals) = mpsc::channel(WAITING);
    let carrier = Carrier {
        pushes,
        arrived,
        under_way: HashMap::new(),
        answers: FuturesUnordered::new(),
    };
    (Transactions { behaviour, carrier }, Pushing(push), arrivals)
}

/// What the carrier has to do next.
pub(super) enum Errand {
    Send(SendNow),
    Answer(Answer),
}

pub(super) struct SendNow(Push);

impl Carrier {
    /// The next thing to do. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Errand {
        tokio::select! {
            Some(push) = self.pushes.recv() => Errand::Send(SendNow(push)),
            Some(answer) = self.answers.next() => Errand::Answer(answer),
            else => std::future::pending().await,
        }
    }

    pub(super) fn run(&mut self, errand: Errand, behaviour: &mut TransactionsBehaviour) {
        match errand {
            Errand::Send(SendNow(Push { peer, body, reply })) => {
                let id = behaviour.send_request(&peer, body);
                self.under_way.insert(id, reply);
            }
            Errand::Answer((channel, body)) => {
                // Without a body the stream just ends. The peer may be gone, too: libp2p says so by itself.
                if let Some(body) = body {
                    let _ = behaviour.send_response(channel, body);
                }
            }
        }
    }

    pub(super) fn handle(&mut self, event: Event<Vec<u8>, Vec<u8>>) {
        match event {
            Event::Message {
                peer,
                message:
                    Message::Request {
                        request, channel, ..
                    },
                ..
            } => {
                let (reply, answer) = oneshot::channel();
                let arrived = Arrived {
                    peer: sync_component::ports::PeerId::from_bytes(&peer.to_bytes()),
                    body: request,
                    reply,
                };
                // A full channel drops the reply's sender, which ends the stream: the peer comes again later.
                let _ = self.arrived.try_send(arrived);
                self.answers
                    .push(Box::pin(async move { (channel, answer.await.ok()) }));
            }
            Event::Message {
                message:
                    Message::Response {
                        request_id,
                        response,
                    },
                ..
            } => {
                if let Some(reply) = self.under_way.remove(&request_id) {
                    // Nobody may wait for it any more.
                    let _ = reply.send(response);
                }
            }
            Event::OutboundFailure { request_id, .. } => {
                self.under_way.remove(&request_id);
            }
            Event::InboundFailure { .. } | Event::ResponseSent { .. } => {}
        }
    }
}
