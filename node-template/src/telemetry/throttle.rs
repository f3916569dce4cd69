use std::{collections::BTreeMap, time::Duration};
use sync_component::ports::MonoTime;

/// Lets one line of each kind through per period, and counts the others. Kinds are names of the program's own, so there
/// are few.
#[derive(Clone, Debug)]
pub struct Throttle {
    period: Duration,
    kinds: BTreeMap<&'static str, Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    last: MonoTime,
    held_back: u64,
}

impl Throttle {
    /// One line per kind and `period`.
    pub fn new(period: Duration) -> Self {
        Self {
            period,
            kinds: BTreeMap::new(),
        }
    }

    /// Whether a line of `kind` may be written `now`: with the number of those held back since the last one.
    pub fn pass(&mut self, kind: &'static str, now: MonoTime) -> Option<u64> {
        let Some(entry) = self.kinds.get_mut(kind) else {
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
