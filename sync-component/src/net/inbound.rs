use crate::{
    ports::{PeerId, Protocol},
    serving::{Admission, Meter, Ticket},
    settings::SyncSettings,
};
use futures::{
    FutureExt, StreamExt, channel::oneshot, future::BoxFuture, stream::FuturesUnordered,
};
use libp2p::request_response::{InboundRequestId, ResponseChannel};
use std::{
    collections::HashMap,
    task::{Context, Poll},
    time::Duration,
};

/// Which request: ids are unique within a protocol only.
pub(super) type Key = (Protocol, InboundRequestId);

/// A reply of the component, or none if it dropped its end, with the stream that it goes to.
pub(super) struct Made {
    pub(super) key: Key,
    pub(super) channel: ResponseChannel<Vec<u8>>,
    pub(super) body: Option<Vec<u8>>,
}

/// Requests of peers that are under way: being answered by the component, or being sent.
pub(super) struct Inbound {
    meter: Meter,
    under_way: HashMap<Key, (Ticket, Stage)>,
    replies: FuturesUnordered<BoxFuture<'static, Made>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The component is at it.
    Answering,
    /// The component is at it, but the stream has ended. It counts until the work is done, or a peer could make us
    /// work without bound by asking and leaving.
    Abandoned,
    /// The reply is on its way.
    Sending,
}

/// A request that is to be told `Busy`.
#[derive(Debug)]
pub(super) struct TurnedAway {
    pub(super) retry_after: Duration,
}

impl Inbound {
    pub(super) fn new(settings: &SyncSettings) -> Self {
        Self {
            meter: Meter::new(settings),
            under_way: HashMap::new(),
            replies: FuturesUnordered::new(),
        }
    }

    pub(super) fn admit(
        &mut self,
        peer: &PeerId,
        protocol: Protocol,
    ) -> Result<Ticket, TurnedAway> {
        match self.meter.admit(peer, protocol) {
            Admission::Admitted(ticket) => Ok(ticket),
            Admission::Busy { retry_after } => Err(TurnedAway { retry_after }),
        }
    }

    /// The request went to the component after all it could not.
    pub(super) fn give_back(&mut self, ticket: Ticket) {
        self.meter.release(ticket);
    }

    /// The component has the request and will put its reply into the other end of `reply`.
    pub(super) fn started(
        &mut self,
        key: Key,
        ticket: Ticket,
        channel: ResponseChannel<Vec<u8>>,
        reply: oneshot::Receiver<Vec<u8>>,
    ) {
        self.under_way.insert(key, (ticket, Stage::Answering));
        let made = reply.map(move |body| Made {
            key,
            channel,
            body: body.ok(),
        });
        self.replies.push(made.boxed());
    }

    /// The next reply that the component has made.
    pub(super) fn poll_made(&mut self, cx: &mut Context<'_>) -> Poll<Made> {
        let Poll::Ready(Some(made)) = self.replies.poll_next_unpin(cx) else {
            // When there is none at all, `started` is what comes next, and it is followed by another poll.
            return Poll::Pending;
        };
        if let Some((mut ticket, stage)) = self.under_way.remove(&made.key) {
            if stage == Stage::Abandoned {
                self.meter.release(ticket);
            } else {
                let bytes = made.body.as_ref().map_or(0, Vec::len);
                self.meter.settle(&mut ticket, bytes);
                self.under_way.insert(made.key, (ticket, Stage::Sending));
            }
        }
        Poll::Ready(made)
    }

    /// The stream of this request has ended, with or without its reply.
    pub(super) fn ended(&mut self, key: Key) {
        // Absent: it was turned away.
        match self.under_way.remove(&key) {
            Some((ticket, Stage::Answering)) => {
                self.under_way.insert(key, (ticket, Stage::Abandoned));
            }
            Some((ticket, Stage::Sending | Stage::Abandoned)) => self.meter.release(ticket),
            None => {}
        }
    }
}
