use super::{
    plan::DialLimits,
    slots::{Company, Room},
};
use libp2p::{Multiaddr, multiaddr::Protocol};
use std::time::Duration;
use tokio::time::Instant;

/// A connection that lasted for so long was a success: whoever comes back after it is dialled in short pauses again. Too low:
/// a peer that lets us in and throws us out at once is dialled without end.
const STEADY: Duration = Duration::from_secs(10);

/// Where a candidate is from; the later kinds come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Others told of it, or it told of itself.
    Found,
    /// It was a peer in an earlier run.
    Remembered,
    /// The operator or the chain spec name it as a way into the network.
    Bootnode,
    /// The operator or the chain spec want it connected at all times.
    Reserved,
}

/// Somebody to dial.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) kind: Kind,
    /// In the order of learning.
    pub(super) rank: u64,
    /// The one that worked last is the first.
    pub(super) addresses: Vec<Multiaddr>,
    pub(super) failures: u32,
    meetings: Meetings,
    pub(super) state: State,
}

/// Whether a candidate was met since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meetings {
    None,
    Some,
}

/// Whether it is dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Due(Instant),
    Dialling,
    Connected { since: Instant },
}

/// Where in its range a pause lies: −1 is the shortest, 1 the longest. Without it nodes would dial in step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Jitter(pub(super) f64);

impl Jitter {
    pub(super) fn random() -> Self {
        Self(rand::Rng::gen_range(&mut rand::thread_rng(), -1.0..=1.0))
    }
}

impl Candidate {
    pub(super) fn new(kind: Kind, rank: u64, now: Instant) -> Self {
        Self {
            kind,
            rank,
            addresses: Vec::new(),
            failures: 0,
            meetings: Meetings::None,
            state: State::Due(now),
        }
    }

    /// When it is to be dialled.
    pub(super) fn due(&self) -> Option<Instant> {
        match self.state {
            State::Due(at) => Some(at),
            State::Dialling | State::Connected { .. } => None,
        }
    }

    /// Whether it may be dialled as things are.
    pub(super) fn is_wanted(&self, room: Room) -> bool {
        match self.kind {
            Kind::Reserved => true,
            Kind::Bootnode => {
                room.free > 0 || room.company == Company::Alone || self.meetings == Meetings::None
            }
            Kind::Remembered | Kind::Found => room.free > 0,
        }
    }

    /// It is connected; `dialled` is where, if we did.
    pub(super) fn met(&mut self, dialled: Option<&Multiaddr>, now: Instant) {
        if !matches!(self.state, State::Connected { .. }) {
            self.state = State::Connected { since: now };
        }
        self.meetings = Meetings::Some;
        let works = |address: &Multiaddr| dialled.is_some_and(|dialled| same(address, dialled));
        if let Some(at) = self.addresses.iter().position(works) {
            self.addresses.swap(0, at);
        }
    }

    /// It is not connected any more.
    pub(super) fn lost(&mut self, now: Instant, limits: &DialLimits, jitter: Jitter) {
        if let State::Connected { since } = self.state {
            if now.saturating_duration_since(since) >= STEADY {
                self.failures = 0;
            }
            self.put_off(now, limits, jitter);
        }
    }

    /// The address that worked last stays the first; news push out what is old.
    pub(super) fn merge(&mut self, told: Vec<Multiaddr>, most: usize) {
        let old = std::mem::take(&mut self.addresses);
        let mut old = old.into_iter();
        if self.meetings == Meetings::Some {
            self.addresses.extend(old.next());
        }
        for address in told.into_iter().chain(old) {
            if self.addresses.len() < most && !self.addresses.contains(&address) {
                self.addresses.push(address);
            }
        }
    }

    /// It is dialled again after a pause, which doubles with each call.
    pub(super) fn put_off(&mut self, now: Instant, limits: &DialLimits, jitter: Jitter) {
        let doubled = limits
            .backoff_first
            .saturating_mul(1_u32 << self.failures.min(16));
        let factor = 1.0 + limits.backoff_jitter.clamp(0.0, 1.0) * jitter.0.clamp(-1.0, 1.0);
        let pause = doubled.min(limits.backoff_max).mul_f64(factor);
        self.failures = self.failures.saturating_add(1);
        self.state = State::Due(now + pause);
    }
}

/// Whether two addresses are the same place; one may name the peer and the other not.
fn same(one: &Multiaddr, other: &Multiaddr) -> bool {
    let place = |address: &Multiaddr| -> Multiaddr {
        let parts = address.iter();
        parts
            .filter(|part| !matches!(part, Protocol::P2p(_)))
            .collect()
    };
    place(one) == place(other)
}
