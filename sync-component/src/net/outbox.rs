use crate::ports::{NetworkEvent, PeerId};
use futures::{FutureExt, future::BoxFuture};
use std::{
    collections::VecDeque,
    task::{Context, Poll},
};
use tokio::sync::mpsc::{
    OwnedPermit, Sender,
    error::{SendError, TrySendError},
};

/// The way to the component. News of connections waits until there is room and is never lost; a request that finds no
/// room is handed back.
pub(super) struct Outbox {
    events: Sender<NetworkEvent>,
    /// News that has not been taken yet: per peer at most *gone* followed by *here*, as two opposite ones cancel out.
    news: VecDeque<(PeerId, Link)>,
    room: Option<BoxFuture<'static, Result<OwnedPermit<NetworkEvent>, SendError<()>>>>,
}

/// Whether a peer is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// Its first connection is up.
    Here,
    /// Its last connection is gone.
    Gone,
}

/// The component is too far behind to take a request.
#[derive(Debug)]
pub(super) struct NoRoom;

impl Outbox {
    pub(super) fn new(events: Sender<NetworkEvent>) -> Self {
        Self {
            events,
            news: VecDeque::new(),
            room: None,
        }
    }

    pub(super) fn tell(&mut self, peer: PeerId, link: Link) {
        let untold_arrival = (peer.clone(), Link::Here);
        if link == Link::Gone
            && let Some(at) = self.news.iter().position(|news| *news == untold_arrival)
        {
            self.news.remove(at);
            return;
        }
        self.news.push_back((peer, link));
    }

    /// Passes a request on. News goes first, so that a request never precedes the news that its peer is there.
    pub(super) fn offer(
        &mut self,
        request: NetworkEvent,
        cx: &mut Context<'_>,
    ) -> Result<(), NoRoom> {
        self.poll(cx);
        if !self.news.is_empty() {
            return Err(NoRoom);
        }
        self.events.try_send(request).map_err(|error| match error {
            TrySendError::Full(_) | TrySendError::Closed(_) => NoRoom,
        })
    }

    /// Passes on what there is room for.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) {
        while let Some((peer, link)) = self.news.front() {
            let room = self
                .room
                .get_or_insert_with(|| self.events.clone().reserve_owned().boxed());
            match room.poll_unpin(cx) {
                Poll::Pending => return,
                Poll::Ready(Ok(permit)) => {
                    permit.send(match link {
                        Link::Here => NetworkEvent::Connected(peer.clone()),
                        Link::Gone => NetworkEvent::Disconnected(peer.clone()),
                    });
                    self.news.pop_front();
                }
                // Nobody is left to tell.
                Poll::Ready(Err(SendError(()))) => self.news.clear(),
            }
            self.room = None;
        }
    }
}

#[cfg(test)]
mod tests;
