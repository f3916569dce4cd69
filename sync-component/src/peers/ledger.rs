use super::penalties::{BAN_AT, HALF_LIFE_SECS, Offence};
use crate::{
    ports::{MonoTime, PeerId},
    settings::Limits,
};
use std::{collections::BTreeMap, time::Duration};

/// Weight of the newest sample in the moving averages of a peer's latency and rate.
const NEWEST_WEIGHT: f64 = 0.2;

/// Longest address that is kept, in bytes. Too low: such peers are not found again by address.
const ADDRESS_BYTES: usize = 256;

/// What is remembered of peers, connected or not, over restarts (SPEC section 3): trust, speed, for how long they were
/// consistent with us, bans. Plain data; the time is handed in. Bounded: at most `remembered_peers` records besides the
/// operator's own bans; the peer that was consistent for the shortest time makes room.
#[derive(Clone, Debug)]
pub struct Ledger {
    records: BTreeMap<PeerId, Record>,
    /// Peers whose bans ended: by time, by the operator, or to make room.
    let_in: Vec<PeerId>,
    most: usize,
    pub(super) ban: Duration,
    short_absence: Duration,
}

/// What is remembered of one peer.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub(super) trust: Trust,
    /// Moving average of its round trips; `None` before the first.
    pub latency: Option<Duration>,
    /// Moving average of the bytes per second of its block replies; `None` before the first.
    pub rate: Option<f64>,
    /// Observed time in which it never contradicted us (SPEC section 3, *consistent since*).
    pub consistent: Duration,
    /// Where it was reached last.
    pub address: Option<String>,
    /// Whether it is banned.
    pub ban: Option<Ban>,
    /// Requests for blocks that stayed without answer since it last delivered good ones; since our start at the earliest.
    pub undelivered: u32,
    pub(super) presence: Presence,
}

/// Until when a peer is banned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ban {
    /// For what it did.
    Until(MonoTime),
    /// By the operator, until the operator takes it back.
    ByOperator,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    Connected,
    /// Since then; `None`: since before our start, which is no absence of its own.
    Away(Option<MonoTime>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Trust {
    pub(super) score: f64,
    pub(super) at: MonoTime,
}

impl Trust {
    fn now(self, now: MonoTime) -> f64 {
        self.score * halvings(now.since(self.at))
    }
}

pub(super) fn halvings(time: Duration) -> f64 {
    0.5_f64.powf(time.as_secs_f64() / HALF_LIFE_SECS)
}

impl Record {
    fn new(now: MonoTime) -> Self {
        Self {
            trust: Trust {
                score: 0.0,
                at: now,
            },
            latency: None,
            rate: None,
            consistent: Duration::ZERO,
            address: None,
            ban: None,
            undelivered: 0,
            presence: Presence::Away(None),
        }
    }

    /// −100 to 100; 0 for a peer of which nothing is known.
    pub fn trust(&self, now: MonoTime) -> f64 {
        self.trust.now(now)
    }

    /// Whether it was consistent with us for this many observed hours (`tier3_trust_hours`), and is not banned.
    pub fn is_trusted(&self, hours: f64) -> bool {
        self.ban.is_none() && self.consistent.as_secs_f64() >= hours * 3_600.0
    }

    /// Whether it was consistent with us before our start, and has not come back yet.
    pub fn may_come_back(&self) -> bool {
        let awaited = self.presence == Presence::Away(None);
        awaited && self.ban.is_none() && !self.consistent.is_zero()
    }

    /// Whether it is connected.
    pub fn is_connected(&self) -> bool {
        self.presence == Presence::Connected
    }
}

/// What a charge led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    /// The peer lost trust.
    Noted,
    /// The peer is banned from now on.
    Banned,
}

impl Ledger {
    /// An empty one.
    pub fn new(limits: &Limits) -> Self {
        Self {
            records: BTreeMap::new(),
            let_in: Vec::new(),
            // Every connected peer has a record.
            most: limits.remembered_peers.max(limits.max_peers),
            ban: limits.ban,
            short_absence: limits.short_disconnect,
        }
    }

    /// What is remembered of `peer`.
    pub fn get(&self, peer: &PeerId) -> Option<&Record> {
        self.records.get(peer)
    }

    /// All records, in the order of the peers' ids.
    pub fn iter(&self) -> impl Iterator<Item = (&PeerId, &Record)> {
        self.records.iter()
    }

    /// Whether `peer` is banned.
    pub fn is_banned(&self, peer: &PeerId) -> bool {
        self.get(peer).is_some_and(|record| record.ban.is_some())
    }

    /// All banned peers.
    pub fn banned(&self) -> impl Iterator<Item = &PeerId> {
        let banned = self.iter().filter(|(_, record)| record.ban.is_some());
        banned.map(|(peer, _)| peer)
    }

    /// A connection to `peer` came up.
    pub(super) fn connected(&mut self, peer: &PeerId, now: MonoTime) {
        let short = self.short_absence;
        let record = self.record(peer, now);
        if let Presence::Away(Some(since)) = record.presence
            && now.since(since) > short
        {
            // What it did meanwhile nobody has observed.
            record.consistent = Duration::ZERO;
        }
        record.presence = Presence::Connected;
    }

    /// The last connection is gone.
    pub(super) fn disconnected(&mut self, peer: &PeerId, now: MonoTime) {
        if let Some(record) = self.records.get_mut(peer)
            && record.is_connected()
        {
            record.presence = Presence::Away(Some(now));
        }
    }

    /// The peer is of another chain: nothing of it is of use.
    pub(super) fn forget(&mut self, peer: &PeerId) {
        if !self.is_banned(peer) {
            self.records.remove(peer);
        }
    }

    /// Where `peer` was reached.
    pub fn reached(&mut self, peer: &PeerId, address: String) {
        if let Some(record) = self.records.get_mut(peer)
            && address.len() <= ADDRESS_BYTES
        {
            record.address = Some(address);
        }
    }

    /// A request was answered after `round_trip`.
    pub(super) fn answered(&mut self, peer: &PeerId, round_trip: Duration) {
        if let Some(record) = self.records.get_mut(peer) {
            record.latency = Some(match record.latency {
                None => round_trip,
                Some(old) => old.mul_f64(1.0 - NEWEST_WEIGHT) + round_trip.mul_f64(NEWEST_WEIGHT),
            });
        }
    }

    /// A request for blocks brought good ones, so many bytes in this time.
    pub(super) fn delivered(&mut self, peer: &PeerId, bytes: usize, time: Duration) {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let newest = bytes as f64 / time.as_secs_f64().max(1e-6);
        if let Some(record) = self.records.get_mut(peer) {
            record.rate = Some(match record.rate {
                None => newest,
                Some(old) => old * (1.0 - NEWEST_WEIGHT) + newest * NEWEST_WEIGHT,
            });
            record.undelivered = 0;
        }
    }

    /// So many requests for blocks did `peer` leave without an answer since it last delivered good ones.
    pub(super) fn undelivered(&mut self, peer: &PeerId, requests: u32) {
        if let Some(record) = self.records.get_mut(peer) {
            record.undelivered = requests;
        }
    }

    /// `peer` was observed for this much longer, and contradicted nothing.
    pub(super) fn consistent(&mut self, peer: &PeerId, by: Duration) {
        if let Some(record) = self.records.get_mut(peer) {
            record.consistent = record.consistent.saturating_add(by);
        }
    }

    /// `peer` contradicted what is settled: its time begins anew.
    pub(super) fn contradicted(&mut self, peer: &PeerId) {
        if let Some(record) = self.records.get_mut(peer) {
            record.consistent = Duration::ZERO;
        }
    }

    /// Charges `peer` with `offence`.
    pub(super) fn charge(&mut self, peer: &PeerId, offence: Offence, now: MonoTime) -> Charge {
        let ban = Ban::Until(now.plus(self.ban));
        let record = self.record(peer, now);
        let score = record.trust.now(now) - offence.cost();
        record.trust = Trust {
            score: score.max(-100.0),
            at: now,
        };
        if score > BAN_AT {
            return Charge::Noted;
        }
        // An operator's ban is the longer one.
        record.ban.get_or_insert(ban);
        record.consistent = Duration::ZERO;
        Charge::Banned
    }

    /// The operator bans `peer` until [`Ledger::unban`].
    pub fn ban(&mut self, peer: &PeerId, now: MonoTime) {
        let record = self.record(peer, now);
        record.ban = Some(Ban::ByOperator);
        record.consistent = Duration::ZERO;
    }

    /// The operator takes a ban back, whoever made it; what led to it is forgotten. Says whether there was one.
    pub fn unban(&mut self, peer: &PeerId, now: MonoTime) -> bool {
        let Some(record) = self.records.get_mut(peer) else {
            return false;
        };
        let was_banned = record.ban.take().is_some();
        if was_banned {
            record.trust = Trust {
                score: 0.0,
                at: now,
            };
            self.let_in.push(peer.clone());
        }
        was_banned
    }

    /// Ends the bans whose time is over, and returns all peers that may come again since the last call.
    pub(super) fn lift_expired(&mut self, now: MonoTime) -> Vec<PeerId> {
        for (peer, record) in &mut self.records {
            if matches!(record.ban, Some(Ban::Until(end)) if end <= now) {
                record.ban = None;
                self.let_in.push(peer.clone());
            }
        }
        std::mem::take(&mut self.let_in)
    }

    pub(super) fn record(&mut self, peer: &PeerId, now: MonoTime) -> &mut Record {
        if !self.records.contains_key(peer) {
            self.make_room();
        }
        self.records
            .entry(peer.clone())
            .or_insert_with(|| Record::new(now))
    }

    /// Free identities must neither fill memory nor push out those that have stayed: who was consistent for the shortest
    /// time goes first, then whose ban ends first.
    fn make_room(&mut self) {
        let counted = |record: &&Record| record.ban != Some(Ban::ByOperator);
        if self.records.values().filter(counted).count() < self.most {
            return;
        }
        let ban_end = |record: &Record| match record.ban {
            Some(Ban::Until(end)) => Some(end),
            _ => None,
        };
        let least = self
            .records
            .iter()
            .filter(|(_, record)| counted(record) && !record.is_connected())
            .min_by_key(|(_, record)| (record.consistent, ban_end(record)))
            .map(|(peer, record)| (peer.clone(), record.ban.is_some()));
        if let Some((peer, was_banned)) = least {
            self.records.remove(&peer);
            if was_banned {
                self.let_in.push(peer);
            }
        }
    }
}
