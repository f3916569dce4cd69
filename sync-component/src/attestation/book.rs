use crate::{
    ports::{MonoTime, UnixMillis},
    settings::SyncSettings,
    wire::Attestation,
};
use sp_consensus_aura::SlotDuration;
use sp_core::sr25519;
use sp_runtime::traits::Block as BlockT;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// When an attestation counts: from its slot's start − `drift_ms`, for `attestation_slots` slots.
#[derive(Clone, Copy, Debug)]
pub struct Validity {
    /// Length of a slot.
    pub slot: SlotDuration,
    /// `attestation_slots`.
    pub slots: u64,
    /// `drift_ms`.
    pub drift: Duration,
}

impl Validity {
    /// As the chain's settings say, where slots are so long.
    pub fn of(settings: &SyncSettings, slot: SlotDuration) -> Self {
        Self {
            slot,
            slots: settings.attestation_slots.0.get().into(),
            drift: settings.limits.drift,
        }
    }

    /// Whether an attestation made in `slot` counts at `now`.
    pub fn holds(&self, slot: u64, now: UnixMillis) -> bool {
        now.0 >= self.begins(slot) && now.0 < self.ends(slot)
    }

    /// Whether `slot` has not begun at `now`, for a clock that runs as well as ours.
    pub fn is_early(&self, slot: u64, now: UnixMillis) -> bool {
        now.0 < self.begins(slot)
    }

    /// For how long an attestation made in `slot` goes on counting after `now`.
    pub fn left(&self, slot: u64, now: UnixMillis) -> Duration {
        Duration::from_millis(self.ends(slot).saturating_sub(now.0))
    }

    fn begins(&self, slot: u64) -> u64 {
        let drift = u64::try_from(self.drift.as_millis()).unwrap_or(u64::MAX);
        slot.saturating_mul(self.slot.as_millis())
            .saturating_sub(drift)
    }

    /// The first moment at which an attestation made in `slot` counts no more.
    fn ends(&self, slot: u64) -> u64 {
        slot.saturating_add(self.slots)
            .saturating_mul(self.slot.as_millis())
    }
}

/// What to do with an attestation that arrived, before its signature is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intake<B: BlockT> {
    /// Newer than what is held of its authority: check the signature, then [`AttestationBook::insert`].
    New,
    /// Held already, or older than what is held.
    Known,
    /// Its slot has not begun, and it is the newest such one: if its signature holds, [`AttestationBook::insert_early`]. One
    /// of the two clocks is wrong.
    Early,
    /// It does not count now: its slot is over, or has not begun and that is known of its authority.
    OutOfTime,
    /// Nobody who signs blocks now signed it.
    NoAuthority,
    /// As many of its authority and slot were taken as may be.
    TooMany,
    /// Its counter is that of the one held, and it says something else: if its signature holds, the authority signed both.
    Contradicts(Box<Attestation<B>>),
}

/// Whether a contradiction is news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contradiction {
    /// Until now the one held counted.
    First,
    /// It did not count any more.
    Known,
}

/// The newest attestation held of each authority. Holds at most one for each authority of the present set.
#[derive(Debug)]
pub struct AttestationBook<B: BlockT> {
    newest: BTreeMap<sr25519::Public, Held<B>>,
    /// The newest slot that each authority signed before it had begun here, until it signs one that has.
    early: BTreeMap<sr25519::Public, Early>,
    /// How many of each authority were taken in, for each slot that may count.
    taken: BTreeMap<sr25519::Public, BTreeMap<u64, u32>>,
}

/// So many attestations of one authority for one slot are taken in, and passed on. Fewer: an honest one that changes its tip often
/// in a slot is not heard in the end; more: a single key uses up what each peer may announce (`announcements_per_slot`), with
/// it the honest authorities' share.
pub(crate) const ATTESTATIONS_PER_SLOT: u32 = 8;

/// For so many slots it is remembered how many were taken.
pub(crate) const REMEMBERED_SLOTS: usize = 16;

/// What an authority signed of a slot that had not begun here.
#[derive(Clone, Copy, Debug)]
struct Early {
    slot: u64,
    counter: u64,
}

#[derive(Debug)]
struct Held<B: BlockT> {
    attestation: Attestation<B>,
    heard: MonoTime,
    /// From then on it does not count, whatever our clock shows: one that is set back must not bring old votes back.
    until: MonoTime,
    standing: Standing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Counts,
    /// Its authority signed another with this counter: neither counts.
    Contradicted,
}

impl<B: BlockT> Default for AttestationBook<B> {
    fn default() -> Self {
        Self {
            newest: BTreeMap::new(),
            early: BTreeMap::new(),
            taken: BTreeMap::new(),
        }
    }
}

impl<B: BlockT> AttestationBook<B> {
    /// What to do with `attestation`, which arrived at `now`, while `authorities` may seal.
    pub fn intake(
        &self,
        attestation: &Attestation<B>,
        authorities: &BTreeSet<sr25519::Public>,
        validity: Validity,
        now: UnixMillis,
    ) -> Intake<B> {
        if !authorities.contains(&attestation.authority) {
            return Intake::NoAuthority;
        }
        let slot = attestation.tip.slot;
        if validity.is_early(slot, now) {
            let known = self.early.get(&attestation.authority);
            return if known.is_none_or(|known| known.slot < slot) {
                Intake::Early
            } else {
                Intake::OutOfTime
            };
        }
        if !validity.holds(slot, now) {
            return Intake::OutOfTime;
        }
        let Some(held) = self.newest.get(&attestation.authority) else {
            return Intake::New;
        };
        let (counter, held_counter) = (attestation.tip.counter, held.attestation.tip.counter);
        if counter > held_counter {
            let of_slot = self.taken.get(&attestation.authority);
            let taken = of_slot.and_then(|of_slot| of_slot.get(&slot));
            if taken.is_some_and(|taken| *taken >= ATTESTATIONS_PER_SLOT) {
                Intake::TooMany
            } else {
                Intake::New
            }
        } else if counter < held_counter || attestation.tip == held.attestation.tip {
            Intake::Known
        } else {
            Intake::Contradicts(Box::new(held.attestation.clone()))
        }
    }

    /// Keeps a genuine attestation that is newer than what is held, and counts for `left` from when it was `heard`
    /// ([`Validity::left`]).
    pub fn insert(&mut self, attestation: Attestation<B>, heard: MonoTime, left: Duration) {
        let slot = attestation.tip.slot;
        let counter = attestation.tip.counter;
        // It signed this one later: one of the two clocks was set since.
        if let Some(early) = self.early.get(&attestation.authority)
            && early.counter < counter
        {
            self.early.remove(&attestation.authority);
        }
        let of_slot = self.taken.entry(attestation.authority).or_default();
        *of_slot.entry(slot).or_insert(0) += 1;
        // No more slots than attestations of one moment may name.
        while of_slot.len() > REMEMBERED_SLOTS {
            of_slot.pop_first();
        }
        self.newest.insert(
            attestation.authority,
            Held {
                attestation,
                heard,
                until: heard.plus(left),
                standing: Standing::Counts,
            },
        );
    }

    /// Keeps that a genuine attestation is of a slot that has not begun here.
    pub fn insert_early(&mut self, attestation: &Attestation<B>) {
        let early = Early {
            slot: attestation.tip.slot,
            counter: attestation.tip.counter,
        };
        self.early.insert(attestation.authority, early);
    }

    /// How many authorities but `own` have signed a slot that has not begun at `now`.
    pub fn ahead_of(&self, own: &[sr25519::Public], validity: Validity, now: UnixMillis) -> usize {
        let early = self.early.iter();
        let early = early.filter(|(authority, early)| {
            !own.contains(authority) && validity.is_early(early.slot, now)
        });
        early.count()
    }

    /// The one held of this authority is contradicted by another with the same counter: neither counts.
    pub fn contradict(&mut self, authority: &sr25519::Public) -> Contradiction {
        match self.newest.get_mut(authority) {
            Some(held) if held.standing == Standing::Counts => {
                held.standing = Standing::Contradicted;
                Contradiction::First
            }
            _ => Contradiction::Known,
        }
    }

    /// Forgets those who sign blocks no more.
    pub fn keep_only(&mut self, authorities: &BTreeSet<sr25519::Public>) {
        self.newest
            .retain(|authority, _| authorities.contains(authority));
        self.early
            .retain(|authority, _| authorities.contains(authority));
        self.taken
            .retain(|authority, _| authorities.contains(authority));
    }

    /// The attestations that count at `now`, which is `wall` by our clock, each with the moment at which it arrived, in the order of the
    /// authorities.
    pub fn counting(
        &self,
        validity: Validity,
        wall: UnixMillis,
        now: MonoTime,
    ) -> impl Iterator<Item = (&Attestation<B>, MonoTime)> {
        self.held_counting(validity, wall, now)
            .map(|held| (&held.attestation, held.heard))
    }

    /// For how long all of those that count at `now` go on counting; nothing where none does.
    pub fn good_for(&self, validity: Validity, wall: UnixMillis, now: MonoTime) -> Duration {
        let left = self.held_counting(validity, wall, now).map(|held| {
            let by_our_clock = validity.left(held.attestation.tip.slot, wall);
            // Our clock shows whole milliseconds, and a part of the next one has passed.
            let by_our_clock = by_our_clock.saturating_sub(Duration::from_millis(1));
            by_our_clock.min(held.until.since(now))
        });
        left.min().unwrap_or_default()
    }

    fn held_counting(
        &self,
        validity: Validity,
        wall: UnixMillis,
        now: MonoTime,
    ) -> impl Iterator<Item = &Held<B>> {
        self.newest.values().filter(move |held| {
            held.standing == Standing::Counts
                && now < held.until
                && validity.holds(held.attestation.tip.slot, wall)
        })
    }

    /// Those held that no other one contradicts, whether they still count or not: for a round in which all that counted when it
    /// arrived is counted.
    pub fn uncontradicted(&self) -> impl Iterator<Item = &Attestation<B>> {
        let held = self.newest.values();
        let held = held.filter(|held| held.standing == Standing::Counts);
        held.map(|held| &held.attestation)
    }

    /// Everything held, for peers that ask.
    pub fn all(&self) -> Vec<Attestation<B>> {
        self.newest
            .values()
            .map(|held| held.attestation.clone())
            .collect()
    }

    /// How many are held.
    pub fn len(&self) -> usize {
        self.newest.len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.newest.is_empty()
    }

    /// Attestations held, authorities that signed slots to come, slots of which it is remembered how many were taken.
    #[cfg(feature = "test-kit")]
    pub(crate) fn footprint(&self) -> (usize, usize, usize) {
        let taken = self.taken.values().map(BTreeMap::len).sum();
        (self.newest.len(), self.early.len(), taken)
    }
}
