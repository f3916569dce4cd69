use super::link::{Link, Transit};
use crate::ports::{Network, NetworkEvent, PeerId, Protocol, RequestFailure};
use async_trait::async_trait;
use futures::{
    FutureExt,
    channel::oneshot,
    future::{Either, Shared},
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    fmt,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::mpsc;

/// Connects nodes in one process. Messages travel as bytes, over [`Link`]s with latency, jitter, loss and bandwidth.
///
/// Two nodes are connected while a link is laid between them, both run, no partition is between them and neither
/// refuses the other. Cheap to clone; clones are one network.
#[derive(Clone, Debug)]
pub struct MemoryNetwork(Arc<Mutex<State>>);

struct State {
    rng: ChaCha8Rng,
    nodes: BTreeMap<PeerId, mpsc::Sender<NetworkEvent>>,
    links: BTreeMap<Pair, Link>,
    up: BTreeMap<Pair, Connection>,
    /// Who never answers whom.
    mute: BTreeSet<(PeerId, PeerId)>,
    refused: BTreeSet<(PeerId, PeerId)>,
    /// The side of a partition that each node is on; all others are on side 0.
    sides: BTreeMap<PeerId, u32>,
    requests: BTreeMap<(PeerId, PeerId, Protocol), usize>,
    taps: Vec<Arc<dyn Tap>>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("nodes", &self.nodes.keys())
            .field("up", &self.up.keys())
            .finish_non_exhaustive()
    }
}

/// Two nodes, the lower id first.
type Pair = (PeerId, PeerId);

fn pair(a: &PeerId, b: &PeerId) -> Pair {
    if a <= b {
        (a.clone(), b.clone())
    } else {
        (b.clone(), a.clone())
    }
}

/// Ends when the connection does. Whoever waits for it is woken in the order in which they began: a `watch` channel of tokio wakes
/// them in an order of its own luck, and the run would not repeat.
type Gone = Shared<oneshot::Receiver<Infallible>>;

/// A connection that is up; dropping it ends all requests on it.
#[derive(Debug)]
struct Connection {
    _end: oneshot::Sender<Infallible>,
    gone: Gone,
    /// Until when each direction is busy sending; the first is from the lower id.
    there: Transit,
    back: Transit,
}

/// Sees every message that arrives.
pub trait Tap: Send + Sync {
    /// `message` arrived.
    fn arrived(&self, message: &Message<'_>);
}

/// A message that arrives.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Who sent it.
    pub from: &'a PeerId,
    /// Whom it reaches.
    pub to: &'a PeerId,
    /// On which protocol.
    pub protocol: Protocol,
    /// Whether it asks or answers.
    pub way: Way,
    /// The body.
    pub bytes: &'a [u8],
}

/// Whether a message asks or answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// It asks.
    Request,
    /// It answers.
    Reply,
}

/// One node's end of a [`MemoryNetwork`].
#[derive(Clone, Debug)]
pub struct MemoryPort {
    me: PeerId,
    network: MemoryNetwork,
}

impl Default for MemoryNetwork {
    fn default() -> Self {
        Self::new(0)
    }
}

impl MemoryNetwork {
    /// A network without nodes whose jitter and losses follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            rng: ChaCha8Rng::seed_from_u64(seed),
            nodes: BTreeMap::new(),
            links: BTreeMap::new(),
            up: BTreeMap::new(),
            mute: BTreeSet::new(),
            refused: BTreeSet::new(),
            sides: BTreeMap::new(),
            requests: BTreeMap::new(),
            taps: Vec::new(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every message that arrives from now on passes by `tap`, too.
    pub fn tap(&self, tap: Arc<dyn Tap>) {
        self.state().taps.push(tap);
    }

    /// The end of the network that belongs to `me`.
    pub fn port(&self, me: PeerId) -> MemoryPort {
        MemoryPort {
            me,
            network: self.clone(),
        }
    }

    /// A node starts; what reaches it goes into `events`.
    pub fn start(&self, node: PeerId, events: mpsc::Sender<NetworkEvent>) {
        let mut state = self.state();
        state.nodes.insert(node, events);
        state.settle();
    }

    /// A node stops; all its connections go down.
    pub fn stop(&self, node: &PeerId) {
        let mut state = self.state();
        state.nodes.remove(node);
        // What it refused is in its memory only.
        state.refused.retain(|(by, _)| by != node);
        state.settle();
    }

    /// Lays a link between two nodes, or changes the one that lies there.
    pub fn connect(&self, a: &PeerId, b: &PeerId, link: Link) {
        let mut state = self.state();
        state.links.insert(pair(a, b), link);
        state.settle();
    }

    /// Takes the link between two nodes away.
    pub fn cut(&self, a: &PeerId, b: &PeerId) {
        let mut state = self.state();
        state.links.remove(&pair(a, b));
        state.settle();
    }

    /// Whether a connection between two nodes is up.
    pub fn is_up(&self, a: &PeerId, b: &PeerId) -> bool {
        self.state().up.contains_key(&pair(a, b))
    }

    /// Changes all links.
    pub fn change_links(&self, change: impl Fn(&mut Link)) {
        self.state().links.values_mut().for_each(change);
    }

    /// From now on `silent` answers nothing that `asker` asks. Requests the other way are answered.
    pub fn mute(&self, asker: &PeerId, silent: &PeerId) {
        self.state().mute.insert((asker.clone(), silent.clone()));
    }

    /// Takes back [`MemoryNetwork::mute`].
    pub fn unmute(&self, asker: &PeerId, silent: &PeerId) {
        self.state().mute.remove(&(asker.clone(), silent.clone()));
    }

    /// Cuts `others` off from all nodes that are not among them.
    pub fn partition<'a>(&self, others: impl IntoIterator<Item = &'a PeerId>) {
        let mut state = self.state();
        let side = state.sides.values().max().copied().unwrap_or(0) + 1;
        for node in others {
            state.sides.insert(node.clone(), side);
        }
        state.settle();
    }

    /// Ends all partitions.
    pub fn heal(&self) {
        let mut state = self.state();
        state.sides.clear();
        state.settle();
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

    /// How long a message of `bytes` takes from `from` to `to`; `None` if it is lost.
    fn transit(&self, from: &PeerId, to: &PeerId, bytes: usize) -> Option<Duration> {
        let mut state = self.state();
        let state = &mut *state;
        let key = pair(from, to);
        let link = *state.links.get(&key)?;
        let connection = state.up.get_mut(&key)?;
        let direction = if *from == key.0 {
            &mut connection.there
        } else {
            &mut connection.back
        };
        direction.send(&link, bytes, &mut state.rng)
    }

    fn arrived(&self, message: &Message<'_>) {
        let taps = self.state().taps.clone();
        for tap in taps {
            tap.arrived(message);
        }
    }
}

impl State {
    fn is_wanted(&self, (a, b): &Pair) -> bool {
        let side = |node: &PeerId| self.sides.get(node).copied().unwrap_or(0);
        self.nodes.contains_key(a)
            && self.nodes.contains_key(b)
            && side(a) == side(b)
            && !self.refused.contains(&(a.clone(), b.clone()))
            && !self.refused.contains(&(b.clone(), a.clone()))
    }

    /// Brings connections up and down as they should be now.
    fn settle(&mut self) {
        let down: Vec<Pair> = self
            .up
            .keys()
            .filter(|pair| !self.links.contains_key(pair) || !self.is_wanted(pair))
            .cloned()
            .collect();
        for (a, b) in down {
            self.up.remove(&(a.clone(), b.clone()));
            self.tell(&a, NetworkEvent::Disconnected(b.clone()));
            self.tell(&b, NetworkEvent::Disconnected(a));
        }
        let new: Vec<Pair> = self
            .links
            .keys()
            .filter(|pair| !self.up.contains_key(pair) && self.is_wanted(pair))
            .cloned()
            .collect();
        for (a, b) in new {
            let (end, gone) = oneshot::channel();
            let gone = gone.shared();
            let connection = Connection {
                _end: end,
                gone,
                there: Transit::default(),
                back: Transit::default(),
            };
            self.up.insert((a.clone(), b.clone()), connection);
            self.tell(&a, NetworkEvent::Connected(b.clone()));
            self.tell(&b, NetworkEvent::Connected(a));
        }
    }

    fn tell(&self, node: &PeerId, event: NetworkEvent) {
        if let Some(events) = self.nodes.get(node) {
            // A node that was stopped hears nothing.
            let _ = events.try_send(event);
        }
    }
}

/// A request on its way.
struct Exchange {
    from: MemoryPort,
    to: PeerId,
    target: mpsc::Sender<NetworkEvent>,
    protocol: Protocol,
    body: Vec<u8>,
}

impl Exchange {
    /// Carries the request there and the answer back, while the connection is up. Whoever stops waiting for the answer does
    /// not call the request back.
    async fn run(self, gone: Gone) -> Result<Vec<u8>, RequestFailure> {
        match futures::future::select(pin!(self.carry()), gone).await {
            Either::Left((result, _)) => result,
            Either::Right(_) => Err(RequestFailure::Disconnected),
        }
    }

    async fn carry(self) -> Result<Vec<u8>, RequestFailure> {
        let Self {
            from: MemoryPort { me, network },
            to: peer,
            target,
            protocol,
            body,
        } = self;
        travel(network.transit(&me, &peer, body.len())).await;
        let (reply, answer) = oneshot::channel();
        network.arrived(&Message {
            from: &me,
            to: &peer,
            protocol,
            way: Way::Request,
            bytes: &body,
        });
        let request = NetworkEvent::Request {
            peer: me.clone(),
            protocol,
            body,
            reply,
        };
        let gone = |()| RequestFailure::Disconnected;
        target.send(request).await.map_err(|_| gone(()))?;
        let bytes = answer.await.map_err(|_| gone(()))?;
        travel(network.transit(&peer, &me, bytes.len())).await;
        network.arrived(&Message {
            from: &peer,
            to: &me,
            protocol,
            way: Way::Reply,
            bytes: &bytes,
        });
        Ok(bytes)
    }
}

/// Waits until a message is there; for ever if it is lost.
async fn travel(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
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
        let (target, gone, is_mute) = {
            let mut state = self.network.state();
            let key = (self.me.clone(), peer.clone());
            *state
                .requests
                .entry((self.me.clone(), peer.clone(), protocol))
                .or_insert(0) += 1;
            let connection = state.up.get(&pair(&self.me, peer));
            let gone = connection.ok_or(RequestFailure::Disconnected)?.gone.clone();
            let target = state.nodes.get(peer).cloned();
            (
                target.ok_or(RequestFailure::Disconnected)?,
                gone,
                state.mute.contains(&key),
            )
        };
        if is_mute {
            // It ends with the connection.
            let _ = gone.await;
            return Err(RequestFailure::Disconnected);
        }
        let exchange = Exchange {
            from: self.clone(),
            to: peer.clone(),
            target,
            protocol,
            body,
        };
        let answer = tokio::spawn(exchange.run(gone)).await;
        // The task ends early only with the whole runtime.
        answer.unwrap_or(Err(RequestFailure::Disconnected))
    }

    fn refuse(&self, peer: &PeerId) {
        let mut state = self.network.state();
        state.refused.insert((self.me.clone(), peer.clone()));
        state.settle();
    }

    fn allow(&self, peer: &PeerId) {
        let mut state = self.network.state();
        state.refused.remove(&(self.me.clone(), peer.clone()));
        state.settle();
    }
}
