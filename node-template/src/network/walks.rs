use std::time::Duration;
use tokio::time::Instant;

/// The first pause between two walks. Too low: the first answers are not in yet; too high: a new node is alone for long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause. Too low: needless requests in a settled network; too high: its new nodes are found late.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// When to look for more peers: again and again, in pauses that double. Plain data; the time is handed in.
#[derive(Debug)]
pub(super) struct Walks {
    next: Instant,
    pause: Duration,
}

impl Walks {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            next: now + FIRST_PAUSE,
            pause: FIRST_PAUSE,
        }
    }

    /// When the next one is due.
    pub(super) fn next_due(&self) -> Instant {
        self.next
    }

    /// One was due, and was made or was not needed.
    pub(super) fn taken(&mut self, now: Instant) {
        self.pause = self.pause.saturating_mul(2).min(LONGEST_PAUSE);
        self.next = now + self.pause;
    }
}
