//! For how long chains of few hold us up in all.

use super::missing::Moment;
use std::time::Duration;

/// How long chains that no gate can have cleared have held us up, whatever came of them. On a fresh network whoever is faulty has any
/// number of past slots: it would keep everybody from authoring for months with a chain of its own that it deals out just quickly
/// enough. Where there are many authorities a few blocks to catch up with are such a chain, too; so what was long ago counts less. I/O-free.
#[derive(Debug, Default)]
pub(super) struct HoldUp {
    held: Duration,
    /// When one did last.
    last: Option<Moment>,
}

impl HoldUp {
    /// Such a chain holds us up now. Whether that makes so many slots in all, imports left out; of each as many slots one is forgiven. Then
    /// it begins anew.
    pub(super) fn is_too_long(&mut self, slots: u32, slot: Duration, now: Moment) -> bool {
        if let Some(last) = self.last {
            let passed = now.at.since(last.at);
            // Between two of its parts none holds us up for a moment.
            if passed < slot {
                self.held = self.held.saturating_add(last.elapsed(now));
            }
            let forgiven = passed.checked_div(slots).unwrap_or_default();
            self.held = self.held.saturating_sub(forgiven);
        }
        self.last = Some(now);
        let is_over = self.held >= slot.saturating_mul(slots);
        if is_over {
            self.held = Duration::ZERO;
        }
        is_over
    }
}
