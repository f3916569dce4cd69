//! Blocks that were asked for and did not come.

use crate::ports::PeerId;
use std::collections::BTreeMap;

/// How often a peer may say that it is busy until it counts as not having the blocks. Fewer: a loaded peer is given up early; more:
/// one that never delivers keeps others from being asked again for longer.
const BUSY_ANSWERS: u32 = 20;

/// How asking a peer for a block ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Try {
    /// Its answer was of no use: an attempt in the sense of `tier2_max_retries`.
    Failed,
    /// There was no answer: an attempt, too, and it may have been lost.
    Silent,
    /// The peer does not have it. An answer, not a failure.
    Lacks,
    /// It sent little, while somebody else may send all.
    Short,
    /// The peer is busy.
    Busy,
    /// The peer is being asked.
    Late,
}

/// Blocks in a row that are wanted, and who was asked for them in vain.
#[derive(Clone, Debug, Default)]
pub(super) struct Gap {
    /// Height of the first; set once it is under way.
    pub(super) start: u64,
    pub(super) count: u64,
    /// Attempts that failed.
    failures: u32,
    /// How asking each peer ended last, and how often it was asked.
    tried: BTreeMap<PeerId, (Try, u32)>,
}

impl Gap {
    pub(super) fn new(count: u64) -> Self {
        Self {
            count,
            ..Self::default()
        }
    }

    pub(super) fn from(self, start: u64) -> Self {
        Self { start, ..self }
    }

    pub(super) fn tried(&mut self, peer: PeerId, how: Try) {
        if matches!(how, Try::Failed | Try::Silent) {
            self.failures = self.failures.saturating_add(1);
        }
        let (last, times) = self.tried.entry(peer).or_insert((how, 0));
        *last = how;
        *times = times.saturating_add(1);
    }

    /// Whether `peer` may be asked: one that was only busy may be, once it is no longer, unless it is so again and again.
    pub(super) fn may_ask(&self, peer: &PeerId) -> bool {
        match self.tried.get(peer) {
            None => true,
            Some((Try::Busy, times)) => *times < BUSY_ANSWERS,
            Some(_) => false,
        }
    }

    /// Attempts that failed.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// Whoever was silent, or sent little, may be asked once more.
    pub(super) fn forgive(&mut self) {
        self.tried
            .retain(|_, (how, _)| !matches!(how, Try::Silent | Try::Short));
    }

    /// Whoever was silent and `is_worth_it` may be asked once more.
    pub(super) fn forgive_if(&mut self, is_worth_it: impl Fn(&PeerId) -> bool) {
        self.tried
            .retain(|peer, (how, _)| *how != Try::Silent || !is_worth_it(peer));
    }

    /// Peers that were asked.
    pub(super) fn asked(&self) -> usize {
        self.tried.len()
    }

    /// Peers that were busy.
    pub(super) fn busy(&self) -> usize {
        let how = self.tried.values();
        how.filter(|(how, _)| *how == Try::Busy).count()
    }

    /// The first `count` blocks, and the rest if there is one.
    pub(super) fn split(self, count: u64) -> (Self, Option<Self>) {
        let mut first = self;
        let rest = first.take_rest(count);
        first.count = first.count.min(count);
        (first, rest)
    }

    /// What is left above the first `count` blocks.
    pub(super) fn take_rest(&mut self, count: u64) -> Option<Self> {
        let left = self.count.checked_sub(count).filter(|left| *left > 0)?;
        Some(Self {
            start: self.start.saturating_add(count),
            count: left,
            failures: self.failures,
            tried: self.tried.clone(),
        })
    }
}

/// All gaps, by height.
#[derive(Debug, Default)]
pub(super) struct Gaps(BTreeMap<u64, Gap>);

impl Gaps {
    pub(super) fn put(&mut self, start: u64, gap: Gap) {
        self.0.insert(start, gap.from(start));
    }

    pub(super) fn remove(&mut self, start: u64) -> Option<Gap> {
        self.0.remove(&start)
    }

    pub(super) fn get_mut(&mut self, start: u64) -> Option<&mut Gap> {
        self.0.get_mut(&start)
    }

    /// The lowest one that starts at `height` or above.
    pub(super) fn at_or_above(&self, height: u64) -> Option<(u64, &Gap)> {
        let (start, gap) = self.0.range(height..).next()?;
        Some((*start, gap))
    }

    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Gap)> {
        self.0.iter().map(|(start, gap)| (*start, gap))
    }
}
