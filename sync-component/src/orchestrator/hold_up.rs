//! For how long chains of few hold us up in all.

use super::missing::Moment;
use crate::ports::MonoTime;
use std::time::Duration;

/// For so many rounds of slots, as long as its author is suspect then. Lower: an author that was forced loses a chain that comes over a slow
/// line; higher: one that is faulty costs everybody more slots.
const ROUNDS: u32 = 4;

/// How long chains of few have held us up, whatever came of them. On a fresh network whoever is faulty has any number of past slots: it would
/// keep everybody from authoring for months with a chain of its own that it deals out just quickly enough. I/O-free.
#[derive(Debug, Default)]
pub(super) struct HoldUp {
    held: Duration,
    /// When one did last.
    last: Option<Moment>,
    /// When it was last said to be too long.
    told: Option<MonoTime>,
}

impl HoldUp {
    /// That one holds us up until now is our own fault.
    pub(super) fn excuse(&mut self, now: Moment) {
        self.last = self.last.and(Some(now));
    }

    /// Such a chain holds us up now. Whether that makes [`ROUNDS`] times a `round` of slots in all, imports left out; then it is said again in
    /// each slot. Of each so many rounds a slot is forgiven.
    pub(super) fn is_too_long(&mut self, round: Duration, slot: Duration, now: Moment) -> bool {
        let longest = round.saturating_mul(ROUNDS);
        if let Some(last) = self.last {
            let passed = now.at.since(last.at);
            let forgiven = slot.mul_f64(passed.div_duration_f64(longest));
            self.held = self.held.saturating_sub(forgiven);
            // Whoever went ahead waits for the others until its next turn.
            if passed <= round {
                self.held = self.held.saturating_add(last.elapsed(now)).min(longest);
            }
        }
        self.last = Some(now);
        let is_told = self.told.is_some_and(|told| now.at.since(told) < slot);
        let is_due = self.held >= longest && !is_told;
        if is_due {
            self.told = Some(now.at);
        }
        is_due
    }
}
