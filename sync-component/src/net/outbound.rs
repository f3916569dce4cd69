use super::codec::EnvelopeError;
use crate::ports::{Protocol, RequestFailure};
use futures::channel::oneshot;
use libp2p::{
    PeerId,
    core::upgrade::NegotiationError,
    request_response::{OutboundFailure, OutboundRequestId},
};
use std::{collections::HashMap, io};

type Answer = Result<Vec<u8>, RequestFailure>;

/// Requests of ours that are under way. One that nobody waits for any more counts until its stream has ended, which is at once
/// ([`CallCodec`](super::call::CallCodec)), so that the stream limit is never reached.
#[derive(Debug)]
pub(super) struct Outbound {
    per_peer_cap: usize,
    waiting: HashMap<(Protocol, OutboundRequestId), Waiting>,
    under_way: HashMap<(PeerId, Protocol), usize>,
}

#[derive(Debug)]
struct Waiting {
    peer: PeerId,
    reply: oneshot::Sender<Answer>,
}

impl Outbound {
    pub(super) fn new(per_peer_cap: usize) -> Self {
        Self {
            per_peer_cap,
            waiting: HashMap::new(),
            under_way: HashMap::new(),
        }
    }

    /// Whether one more request to `peer` stays below the stream limit.
    pub(super) fn has_room(&self, peer: PeerId, protocol: Protocol) -> bool {
        self.under_way
            .get(&(peer, protocol))
            .is_none_or(|count| *count < self.per_peer_cap)
    }

    pub(super) fn started(
        &mut self,
        peer: PeerId,
        protocol: Protocol,
        id: OutboundRequestId,
        reply: oneshot::Sender<Answer>,
    ) {
        *self.under_way.entry((peer, protocol)).or_default() += 1;
        self.waiting.insert((protocol, id), Waiting { peer, reply });
    }

    /// The stream of request `id` has ended with `answer`. If its caller has gone, the answer is dropped.
    pub(super) fn ended(&mut self, protocol: Protocol, id: OutboundRequestId, answer: Answer) {
        let Some(Waiting { peer, reply }) = self.waiting.remove(&(protocol, id)) else {
            return;
        };
        let key = (peer, protocol);
        if let Some(count) = self.under_way.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.under_way.remove(&key);
            }
        }
        // The caller timed out: its answer is late and belongs to nobody else.
        let _ = reply.send(answer);
    }
}

/// Only what the peer's bytes prove is called a broken envelope. A stream that ends early looks the same as a
/// connection that is lost, so it is one.
pub(super) fn failure(error: &OutboundFailure) -> RequestFailure {
    match error {
        OutboundFailure::Timeout => RequestFailure::Timeout,
        OutboundFailure::UnsupportedProtocols => RequestFailure::Unsupported,
        // What a swarm that negotiates lazily has of the same.
        OutboundFailure::Io(error) if holds::<NegotiationError>(error) => {
            RequestFailure::Unsupported
        }
        OutboundFailure::Io(error) if holds::<EnvelopeError>(error) => {
            RequestFailure::BrokenEnvelope
        }
        OutboundFailure::Io(_)
        | OutboundFailure::DialFailure
        | OutboundFailure::ConnectionClosed => RequestFailure::Disconnected,
    }
}

fn holds<E: std::error::Error + 'static>(error: &io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(<dyn std::error::Error + Send + Sync>::is::<E>)
}
