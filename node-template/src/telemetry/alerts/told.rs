use super::AlertKind;
use std::{collections::BTreeMap, time::Duration};
use sync_component::{observer::HoldKind, ports::MonoTime};

/// How often the same is logged and told.
const EVERY: Duration = Duration::from_mins(1);

/// Most lines of one kind within that time. Too low: a second fork hides behind the first; too high: somebody who makes
/// many things happen fills the log.
const LINES: usize = 5;

/// The class of an alert.
type Kind = (AlertKind, Option<HoldKind>);

/// What was told within the last minute.
#[derive(Debug, Default)]
pub(super) struct Told(BTreeMap<Kind, OfKind>);

#[derive(Debug, Default)]
struct OfKind {
    /// At most [`LINES`].
    lines: Vec<Line>,
    /// How often one was held back that has no line any more.
    held_back: u64,
}

#[derive(Debug)]
struct Line {
    about: String,
    at: MonoTime,
    held_back: u64,
}

impl Told {
    /// Whether a line about this may be told `now`: with the number of those of its kind that were held back for it.
    pub(super) fn pass(&mut self, kind: Kind, about: String, now: MonoTime) -> Option<u64> {
        self.0.entry(kind).or_default().pass(about, now)
    }
}

impl OfKind {
    fn pass(&mut self, about: String, now: MonoTime) -> Option<u64> {
        let is_recent = |line: &Line| now.since(line.at) < EVERY;
        for old in self.lines.extract_if(.., |line| !is_recent(line)) {
            self.held_back = self.held_back.saturating_add(old.held_back);
        }
        if let Some(same) = self.lines.iter_mut().find(|line| line.about == about) {
            same.held_back = same.held_back.saturating_add(1);
            return None;
        }
        if self.lines.len() >= LINES {
            self.held_back = self.held_back.saturating_add(1);
            return None;
        }
        self.lines.push(Line {
            about,
            at: now,
            held_back: 0,
        });
        Some(std::mem::take(&mut self.held_back))
    }
}
