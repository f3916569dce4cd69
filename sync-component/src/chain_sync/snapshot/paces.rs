use crate::ports::{MonoTime, PeerId};
use std::{collections::BTreeMap, time::Duration};

/// For how long a pace is believed, in the time that it took to show it. Lower: slow sources are tried more often; higher: one that
/// was slow for a moment is left alone for longer.
const BELIEVED_FOR: u32 = 8;

/// How many times slower than the fastest one a source is left alone for longer and longer.
const MUCH_SLOWER: u128 = 4;

/// Most doublings of that time: a little more than a day after an answer that took 10 s.
const MOST_DOUBLINGS: u32 = 10;

/// How fast each source gave entries of the state when it was asked last. No I/O.
///
/// What counts are whole entries in the time until they were stored or given up, pauses included: neither many small pieces nor late
/// ones nor many words of being busy look fast. Every source is tried, again after a while; else the fastest is asked. So one that
/// is slow on purpose costs a part of the time that shrinks, whatever it claims of its chain.
#[derive(Debug, Default)]
pub(super) struct Paces(BTreeMap<PeerId, Pace>);

#[derive(Clone, Copy, Debug)]
struct Pace {
    nanos_per_entry: u128,
    asked: MonoTime,
    believed_until: MonoTime,
    /// How often in a row it was much slower than the fastest.
    slow: u32,
}

/// The place of a source in the order in which they are asked; the lowest is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// Nobody knows how fast it is by now. Whoever was never asked comes first, then whoever has waited longest, or those in the
    /// front would be tried again before those behind them are tried at all.
    Untried {
        /// When it was asked last.
        asked: Option<MonoTime>,
    },
    /// It takes so many nanoseconds for an entry.
    Takes(u128),
}

impl Paces {
    /// `peer` gave so many entries in that time, which has just ended.
    pub(super) fn note(&mut self, peer: &PeerId, entries: u64, took: Duration, now: MonoTime) {
        let nanos_per_entry = took.as_nanos().checked_div(entries.into());
        let nanos_per_entry = nanos_per_entry.unwrap_or(u128::MAX);
        let others = self.0.iter().filter(|(other, _)| *other != peer);
        let fastest = others.map(|(_, pace)| pace.nanos_per_entry).min();
        let is_slow =
            fastest.is_some_and(|fastest| nanos_per_entry > fastest.saturating_mul(MUCH_SLOWER));
        let before = self.0.get(peer).map_or(0, |pace| pace.slow);
        let slow = if is_slow { before + 1 } else { 0 };
        let factor = BELIEVED_FOR << slow.min(MOST_DOUBLINGS);
        let pace = Pace {
            nanos_per_entry,
            asked: now,
            believed_until: now.plus(took.saturating_mul(factor)),
            slow,
        };
        self.0.insert(peer.clone(), pace);
    }

    /// Where `peer` stands now.
    pub(super) fn place(&self, peer: &PeerId, now: MonoTime) -> Place {
        match self.0.get(peer) {
            Some(pace) if now < pace.believed_until => Place::Takes(pace.nanos_per_entry),
            pace => Place::Untried {
                asked: pace.map(|pace| pace.asked),
            },
        }
    }
}
