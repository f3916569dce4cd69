use crate::ports::{Network, NetworkEvent, PeerId, Protocol, RequestFailure};
use async_trait::async_trait;
use futures::channel::oneshot;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::mpsc;

/// Connects nodes in one process. Requests travel as bytes; each way takes the link's latency.
#[derive(Clone, Debug, Default)]
pub struct MemoryNetwork(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    nodes: BTreeMap<PeerId, mpsc::Sender<NetworkEvent>>,
    links: BTreeMap<(PeerId, PeerId), Link>,
    refused: BTreeSet<(PeerId, PeerId)>,
    requests: BTreeMap<(PeerId, PeerId, Protocol), usize>,
}

/// A connection between two nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Up; each message takes this long.
    Up(Duration),
    /// Up, but the answering side never answers.
    Mute,
}

/// One node's end of a [`MemoryNetwork`].
#[derive(Clone, Debug)]
pub struct MemoryPort {
    me: PeerId,
    network: MemoryNetwork,
}

impl MemoryNetwork {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a node; what reaches it goes into `events`.
    pub fn add(&self, me: PeerId, events: mpsc::Sender<NetworkEvent>) -> MemoryPort {
        self.state().nodes.insert(me.clone(), events);
        MemoryPort {
            me,
            network: self.clone(),
        }
    }

    /// Connects two nodes, or changes their link. `link` says how `b` answers `a`; the other way is always up.
    pub fn connect(&self, a: &PeerId, b: &PeerId, link: Link) {
        let mut state = self.state();
        let back = match link {
            Link::Up(latency) => Link::Up(latency),
            Link::Mute => Link::Up(Duration::from_millis(1)),
        };
        let is_new = state.links.insert((a.clone(), b.clone()), link).is_none();
        state.links.insert((b.clone(), a.clone()), back);
        if is_new {
            state.tell(a, NetworkEvent::Connected(b.clone()));
            state.tell(b, NetworkEvent::Connected(a.clone()));
        }
    }

    /// Cuts the link between two nodes.
    pub fn cut(&self, a: &PeerId, b: &PeerId) {
        let mut state = self.state();
        state.links.remove(&(b.clone(), a.clone()));
        if state.links.remove(&(a.clone(), b.clone())).is_some() {
            state.tell(a, NetworkEvent::Disconnected(b.clone()));
            state.tell(b, NetworkEvent::Disconnected(a.clone()));
        }
    }

    /// How many requests `from` has sent to `to` on `protocol`.
    pub fn requests(&self, from: &PeerId, to: &PeerId, protocol: Protocol) -> usize {
        self.state()
            .requests
            .get(&(from.clone(), to.clone(), protocol))
            .copied()
            .unwrap_or(0)
    }

    /// Whether `by` refuses `peer`.
    pub fn is_refused(&self, by: &PeerId, peer: &PeerId) -> bool {
        self.state().refused.contains(&(by.clone(), peer.clone()))
    }
}

impl State {
    fn tell(&self, node: &PeerId, event: NetworkEvent) {
        if let Some(events) = self.nodes.get(node) {
            // A node that was stopped hears nothing.
            let _ = events.try_send(event);
        }
    }
}

#[async_trait]
impl Network for MemoryPort {
    async fn request(
        &self,
        peer: &PeerId,
        protocol: Protocol,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, RequestFailure> {
        let (link, target) = {
            let mut state = self.network.state();
            *state
                .requests
                .entry((self.me.clone(), peer.clone(), protocol))
                .or_insert(0) += 1;
            let link = state.links.get(&(self.me.clone(), peer.clone())).copied();
            let link = link.ok_or(RequestFailure::Disconnected)?;
            (
                link,
                state
                    .nodes
                    .get(peer)
                    .cloned()
                    .ok_or(RequestFailure::Disconnected)?,
            )
        };
        let Link::Up(latency) = link else {
            return std::future::pending().await;
        };
        tokio::time::sleep(latency).await;
        let (reply, answer) = oneshot::channel();
        let request = NetworkEvent::Request {
            peer: self.me.clone(),
            protocol,
            body,
            reply,
        };
        target
            .send(request)
            .await
            .map_err(|_| RequestFailure::Disconnected)?;
        let bytes = answer.await.map_err(|_| RequestFailure::Disconnected)?;
        tokio::time::sleep(latency).await;
        Ok(bytes)
    }

    fn refuse(&self, peer: &PeerId) {
        self.network
            .state()
            .refused
            .insert((self.me.clone(), peer.clone()));
        self.network.cut(&self.me, peer);
    }

    fn allow(&self, peer: &PeerId) {
        self.network
            .state()
            .refused
            .remove(&(self.me.clone(), peer.clone()));
    }
}
