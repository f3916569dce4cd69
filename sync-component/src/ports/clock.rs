use async_trait::async_trait;
use std::{fmt, time::Duration};

/// Wall-clock time in milliseconds since the Unix epoch: decides slots, never ages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMillis(pub u64);

impl UnixMillis {
    /// This time plus `by`; saturates.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(by))
    }
}

/// Time since an arbitrary start that never goes back: decides ages and time-outs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonoTime(pub Duration);

impl MonoTime {
    /// Time from `earlier` to `self`; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// This time plus `by`; saturates.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by))
    }
}

/// The only source of time of the component, so that a simulation can own it.
#[async_trait]
pub trait Clock: fmt::Debug + Send + Sync {
    /// Wall-clock time. May jump either way; whoever compares it with slots has to bear that.
    fn wall(&self) -> UnixMillis;
    /// Monotonic time.
    fn now(&self) -> MonoTime;
    /// Returns after `duration` of monotonic time. Dropping the future cancels it.
    async fn sleep(&self, duration: Duration);
}

/// The machine's clock, with tokio's timer.
#[derive(Debug)]
pub struct SystemClock {
    start: tokio::time::Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now. Sleeping needs a tokio runtime with time enabled.
    pub fn new() -> Self {
        Self {
            start: tokio::time::Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Clock for SystemClock {
    fn wall(&self) -> UnixMillis {
        // A clock before 1970 is a broken clock: 0 makes every block lie in the future, so nothing is authored.
        let since_epoch = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        UnixMillis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
    }

    fn now(&self) -> MonoTime {
        MonoTime(self.start.elapsed())
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
