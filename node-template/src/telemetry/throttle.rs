use std::{collections::BTreeMap, time::Duration};
use sync_component::ports::MonoTime;

/// Lets one line of each kind through per period, and counts the others. `K` is a type with few values: each that was
/// ever seen is kept.
#[derive(Clone, Debug)]
pub struct Throttle<K> {
    period: Duration,
    kinds: BTreeMap<K, Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    last: MonoTime,
    held_back: u64,
}

impl<K: Copy + Ord> Throttle<K> {
    /// One line per kind and `period`.
    pub fn new(period: Duration) -> Self {
        Self {
            period,
            kinds: BTreeMap::new(),
        }
    }

    /// Whether a line of `kind` may be written `now`: with the number of those held back since the last one.
    pub fn pass(&mut self, kind: K, now: MonoTime) -> Option<u64> {
        let Some(entry) = self.kinds.get_mut(&kind) else {
            let first = Entry {
                last: now,
                held_back: 0,
            };
            self.kinds.insert(kind, first);
            return Some(0);
        };
        if now.since(entry.last) < self.period {
            entry.held_back = entry.held_back.saturating_add(1);
            return None;
        }
        entry.last = now;
        Some(std::mem::take(&mut entry.held_back))
    }
}

/// ` (and 3 more times since the last such line)`, or nothing.
pub(super) struct More(pub(super) u64);

impl std::fmt::Display for More {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            0 => Ok(()),
            1 => f.write_str(" (and once more since the last such line)"),
            times => write!(f, " (and {times} more times since the last such line)"),
        }
    }
}
