//! For how long chains of few hold us up in all.

use super::missing::Moment;
use crate::ports::MonoTime;
use std::time::Duration;

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

    /// Such a chain holds us up now. Whether that makes four times a `round` of slots in all, imports left out; then it is said again in each slot.
    /// Of each four rounds a slot is forgiven.
    pub(super) fn is_too_long(&mut self, round: Duration, slot: Duration, now: Moment) -> bool {
        let longest = round.saturating_mul(4);
        if let Some(last) = self.last {
            let passed = now.at.since(last.at);
            // Whoever went ahead waits for the others until its next turn.
            if passed <= round {
                self.held = self.held.saturating_add(last.elapsed(now)).min(longest);
            }
            let forgiven = passed.div_duration_f64(longest);
            self.held = self.held.saturating_sub(slot.mul_f64(forgiven));
        }
        self.last = Some(now);
        let is_over = self.held + slot >= longest;
        let is_told = self.told.is_some_and(|told| now.at.since(told) < slot);
        if is_over && !is_told {
            self.told = Some(now.at);
        }
        is_over && !is_told
    }
}
