use super::{Demand, Limits, Refusal, Standing};
use crate::runtime::Extrinsic;
use sp_core::{H256, sr25519};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashMap},
    sync::Arc,
};
use sync_component::ports::{MonoTime, PeerId};

/// How many refused extrinsics are remembered. Too low: peers bring them again and again; each more costs 40 bytes.
const REFUSED_KEPT: usize = 1_024;

/// Whence an extrinsic came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From whoever was told that it is in the pool: never pushed out.
    Owner,
    /// From a block that left the best chain: never pushed out.
    Block,
    /// From a peer, which keeps it as well.
    Peer(PeerId),
}

/// Whether an extrinsic is new here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coming {
    /// It is: it has to fit, and its sender to be able to pay.
    New,
    /// It was in a block that left the chain, or in the pool before the stores were exchanged. What pays for it may come back
    /// after it, so it is taken in as long as its nonce is not used up.
    Back,
}

/// An extrinsic that may come in. Its signature is good.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Blake2-256 of its encoding.
    pub hash: H256,
    /// Length of its encoding.
    pub bytes: usize,
    /// Itself.
    pub extrinsic: Extrinsic,
    /// What it asks of its sender.
    pub demand: Demand,
    /// Whence it came.
    pub origin: Origin,
    /// Whether it was here before.
    pub coming: Coming,
    /// When.
    pub at: MonoTime,
}

/// An extrinsic in the pool.
#[derive(Clone, Debug)]
pub struct Entry {
    /// As it came.
    pub candidate: Candidate,
    /// Its number among all that ever came in, from 1.
    pub arrival: u64,
    /// Since when it has not been ready; `None` while it is.
    pub unready_since: Option<MonoTime>,
}

/// Where an extrinsic is in the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It may go into the next block.
    Ready,
    /// It waits for one before it.
    Waiting,
}

/// The pool's content and its rules. Plain data: states and time are handed in.
#[derive(Debug)]
pub struct Queue {
    limits: Limits,
    accounts: BTreeMap<sr25519::Public, Account>,
    known: HashMap<H256, (sr25519::Public, u64)>,
    /// By arrival.
    order: BTreeMap<u64, H256>,
    arrivals: u64,
    bytes: usize,
    /// What the runtime refused, and until when it stays out.
    refused: BTreeMap<H256, MonoTime>,
    doors: Doors,
}

/// Whether anything comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doors {
    Open,
    Closed,
}

#[derive(Debug)]
struct Account {
    standing: Standing,
    /// By nonce; never below the standing's.
    entries: BTreeMap<u64, Arc<Entry>>,
}

impl Account {
    /// Those that apply one after the other on the account's state.
    fn ready(&self) -> impl Iterator<Item = &Arc<Entry>> {
        let mut next = Some(self.standing.nonce);
        let mut left = self.standing.balance;
        self.entries.iter().map_while(move |(nonce, entry)| {
            if Some(*nonce) != next {
                return None;
            }
            next = nonce.checked_add(1);
            left = left.checked_sub(entry.candidate.demand.cost)?;
            Some(entry)
        })
    }

    /// The nonce behind the ready ones, and what is left of the balance then.
    fn behind_ready(&self) -> (u64, u128) {
        let mut behind = (self.standing.nonce, self.standing.balance);
        for entry in self.ready() {
            let demand = entry.candidate.demand;
            behind = (
                demand.nonce.saturating_add(1),
                behind.1.saturating_sub(demand.cost),
            );
        }
        behind
    }
}

impl Queue {
    /// An empty pool.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            accounts: BTreeMap::new(),
            known: HashMap::new(),
            order: BTreeMap::new(),
            arrivals: 0,
            bytes: 0,
            refused: BTreeMap::new(),
            doors: Doors::Open,
        }
    }

    /// How many extrinsics it holds.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Their bytes, encoded.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the extrinsic with this hash is here.
    pub fn contains(&self, hash: &H256) -> bool {
        self.known.contains_key(hash)
    }

    /// Whether the extrinsic with this hash is here. Whatever is known of one that now comes from `origin` as well: it is kept
    /// for the better reason, since whoever sent it is told that it is in the pool.
    pub fn meets(&mut self, hash: &H256, origin: &Origin) -> bool {
        let Some((sender, nonce)) = self.known.get(hash) else {
            return false;
        };
        let account = self.accounts.get_mut(sender);
        let entry = account.and_then(|account| account.entries.get_mut(nonce));
        if let Some(entry) = entry
            && matches!(entry.candidate.origin, Origin::Peer(_))
            && !matches!(origin, Origin::Peer(_))
        {
            Arc::make_mut(entry).candidate.origin = origin.clone();
        }
        true
    }

    /// How `sender` stood when it was last looked at; `None` if nothing of it is here.
    pub fn standing(&self, sender: &sr25519::Public) -> Option<Standing> {
        self.accounts.get(sender).map(|account| account.standing)
    }

    /// All senders of which something is here.
    pub fn senders(&self) -> Vec<sr25519::Public> {
        self.accounts.keys().copied().collect()
    }

    /// The nonce that the next extrinsic of `sender` should have, whose account stands at `nonce`.
    pub fn next_nonce(&self, sender: &sr25519::Public, nonce: u64) -> u64 {
        let account = self.accounts.get(sender);
        let mut next = nonce;
        while account.is_some_and(|account| account.entries.contains_key(&next)) {
            next = next.saturating_add(1);
        }
        next
    }

    /// Takes `candidate` in, whose sender stands so.
    pub fn insert(&mut self, candidate: Candidate, standing: Standing) -> Result<Place, Refusal> {
        if self.doors == Doors::Closed {
            return Err(Refusal::Stopping);
        }
        if self.meets(&candidate.hash, &candidate.origin) {
            return Err(Refusal::Known);
        }
        if candidate.coming == Coming::New {
            if self.is_refused(&candidate.hash, candidate.at) {
                return Err(Refusal::Refused);
            }
            let place = self.check(&candidate, standing)?;
            self.make_room(&candidate, place, standing.priority)?;
        }
        self.check_nonce(&candidate.demand, standing)?;
        let Demand { sender, nonce, .. } = candidate.demand;
        self.arrivals = self.arrivals.saturating_add(1);
        self.order.insert(self.arrivals, candidate.hash);
        self.known.insert(candidate.hash, (sender, nonce));
        self.bytes = self.bytes.saturating_add(candidate.bytes);
        let at = candidate.at;
        let entry = Entry {
            candidate,
            arrival: self.arrivals,
            unready_since: None,
        };
        let account = self.accounts.entry(sender).or_insert_with(|| Account {
            standing,
            entries: BTreeMap::new(),
        });
        account.standing = standing;
        account.entries.insert(nonce, Arc::new(entry));
        if account.behind_ready().0 > nonce {
            return Ok(Place::Ready);
        }
        if let Some(entry) = account.entries.get_mut(&nonce) {
            Arc::make_mut(entry).unready_since = Some(at);
        }
        Ok(Place::Waiting)
    }

    /// That its nonce is neither used up nor taken.
    fn check_nonce(&self, demand: &Demand, standing: Standing) -> Result<(), Refusal> {
        let Demand { sender, nonce, .. } = *demand;
        let next = standing.nonce;
        if nonce < next {
            return Err(Refusal::Stale { nonce, next });
        }
        match self.accounts.get(&sender) {
            Some(account) if account.entries.contains_key(&nonce) => {
                Err(Refusal::NonceTaken { nonce })
            }
            _ => Ok(()),
        }
    }

    /// Whether a new one may come in if there is room, and where it would be.
    fn check(&self, candidate: &Candidate, standing: Standing) -> Result<Place, Refusal> {
        self.check_nonce(&candidate.demand, standing)?;
        let Demand {
            sender,
            nonce,
            cost,
        } = candidate.demand;
        let next = standing.nonce;
        let most = self.limits.nonces_ahead;
        if nonce.saturating_sub(next) > most {
            return Err(Refusal::TooFarAhead { nonce, next, most });
        }
        let (behind, left) = match self.accounts.get(&sender) {
            Some(account) => account.behind_ready(),
            None => (next, standing.balance),
        };
        if nonce != behind {
            // What lies further behind may be paid by what comes in until then.
            return Ok(Place::Waiting);
        }
        if cost > left {
            return Err(Refusal::CannotPay { cost, left });
        }
        Ok(Place::Ready)
    }

    fn has_room(&self, bytes: usize) -> bool {
        self.len() < self.limits.count && self.bytes.saturating_add(bytes) <= self.limits.bytes
    }

    /// Pushes out what peers sent: of senders with a lower priority, and for one that is ready whatever only waits, since
    /// anybody can make any number of those. The last of a sender first, so that no gap comes.
    fn make_room(
        &mut self,
        candidate: &Candidate,
        place: Place,
        priority: u8,
    ) -> Result<(), Refusal> {
        while !self.has_room(candidate.bytes) {
            let last = self.accounts.iter().filter_map(|(sender, account)| {
                let (nonce, entry) = account.entries.last_key_value()?;
                if !matches!(entry.candidate.origin, Origin::Peer(_)) {
                    return None;
                }
                let theirs = account.standing.priority;
                let lower = theirs < priority && *sender != candidate.demand.sender;
                let waits = place == Place::Ready && account.behind_ready().0 <= *nonce;
                // Those that wait go first.
                (waits || lower).then_some(((!waits, theirs, Reverse(entry.arrival)), entry))
            });
            let victim = last
                .min_by_key(|(rank, _)| *rank)
                .map(|(_, entry)| entry.candidate.hash);
            let Some(victim) = victim else {
                return Err(Refusal::Full {
                    count: self.len(),
                    bytes: self.bytes,
                });
            };
            self.remove(&victim);
        }
        Ok(())
    }

    fn remove(&mut self, hash: &H256) {
        let Some((sender, nonce)) = self.known.remove(hash) else {
            return;
        };
        let Some(account) = self.accounts.get_mut(&sender) else {
            return;
        };
        if let Some(entry) = account.entries.remove(&nonce) {
            self.order.remove(&entry.arrival);
            self.bytes = self.bytes.saturating_sub(entry.candidate.bytes);
        }
        if account.entries.is_empty() {
            self.accounts.remove(&sender);
        }
    }

    /// `sender` stands so from now on. What it has used up goes.
    pub fn set_standing(&mut self, sender: &sr25519::Public, standing: Standing) {
        let Some(account) = self.accounts.get_mut(sender) else {
            return;
        };
        account.standing = standing;
        let used_up: Vec<H256> = account
            .entries
            .range(..standing.nonce)
            .map(|(_, entry)| entry.candidate.hash)
            .collect();
        for hash in used_up {
            self.remove(&hash);
        }
    }

    /// Notes what is ready at `now`, and removes what has not been for longer than the limit. Says how many that were.
    /// Made after every change of the chain.
    pub fn drop_unready(&mut self, now: MonoTime) -> usize {
        let most = self.limits.unready;
        let mut late = Vec::new();
        for account in self.accounts.values_mut() {
            let (behind, _) = account.behind_ready();
            for (nonce, entry) in &mut account.entries {
                let since = (*nonce >= behind).then(|| entry.unready_since.unwrap_or(now));
                if entry.unready_since != since {
                    Arc::make_mut(entry).unready_since = since;
                }
                if since.is_some_and(|since| now.since(since) > most) {
                    late.push(entry.candidate.hash);
                }
            }
        }
        for hash in &late {
            self.remove(hash);
        }
        late.len()
    }

    /// The runtime does not take it, although its sender could pay and it was its turn: it goes, and stays out until `until`.
    /// Says whether it was here.
    pub fn refuse(&mut self, hash: &H256, until: MonoTime) -> bool {
        if !self.contains(hash) {
            return false;
        }
        self.remove(hash);
        if self.refused.len() >= REFUSED_KEPT {
            let first = self.refused.iter().min_by_key(|(_, until)| **until);
            if let Some(first) = first.map(|(hash, _)| *hash) {
                self.refused.remove(&first);
            }
        }
        self.refused.insert(*hash, until);
        true
    }

    /// Takes everything out, the oldest first. Nothing comes in any more.
    pub fn close(&mut self) -> Vec<(Extrinsic, Origin)> {
        self.doors = Doors::Closed;
        let all = self.all();
        let taken = all.map(|entry| {
            let candidate = &entry.candidate;
            (candidate.extrinsic.clone(), candidate.origin.clone())
        });
        let taken = taken.collect();
        self.accounts.clear();
        self.known.clear();
        self.order.clear();
        self.bytes = 0;
        taken
    }

    /// Whether the runtime refused it not long ago.
    pub fn is_refused(&self, hash: &H256, now: MonoTime) -> bool {
        self.refused.get(hash).is_some_and(|until| now < *until)
    }

    /// All that may go into the next block, in the order in which it should: by priority, then by arrival, a sender's by
    /// nonce.
    pub fn ready(&self) -> Vec<Extrinsic> {
        let mut queues: Vec<Vec<&Arc<Entry>>> = Vec::new();
        let mut heads = BinaryHeap::new();
        for account in self.accounts.values() {
            // The next is the last, to be popped.
            let mut ready: Vec<_> = account.ready().collect();
            ready.reverse();
            if let Some(first) = ready.last() {
                let rank = (account.standing.priority, Reverse(first.arrival));
                heads.push((rank, queues.len()));
                queues.push(ready);
            }
        }
        let mut ordered = Vec::new();
        while let Some(((priority, _), index)) = heads.pop() {
            let Some(queue) = queues.get_mut(index) else {
                continue;
            };
            if let Some(entry) = queue.pop() {
                ordered.push(entry.candidate.extrinsic.clone());
            }
            if let Some(next) = queue.last() {
                heads.push(((priority, Reverse(next.arrival)), index));
            }
        }
        ordered
    }

    /// How many may go into the next block.
    pub fn ready_count(&self) -> usize {
        let accounts = self.accounts.values();
        accounts.map(|account| account.ready().count()).sum()
    }

    /// What arrived after `arrival`, the oldest first.
    pub fn after(&self, arrival: u64) -> impl Iterator<Item = &Entry> {
        let later = self.order.range(arrival.saturating_add(1)..);
        later.filter_map(|(_, hash)| {
            let (sender, nonce) = self.known.get(hash)?;
            let entry = self.accounts.get(sender)?.entries.get(nonce)?;
            Some(entry.as_ref())
        })
    }

    /// All, the oldest first.
    pub fn all(&self) -> impl Iterator<Item = &Entry> {
        self.after(0)
    }
}
