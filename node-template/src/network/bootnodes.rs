use libp2p::{
    Multiaddr, PeerId,
    multiaddr::Protocol,
    swarm::dial_opts::{DialOpts, PeerCondition},
};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::Instant;

/// The first pause before a bootnode is dialled again. Too low: a bootnode that restarts is flooded.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause. Too high: a network that was apart comes together late.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// When to dial which bootnode: for ever, with pauses that double. Plain data; time and jitter are handed in.
#[derive(Debug)]
pub(super) struct Bootnodes {
    nodes: BTreeMap<PeerId, Bootnode>,
}

#[derive(Debug)]
struct Bootnode {
    addresses: Vec<Multiaddr>,
    failures: u32,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Due(Instant),
    Dialling,
    Connected,
}

/// A factor for a pause, 0.8 to 1.2, so that nodes do not dial in step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Jitter(pub(super) f64);

impl Jitter {
    pub(super) fn random() -> Self {
        Self(rand::Rng::gen_range(&mut rand::thread_rng(), 0.8..1.2))
    }
}

impl Bootnodes {
    /// All are due `now`. Addresses without a peer id name nobody, and our own id is nobody to dial.
    pub(super) fn new(addresses: &[Multiaddr], ours: PeerId, now: Instant) -> Self {
        let mut nodes: BTreeMap<PeerId, Bootnode> = BTreeMap::new();
        for address in addresses {
            let Some(Protocol::P2p(peer)) = address.iter().last() else {
                continue;
            };
            if peer == ours {
                continue;
            }
            let node = nodes.entry(peer).or_insert_with(|| Bootnode {
                addresses: Vec::new(),
                failures: 0,
                state: State::Due(now),
            });
            if !node.addresses.contains(address) {
                node.addresses.push(address.clone());
            }
        }
        Self { nodes }
    }

    /// When the next one is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let due = self.nodes.values().filter_map(|node| match node.state {
            State::Due(at) => Some(at),
            State::Dialling | State::Connected => None,
        });
        due.min()
    }

    /// Takes the dials that are due.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<(PeerId, DialOpts)> {
        let mut dials = Vec::new();
        for (peer, node) in &mut self.nodes {
            if matches!(node.state, State::Due(at) if at <= now) {
                node.state = State::Dialling;
                let options = DialOpts::peer_id(*peer)
                    .condition(PeerCondition::DisconnectedAndNotDialing)
                    .addresses(node.addresses.clone())
                    .build();
                dials.push((*peer, options));
            }
        }
        dials
    }

    /// A connection to `peer` is up, whoever dialled.
    pub(super) fn connected(&mut self, peer: &PeerId) {
        if let Some(node) = self.nodes.get_mut(peer) {
            node.state = State::Connected;
            node.failures = 0;
        }
    }

    /// The last connection to `peer` is gone.
    pub(super) fn disconnected(&mut self, peer: &PeerId, now: Instant, jitter: Jitter) {
        if let Some(node) = self.nodes.get_mut(peer) {
            node.put_off(now, jitter);
        }
    }

    /// A dial of `peer` failed. Says how many in a row have; `None` if it is no bootnode, or is connected.
    pub(super) fn failed(&mut self, peer: &PeerId, now: Instant, jitter: Jitter) -> Option<u32> {
        let node = self.nodes.get_mut(peer)?;
        if node.state == State::Connected {
            return None;
        }
        node.put_off(now, jitter);
        Some(node.failures)
    }
}

impl Bootnode {
    fn put_off(&mut self, now: Instant, jitter: Jitter) {
        let doubled = FIRST_PAUSE.saturating_mul(1_u32 << self.failures.min(16));
        let pause = doubled.min(LONGEST_PAUSE).mul_f64(jitter.0);
        self.failures = self.failures.saturating_add(1);
        self.state = State::Due(now + pause);
    }
}
