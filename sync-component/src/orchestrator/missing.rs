//! Which blocks of verified tips are asked for and do not come: one clock for each, whatever becomes of sessions.

use crate::{block_id::BlockId, block_sync::Backoff, headers::VerifiedTip, ports::MonoTime};
use sp_runtime::traits::Block as BlockT;
use std::{collections::BTreeMap, time::Duration};

/// The first missing block of each verified tip that was asked for, until it is stored. I/O-free.
#[derive(Debug)]
pub(super) struct MissingBlocks<B: BlockT> {
    blocks: BTreeMap<BlockId<B>, Missing<B>>,
    /// What the last part of a chain had cost that was worth little: the part above it begins with that.
    owed: Option<Owed<B>>,
}

/// How much later something came than it was worth.
#[derive(Debug)]
struct Owed<B: BlockT> {
    time: Duration,
    /// Our best block then, the end of what came.
    end: BlockId<B>,
    since: MonoTime,
}

#[derive(Debug)]
struct Missing<B: BlockT> {
    /// When it was asked for first.
    asked: Moment,
    /// Since when no block of its tip arrived that had not before.
    quiet: Moment,
    clock: Clock,
    worth: Worth,
    /// The highest block of its tip that arrived.
    reached: Option<u64>,
    /// Tips above it that were called withheld, and when.
    told: Vec<(BlockId<B>, MonoTime)>,
    pauses: Backoff,
    not_before: MonoTime,
}

impl<B: BlockT> Missing<B> {
    /// Blocks from `first`, the missing one, up to this height are there. The same ones may be delivered again and again.
    fn reach(&mut self, first: &BlockId<B>, height: u64, at: Moment) {
        let known = self.reached.unwrap_or(first.height().saturating_sub(1));
        let new = height.saturating_sub(known);
        if new == 0 {
            return;
        }
        self.reached = Some(height);
        self.quiet = match self.worth {
            Worth::AllTime => at,
            Worth::Each(time) => self.quiet.later(time, new).min(at),
        };
    }
}

/// Whether a block is being asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clock {
    Runs,
    /// Nobody asks for it for now. By then it had been missing for so long, which counts once it is asked for again.
    Stands {
        missing_for: Duration,
    },
}

/// A moment, and for how long imports had run then: while what arrived is imported, nothing is withheld.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) at: MonoTime,
    pub(super) imported_for: Duration,
}

/// For how long a block that arrives shows that those after it are not withheld.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worth {
    /// Until the next one is due.
    AllTime,
    /// For so long.
    Each(Duration),
}

impl Moment {
    /// So many times as much later.
    fn later(self, time: Duration, times: u64) -> Self {
        let times = u32::try_from(times).unwrap_or(u32::MAX);
        let at = self.at.plus(time.saturating_mul(times));
        Self { at, ..self }
    }

    /// So much earlier.
    fn earlier(self, time: Duration) -> Self {
        let at = MonoTime(self.at.0.saturating_sub(time));
        Self { at, ..self }
    }

    /// The earlier of the two.
    fn min(self, other: Self) -> Self {
        if self.at < other.at { self } else { other }
    }

    /// How long ago, imports left out.
    pub(super) fn elapsed(self, now: Self) -> Duration {
        let importing = now.imported_for.saturating_sub(self.imported_for);
        now.at.since(self.at).saturating_sub(importing)
    }
}

/// For how long a first missing block may stay away.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// A slot's share.
    pub(super) share: Duration,
    /// So much more if a peer was busy, once: whoever is busy for longer withholds it as well.
    pub(super) busy: Duration,
}

impl<B: BlockT> MissingBlocks<B> {
    pub(super) fn new() -> Self {
        Self {
            blocks: BTreeMap::new(),
            owed: None,
        }
    }

    /// Forgets those that are stored, or whose tips are held no more. The chain goes up to `best` now.
    pub(super) fn keep(
        &mut self,
        best: BlockId<B>,
        now: Moment,
        is_missing: impl Fn(&BlockId<B>) -> bool,
    ) {
        let owed = &mut self.owed;
        self.blocks.retain(|block, missing| {
            let stays = is_missing(block);
            if !stays && missing.worth != Worth::AllTime {
                // What came and was stored at once.
                missing.reach(block, best.height(), now);
                *owed = Some(Owed {
                    time: missing.quiet.elapsed(now),
                    end: best,
                    since: now.at,
                });
            }
            stays
        });
    }

    /// The first block of `run` is being asked for, or cannot be because nobody has it. `memory`: for how long it is remembered
    /// how late others came that were worth as little.
    pub(super) fn asked(
        &mut self,
        run: &VerifiedTip<B>,
        worth: Worth,
        memory: Duration,
        now: Moment,
        pauses: impl FnOnce() -> Backoff,
    ) {
        let owed = self.owed.as_ref().filter(|owed| {
            worth != Worth::AllTime && owed.end == run.base && now.at.since(owed.since) < memory
        });
        let owed = owed.map_or(Duration::ZERO, |owed| owed.time);
        let entry = self.blocks.entry(first(run));
        // The run may have grown since, or another part of it may be taken.
        let entry = entry.and_modify(|missing| {
            missing.worth = worth;
            if let Clock::Stands { missing_for } = missing.clock {
                (missing.clock, missing.quiet) = (Clock::Runs, now.earlier(missing_for));
            }
        });
        entry.or_insert_with(|| Missing {
            asked: now,
            quiet: now.earlier(owed),
            clock: Clock::Runs,
            worth,
            reached: None,
            told: Vec::new(),
            pauses: pauses(),
            not_before: now.at,
        });
    }

    /// Nobody is to ask for the first block of `run` until it is asked for again: meanwhile it is not withheld.
    pub(super) fn put_off(&mut self, run: &VerifiedTip<B>) {
        if let Some(missing) = self.blocks.get_mut(&first(run)) {
            missing.clock = Clock::Stands {
                missing_for: Duration::ZERO,
            };
        }
    }

    /// Nobody asks for the first block of `run` any more, because another author's chain is fetched: meanwhile it is not withheld, but
    /// nothing that was is forgiven.
    pub(super) fn withdrawn(&mut self, run: &VerifiedTip<B>, now: Moment) {
        if let Some(missing) = self.blocks.get_mut(&first(run))
            && missing.clock == Clock::Runs
        {
            missing.clock = Clock::Stands {
                missing_for: missing.quiet.elapsed(now),
            };
        }
    }

    /// `block` arrived, which may be of `run`.
    pub(super) fn arrived(&mut self, run: &VerifiedTip<B>, block: &BlockId<B>, at: Moment) {
        let first = first(run);
        if run.contains(block)
            && let Some(missing) = self.blocks.get_mut(&first)
        {
            missing.reach(&first, block.height(), at);
        }
    }

    /// Whether the blocks of `run` are withheld, and that is to be told: not more often than once in a share.
    pub(super) fn is_withheld(
        &mut self,
        run: &VerifiedTip<B>,
        last_busy: Option<MonoTime>,
        patience: Patience,
        now: Moment,
    ) -> bool {
        let Some(missing) = self.blocks.get_mut(&first(run)) else {
            return false;
        };
        if missing.clock != Clock::Runs {
            return false;
        }
        let is_busy = last_busy.is_some_and(|busy| busy >= missing.quiet.at);
        let more = if is_busy {
            patience.busy
        } else {
            Duration::ZERO
        };
        if missing.quiet.elapsed(now) < patience.share.saturating_add(more) {
            return false;
        }
        missing
            .told
            .retain(|(_, told)| now.at.since(*told) < patience.share);
        let is_told = missing.told.iter().any(|(tip, _)| *tip == run.tip());
        if !is_told {
            missing.told.push((run.tip(), now.at));
        }
        !is_told
    }

    /// When the first block of `run` was asked for first.
    pub(super) fn asked_since(&self, run: &VerifiedTip<B>) -> Option<MonoTime> {
        Some(self.blocks.get(&first(run))?.asked.at)
    }

    /// A session for `run` failed: the next one waits, longer each time, but not more than `longest`: whoever has it may come
    /// back at any moment.
    pub(super) fn failed(&mut self, run: &VerifiedTip<B>, longest: Duration, now: MonoTime) {
        if let Some(missing) = self.blocks.get_mut(&first(run)) {
            missing.not_before = now.plus(missing.pauses.failed().min(longest));
        }
    }

    /// That nothing came until now is our own fault: all clocks start over.
    pub(super) fn excuse(&mut self, now: Moment) {
        for missing in self.blocks.values_mut() {
            missing.quiet = now;
            if let Clock::Stands { missing_for } = &mut missing.clock {
                *missing_for = Duration::ZERO;
            }
        }
    }

    /// Whether a session for `run` may start now.
    pub(super) fn may_start(&self, run: &VerifiedTip<B>, now: MonoTime) -> bool {
        self.blocks
            .get(&first(run))
            .is_none_or(|missing| missing.not_before <= now)
    }
}

#[cfg(feature = "test-kit")]
impl<B: BlockT> MissingBlocks<B> {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.blocks.len()
    }
}

/// The first missing block of a run: a run begins above what is stored.
fn first<B: BlockT>(run: &VerifiedTip<B>) -> BlockId<B> {
    *run.ids().first().expect("a run is never empty")
}
