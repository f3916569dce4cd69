use crate::{
    ports::{MonoTime, UnixMillis},
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
    /// Whether an attestation made in `slot` counts at `now`.
    pub fn holds(&self, slot: u64, now: UnixMillis) -> bool {
        now.0 >= self.begins(slot) && now.0 < self.ends(slot)
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
    /// It does not count now: its slot is over, or has not begun.
    OutOfTime,
    /// Nobody who signs blocks now signed it.
    NoAuthority,
    /// Its counter is that of the one held, and it says something else: if its signature holds, the authority signed both.
    Contradicts(Box<Attestation<B>>),
}

/// The newest attestation held of each authority. Holds at most one for each authority of the present set.
#[derive(Debug)]
pub struct AttestationBook<B: BlockT> {
    newest: BTreeMap<sr25519::Public, Held<B>>,
}

#[derive(Debug)]
struct Held<B: BlockT> {
    attestation: Attestation<B>,
    heard: MonoTime,
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
        if !validity.holds(attestation.tip.slot, now) {
            return Intake::OutOfTime;
        }
        let Some(held) = self.newest.get(&attestation.authority) else {
            return Intake::New;
        };
        let (counter, held_counter) = (attestation.tip.counter, held.attestation.tip.counter);
        if counter > held_counter {
            Intake::New
        } else if counter < held_counter || attestation.tip == held.attestation.tip {
            Intake::Known
        } else {
            Intake::Contradicts(Box::new(held.attestation.clone()))
        }
    }

    /// Keeps a genuine attestation that is newer than what is held.
    pub fn insert(&mut self, attestation: Attestation<B>, heard: MonoTime) {
        self.newest.insert(
            attestation.authority,
            Held {
                attestation,
                heard,
                standing: Standing::Counts,
            },
        );
    }

    /// The one held of this authority is contradicted by another with the same counter: neither counts.
    pub fn contradict(&mut self, authority: &sr25519::Public) {
        if let Some(held) = self.newest.get_mut(authority) {
            held.standing = Standing::Contradicted;
        }
    }

    /// Forgets those who sign blocks no more.
    pub fn keep_only(&mut self, authorities: &BTreeSet<sr25519::Public>) {
        self.newest
            .retain(|authority, _| authorities.contains(authority));
    }

    /// The attestations that count at `now`, each with the moment at which it arrived, in the order of the authorities.
    pub fn counting(
        &self,
        validity: Validity,
        now: UnixMillis,
    ) -> impl Iterator<Item = (&Attestation<B>, MonoTime)> {
        self.newest
            .values()
            .filter(move |held| {
                held.standing == Standing::Counts && validity.holds(held.attestation.tip.slot, now)
            })
            .map(|held| (&held.attestation, held.heard))
    }

    /// When the first of those that count at `now` stops counting.
    pub fn next_end(&self, validity: Validity, now: UnixMillis) -> Option<UnixMillis> {
        let ends = self
            .counting(validity, now)
            .map(|(attestation, _)| validity.ends(attestation.tip.slot));
        ends.min().map(UnixMillis)
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
}
