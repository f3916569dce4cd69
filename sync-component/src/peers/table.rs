use super::{Charge, Ledger, Offence, Record, proof::Proof};
use crate::{
    block_id::BlockId,
    ports::{MonoTime, PeerId},
    wire::{Roles, Standing, Status},
};
use sp_runtime::traits::{Block as BlockT, Header as HeaderT};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// What is known of every connected peer, with the ledger of all that we ever met. I/O-free; the time is handed in.
/// Bounded: at most `max_peers` entries, and as many that wait for a place.
#[derive(Debug)]
pub struct PeerTable<B: BlockT> {
    entries: BTreeMap<PeerId, PeerEntry<B>>,
    ledger: Ledger,
    /// Connected peers for which there was no place.
    waiting: BTreeSet<PeerId>,
    max_peers: usize,
}

/// What is known of one connected peer.
#[derive(Clone, Debug)]
pub struct PeerEntry<B: BlockT> {
    /// What it said of itself last, with when; `None` until its first answer.
    pub sighting: Option<Sighting<B>>,
    /// Requests for its status that stayed without answer since its last one.
    pub silent_rounds: u32,
    /// When a request for its status failed last, for whatever reason; `None` since it was answered.
    pub failed_at: Option<MonoTime>,
    /// Requests for blocks that stayed without answer since it last delivered good ones; those that ended with its connection count as
    /// one.
    pub undelivered: u32,
    /// Whether requests for blocks ended with its connection. It leaves the table then.
    broke_off: bool,
    /// The highest block that it claimed to have and whose header we know to be good, by its number.
    pub shown: Option<u64>,
}

/// After how many rounds without an answer nothing is expected of a peer (SPEC section 4).
const MUTE_AFTER: u32 = 3;

impl<B: BlockT> PeerEntry<B> {
    /// Whether it is new, or answered in one of its last three rounds.
    pub fn is_expected(&self) -> bool {
        self.silent_rounds < MUTE_AFTER
    }
}

/// What a peer said of itself.
#[derive(Clone, Debug)]
pub struct Sighting<B: BlockT> {
    /// When it said so.
    pub at: MonoTime,
    /// Full node or authority.
    pub roles: Roles,
    /// Where it stands: claims.
    pub standing: Standing<B>,
}

impl<B: BlockT> Sighting<B> {
    /// Its hash at `height`, as far as it told.
    pub fn hash_at(&self, height: u64) -> Option<B::Hash> {
        let tip = self.standing.best;
        if height == tip.height() {
            return Some(tip.hash);
        }
        let depth = usize::try_from(tip.height().checked_sub(height)?.checked_sub(1)?).ok()?;
        self.standing.below.get(depth).copied()
    }
}

impl<B: BlockT> PeerTable<B> {
    /// An empty table for at most `max_peers` connected peers.
    pub fn new(max_peers: usize, ledger: Ledger) -> Self {
        Self {
            entries: BTreeMap::new(),
            ledger,
            waiting: BTreeSet::new(),
            max_peers,
        }
    }

    /// A connection came up. Ignored for banned peers; when the table is full the peer waits for a place.
    pub fn connected(&mut self, peer: PeerId, now: MonoTime) {
        if self.ledger.is_banned(&peer) {
            return;
        }
        if self.entries.len() >= self.max_peers && !self.entries.contains_key(&peer) {
            if self.waiting.len() < self.max_peers {
                self.waiting.insert(peer);
            }
            return;
        }
        self.ledger.connected(&peer, now);
        // Coming back wipes nothing out.
        let undelivered = self.record(&peer).map_or(0, |record| record.undelivered);
        self.entries.entry(peer).or_insert(PeerEntry {
            sighting: None,
            silent_rounds: 0,
            failed_at: None,
            undelivered,
            broke_off: false,
            shown: None,
        });
    }

    /// The last connection is gone.
    pub fn disconnected(&mut self, peer: &PeerId, now: MonoTime) {
        self.waiting.remove(peer);
        self.entries.remove(peer);
        self.ledger.disconnected(peer, now);
    }

    /// The peer turned out to be of another chain.
    pub fn of_another_chain(&mut self, peer: &PeerId) {
        self.waiting.remove(peer);
        self.entries.remove(peer);
        self.ledger.forget(peer);
    }

    /// What is remembered of all peers.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The same, to be changed. Bans are to be made with [`PeerTable::ban`].
    pub(crate) fn ledger_mut(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    /// What is remembered of one peer.
    pub fn record(&self, peer: &PeerId) -> Option<&Record> {
        self.ledger.get(peer)
    }

    /// Whether `peer` ever delivered good blocks.
    pub(crate) fn proof(&self, peer: &PeerId) -> Proof {
        match self.record(peer).and_then(|record| record.rate) {
            Some(_) => Proof::Delivered,
            None => Proof::None,
        }
    }

    /// Gives free places to peers that wait for one.
    pub fn fill_places(&mut self, now: MonoTime) {
        while self.entries.len() < self.max_peers
            && let Some(peer) = self.waiting.pop_first()
        {
            self.connected(peer, now);
        }
    }

    /// All connected peers, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (&PeerId, &PeerEntry<B>)> {
        self.entries.iter()
    }

    /// One connected peer.
    pub fn get(&self, peer: &PeerId) -> Option<&PeerEntry<B>> {
        self.entries.get(peer)
    }

    /// How many are connected.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nobody is connected.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The peer told where it stands.
    pub fn told(&mut self, peer: &PeerId, status: Status<B>, now: MonoTime) {
        if let Some(entry) = self.entries.get_mut(peer) {
            let Status {
                roles, standing, ..
            } = status;
            entry.sighting = Some(Sighting {
                at: now,
                roles,
                standing,
            });
            entry.silent_rounds = 0;
            entry.failed_at = None;
        }
    }

    /// The peer announced its new best block. Before its first status there is nothing to bring up to date.
    pub fn announced(
        &mut self,
        peer: &PeerId,
        header: &B::Header,
        most_hashes: usize,
        now: MonoTime,
    ) {
        let Some(sighting) = self
            .entries
            .get_mut(peer)
            .and_then(|entry| entry.sighting.as_mut())
        else {
            return;
        };
        let standing = &mut sighting.standing;
        let best = BlockId::of(header);
        if best == standing.best {
            sighting.at = now;
            return;
        }
        if *header.parent_hash() == standing.best.hash {
            standing.below.insert(0, standing.best.hash);
            standing.below.truncate(most_hashes);
        } else {
            standing.below = vec![*header.parent_hash()];
        }
        standing.best = best;
        sighting.at = now;
    }

    /// A small request was answered after `round_trip`.
    pub fn answered(&mut self, peer: &PeerId, round_trip: Duration) {
        self.ledger.answered(peer, round_trip);
    }

    /// Good blocks of so many bytes came from `peer`, this long after they were asked for. Only these make up for requests
    /// that it left without an answer.
    pub fn delivered(&mut self, peer: &PeerId, bytes: usize, took: Duration) {
        if let Some(entry) = self.entries.get_mut(peer) {
            entry.undelivered = 0;
        }
        self.ledger.delivered(peer, bytes, took);
    }

    /// A request for blocks stayed without answer.
    pub fn undelivered(&mut self, peer: &PeerId) {
        if let Some(entry) = self.entries.get_mut(peer) {
            entry.undelivered = entry.undelivered.saturating_add(1);
            self.ledger.undelivered(peer, entry.undelivered);
        }
    }

    /// The connection ended while `peer` was asked for blocks. However much it was asked for, that is one failure: it may be our own line.
    pub fn broke_off(&mut self, peer: &PeerId) {
        if let Some(entry) = self.entries.get_mut(peer)
            && !entry.broke_off
        {
            entry.broke_off = true;
            self.undelivered(peer);
        }
    }

    /// `peer` claims to have the block at `height`, and we know its header to be good: it is likelier to have it than whoever
    /// only claims something.
    pub fn shown(&mut self, peer: &PeerId, height: u64) {
        if let Some(entry) = self.entries.get_mut(peer) {
            entry.shown = Some(height);
        }
    }

    /// A request for the peer's status failed.
    pub fn status_failed(&mut self, peer: &PeerId, now: MonoTime) {
        if let Some(entry) = self.entries.get_mut(peer) {
            entry.failed_at = Some(now);
        }
    }

    /// A request for the peer's status stayed without answer.
    pub fn silent(&mut self, peer: &PeerId) {
        if let Some(entry) = self.entries.get_mut(peer) {
            entry.silent_rounds = entry.silent_rounds.saturating_add(1);
        }
    }

    /// Charges `peer` with `offence`. A ban takes it out of the table.
    pub fn charge(&mut self, peer: &PeerId, offence: Offence, now: MonoTime) -> Charge {
        let charge = self.ledger.charge(peer, offence, now);
        if charge == Charge::Banned {
            self.disconnected(peer, now);
        }
        charge
    }

    /// The operator bans `peer`.
    pub fn ban(&mut self, peer: &PeerId, now: MonoTime) {
        self.ledger.ban(peer, now);
        self.disconnected(peer, now);
    }

    /// Returns the peers that may come again since the last call.
    pub fn lift_expired(&mut self, now: MonoTime) -> Vec<PeerId> {
        self.ledger.lift_expired(now)
    }

    /// Whether `peer` is banned.
    pub fn is_banned(&self, peer: &PeerId) -> bool {
        self.ledger.is_banned(peer)
    }

    /// Peers that claim to have the body of the block at `height`, the likeliest to deliver soon first: those whose claim
    /// was found good, as claims cost nothing; then those that delivered blocks before and answered their last requests for
    /// them, as showing headers costs little; then the untried, then the silent; among equals by latency.
    pub fn holders(&self, height: u64) -> Vec<PeerId> {
        let holds = |entry: &PeerEntry<B>| {
            entry.sighting.as_ref().is_some_and(|sighting| {
                let standing = &sighting.standing;
                standing.best.height() >= height
                    && crate::block_id::height::<B>(standing.lowest) <= height
            })
        };
        let mut holders: Vec<_> = self
            .entries
            .iter()
            .filter(|(_, entry)| holds(entry))
            .collect();
        holders.sort_by_key(|(peer, entry)| {
            let record = self.record(peer);
            let latency = record.and_then(|record| record.latency);
            (
                entry.shown.is_none_or(|shown| shown < height),
                self.proof(peer).demerits(entry.undelivered),
                latency.unwrap_or(Duration::from_millis(200)),
            )
        });
        holders.into_iter().map(|(peer, _)| peer.clone()).collect()
    }

    /// The lowest block that anybody serves who claims to have the block at `height`, if nobody serves that.
    pub fn all_begin_above(&self, height: u64) -> Option<u64> {
        let told = self
            .entries
            .values()
            .filter_map(|entry| entry.sighting.as_ref());
        let standings = told.map(|sighting| &sighting.standing);
        let have = standings.filter(|standing| standing.best.height() >= height);
        let lowest = have.map(|standing| crate::block_id::height::<B>(standing.lowest));
        lowest.min().filter(|lowest| *lowest > height)
    }
}
