//! For how long chains of few hold us up in all.

use super::missing::Moment;
use crate::ports::MonoTime;
use std::time::Duration;

/// How long chains that no gate can have cleared have held us up, whatever came of them. On a fresh network whoever is faulty has any
/// number of past slots: it would keep everybody from authoring for months with a chain of its own that it deals out just quickly
/// enough. I/O-free.
#[derive(Debug, Default)]
pub(super) struct HoldUp {
    /// When it began, and when one did last.
    spell: Option<(Moment, MonoTime)>,
}

impl HoldUp {
    /// Such a chain holds us up now. Whether one did for `longest`, imports left out; a shorter interruption does not count. Then it begins
    /// anew.
    pub(super) fn is_too_long(&mut self, longest: Duration, now: Moment) -> bool {
        let goes_on = self.spell.filter(|(_, last)| now.at.since(*last) < longest);
        let began = goes_on.map_or(now, |(began, _)| began);
        let is_over = began.elapsed(now) >= longest;
        self.spell = (!is_over).then_some((began, now.at));
        is_over
    }
}
