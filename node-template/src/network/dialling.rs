use super::{
    KnownNodes,
    candidate::{Candidate, Jitter, Kind, State},
    plan::DialLimits,
    slots::{Company, Room},
};
use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};
use std::{cmp::Reverse, collections::BTreeMap, time::Duration};
use tokio::time::Instant;

/// After how many failures in a row a peer that nobody declared is given up, while others are there. Too low: a peer that
/// restarts is lost; too high: the addresses of the dead are knocked at.
const GIVE_UP_AFTER: u32 = 8;

/// For how long a peer of another chain is left alone. Too low: two networks that were mixed up keep meeting; too high: a node
/// that was started with the wrong chain spec is missed after it was put right.
const FOREIGN_PAUSE: Duration = Duration::from_mins(10);

/// Whom to dial, when. Plain data; time, jitter, and what is free are handed in. Bounded: the nodes that were declared or
/// remembered at the start, and `found_peers` others.
#[derive(Debug)]
pub(super) struct Dialling {
    ours: PeerId,
    limits: DialLimits,
    candidates: BTreeMap<PeerId, Candidate>,
    /// Peers of another chain that nobody declared, and until when they are not looked at.
    foreign: BTreeMap<PeerId, Instant>,
    learnt: u64,
}

/// Whether the peer of which something is learnt is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    Connected,
    Away,
}

/// A dial to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dial {
    pub(super) peer: PeerId,
    pub(super) addresses: Vec<Multiaddr>,
}

/// A dial that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) kind: Kind,
    /// How many in a row have.
    pub(super) failures: u32,
}

impl Dialling {
    /// All are due `now`. Addresses without a peer id name nobody, and our own id is nobody to dial.
    pub(super) fn new(known: &KnownNodes, ours: PeerId, limits: DialLimits, now: Instant) -> Self {
        let mut dialling = Self {
            ours,
            limits,
            candidates: BTreeMap::new(),
            foreign: BTreeMap::new(),
            learnt: 0,
        };
        for (kind, addresses) in [
            (Kind::Reserved, &known.reserved),
            (Kind::Bootnode, &known.bootnodes),
            (Kind::Remembered, &known.remembered),
        ] {
            for address in addresses {
                dialling.declare(kind, address, now);
            }
        }
        dialling
    }

    fn declare(&mut self, kind: Kind, address: &Multiaddr, now: Instant) {
        let Some(Protocol::P2p(peer)) = address.iter().last() else {
            return;
        };
        if peer == self.ours {
            return;
        }
        let candidate = self.candidate(peer, kind, now);
        if !candidate.addresses.contains(address) {
            candidate.addresses.push(address.clone());
        }
    }

    fn candidate(&mut self, peer: PeerId, kind: Kind, now: Instant) -> &mut Candidate {
        let rank = self.learnt;
        self.learnt = rank.saturating_add(1);
        self.candidates
            .entry(peer)
            .or_insert_with(|| Candidate::new(kind, rank, now))
    }

    /// `peer` may be reached at these addresses. What the operator declared of it stays as it is.
    pub(super) fn learn(
        &mut self,
        peer: PeerId,
        addresses: Vec<Multiaddr>,
        presence: Presence,
        now: Instant,
    ) {
        self.foreign.retain(|_, until| *until > now);
        if peer == self.ours || addresses.is_empty() || self.foreign.contains_key(&peer) {
            return;
        }
        if !self.candidates.contains_key(&peer) && !self.make_room(presence) {
            return;
        }
        let most = self.limits.addresses_per_peer;
        let candidate = self.candidate(peer, Kind::Found, now);
        if candidate.kind >= Kind::Bootnode {
            return;
        }
        candidate.merge(addresses, most);
        if presence == Presence::Connected {
            candidate.met(None, now);
        }
    }

    /// Whether one more can be kept of those that others told of: whoever failed most often makes place; for a peer that is
    /// there, also one that was never tried.
    fn make_room(&mut self, presence: Presence) -> bool {
        let found = self
            .candidates
            .iter()
            .filter(|(_, candidate)| candidate.kind == Kind::Found);
        if found.clone().count() < self.limits.found_peers {
            return true;
        }
        let worst = found
            .filter(|(_, candidate)| {
                let makes_place = candidate.failures > 0 || presence == Presence::Connected;
                makes_place && candidate.due().is_some()
            })
            .max_by_key(|(_, candidate)| (candidate.failures, candidate.rank));
        let Some(worst) = worst.map(|(peer, _)| *peer) else {
            return false;
        };
        self.candidates.remove(&worst).is_some()
    }

    /// How many dials that take a slot are under way.
    pub(super) fn under_way(&self) -> usize {
        self.candidates
            .values()
            .filter(|candidate| {
                candidate.state == State::Dialling && candidate.kind != Kind::Reserved
            })
            .count()
    }

    /// When the next one is due, of those that may be dialled as things are.
    pub(super) fn next_due(&self, room: Room) -> Option<Instant> {
        self.candidates
            .values()
            .filter(|candidate| candidate.is_wanted(room))
            .filter_map(Candidate::due)
            .min()
    }

    /// Takes the dials that are due, the most wanted first, and no more than there is room for.
    pub(super) fn take_due(&mut self, now: Instant, mut room: Room) -> Vec<Dial> {
        let mut due: Vec<_> = self
            .candidates
            .iter_mut()
            .filter_map(|(peer, candidate)| {
                let at = candidate.due().filter(|at| *at <= now)?;
                Some((
                    (Reverse(candidate.kind), at, candidate.rank),
                    peer,
                    candidate,
                ))
            })
            .collect();
        due.sort_by_key(|(order, ..)| *order);
        let mut dials = Vec::new();
        for (_, peer, candidate) in due {
            if !candidate.is_wanted(room) {
                continue;
            }
            candidate.state = State::Dialling;
            if candidate.kind != Kind::Reserved {
                room.free = room.free.saturating_sub(1);
            }
            dials.push(Dial {
                peer: *peer,
                addresses: candidate.addresses.clone(),
            });
        }
        dials
    }

    /// The first connection to `peer` is up; `dialled` is where, if we did.
    pub(super) fn connected(&mut self, peer: &PeerId, dialled: Option<&Multiaddr>, now: Instant) {
        if let Some(candidate) = self.candidates.get_mut(peer) {
            candidate.met(dialled, now);
        }
    }

    /// The last connection to `peer` is gone.
    pub(super) fn disconnected(&mut self, peer: &PeerId, now: Instant, jitter: Jitter) {
        let limits = self.limits;
        if let Some(candidate) = self.candidates.get_mut(peer) {
            candidate.lost(now, &limits, jitter);
        }
    }

    /// A dial of `peer` failed. `None` if none was under way. One that nobody declared is given up in the end, unless
    /// there is nobody else.
    pub(super) fn failed(
        &mut self,
        peer: &PeerId,
        company: Company,
        now: Instant,
        jitter: Jitter,
    ) -> Option<Failure> {
        let limits = self.limits;
        let candidate = self.candidates.get_mut(peer)?;
        if candidate.state != State::Dialling {
            return None;
        }
        candidate.put_off(now, &limits, jitter);
        let failure = Failure {
            kind: candidate.kind,
            failures: candidate.failures,
        };
        let is_given_up = candidate.kind <= Kind::Remembered
            && candidate.failures >= GIVE_UP_AFTER
            && company == Company::InTouch;
        if is_given_up {
            self.candidates.remove(peer);
        }
        Some(failure)
    }

    /// `peer`, which is connected, is of another chain: it is left alone for a good while. Returns what it was to us.
    pub(super) fn is_foreign(&mut self, peer: PeerId, now: Instant) -> Kind {
        let until = now + FOREIGN_PAUSE;
        match self.candidates.get_mut(&peer) {
            Some(candidate) if candidate.kind >= Kind::Bootnode => {
                candidate.state = State::Due(until);
                return candidate.kind;
            }
            _ => {}
        }
        self.candidates.remove(&peer);
        self.foreign.retain(|_, until| *until > now);
        if self.foreign.len() >= self.limits.found_peers {
            let first = self.foreign.iter().min_by_key(|(_, until)| **until);
            if let Some(first) = first.map(|(peer, _)| *peer) {
                self.foreign.remove(&first);
            }
        }
        self.foreign.insert(peer, until);
        Kind::Found
    }
}
