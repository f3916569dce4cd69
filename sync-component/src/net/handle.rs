use super::{
    SyncCodec,
    bandwidth::{Bandwidth, Counters},
    call::{Caller, caller},
    refusals::Refusals,
};
use crate::ports::{Network, PeerId, Protocol, RequestFailure};
use async_trait::async_trait;
use futures::channel::oneshot;
use std::sync::Arc;
use tokio::sync::mpsc;

/// A request of ours on its way to the behaviour.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) peer: libp2p::PeerId,
    pub(super) protocol: Protocol,
    pub(super) body: Vec<u8>,
    pub(super) reply: oneshot::Sender<Result<Vec<u8>, RequestFailure>>,
    pub(super) caller: Caller,
}

/// The component's [`Network`] over libp2p. Cheap to clone; every clone reaches the same swarm.
#[derive(Clone, Debug)]
pub struct NetHandle {
    commands: mpsc::Sender<Command>,
    refusals: Arc<Refusals>,
    counters: Arc<Counters>,
}

impl NetHandle {
    pub(super) fn new(
        commands: mpsc::Sender<Command>,
        refusals: Arc<Refusals>,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            commands,
            refusals,
            counters,
        }
    }

    /// The envelope of this protocol family, for further protocols of the node: caps in bytes. What goes through it is
    /// counted in [`NetHandle::bandwidth`].
    pub fn codec(&self, request_cap: usize, reply_cap: usize) -> SyncCodec {
        SyncCodec {
            request_cap,
            reply_cap,
            counters: Arc::clone(&self.counters),
        }
    }

    /// What went over the wire since the start.
    pub fn bandwidth(&self) -> Bandwidth {
        self.counters.read()
    }
}

#[async_trait]
impl Network for NetHandle {
    async fn request(
        &self,
        peer: &PeerId,
        protocol: Protocol,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, RequestFailure> {
        // Bytes that are no libp2p peer id name nobody who could be connected.
        let peer = to_libp2p(peer).ok_or(RequestFailure::Disconnected)?;
        let (reply, answer) = oneshot::channel();
        let (_waits, caller) = caller();
        let command = Command {
            peer,
            protocol,
            body,
            reply,
            caller,
        };
        // Either end is gone only when the swarm is, and every connection with it.
        self.commands
            .send(command)
            .await
            .map_err(|_| RequestFailure::Disconnected)?;
        answer.await.unwrap_or(Err(RequestFailure::Disconnected))
    }

    fn refuse(&self, peer: &PeerId) {
        if let Some(peer) = to_libp2p(peer) {
            self.refusals.add(peer);
        }
    }

    fn allow(&self, peer: &PeerId) {
        if let Some(peer) = to_libp2p(peer) {
            self.refusals.remove(&peer);
        }
    }
}

fn to_libp2p(peer: &PeerId) -> Option<libp2p::PeerId> {
    libp2p::PeerId::from_bytes(peer.as_bytes()).ok()
}

pub(super) fn from_libp2p(peer: &libp2p::PeerId) -> PeerId {
    PeerId::from_bytes(&peer.to_bytes())
}
