use crate::ports::{Clock, Executor, MonoTime, Randomness, UnixMillis};
use async_trait::async_trait;
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Tokio's paused time, with a wall clock that starts at a given moment.
#[derive(Debug)]
pub struct VirtualClock {
    start: tokio::time::Instant,
    wall_start: UnixMillis,
}

impl VirtualClock {
    /// A clock that shows `wall_start` now.
    pub fn starting_at(wall_start: UnixMillis) -> Self {
        Self {
            start: tokio::time::Instant::now(),
            wall_start,
        }
    }
}

#[async_trait]
impl Clock for VirtualClock {
    fn wall(&self) -> UnixMillis {
        let elapsed = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        UnixMillis(self.wall_start.0.saturating_add(elapsed))
    }

    fn now(&self) -> MonoTime {
        MonoTime(self.start.elapsed())
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// Runs heavy work in place: in virtual time it takes none.
#[derive(Clone, Copy, Debug, Default)]
pub struct InlineExecutor;

impl Executor for InlineExecutor {
    fn spawn_heavy(&self, job: Box<dyn FnOnce() + Send>) {
        job();
    }
}

/// Seeds that follow from one number.
#[derive(Debug)]
pub struct SeededRandomness(AtomicU64);

impl SeededRandomness {
    /// The same `seed` gives the same sequence.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Randomness for SeededRandomness {
    fn seed(&self) -> [u8; 32] {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        let mut seed = [0; 32];
        let (low, _) = seed.split_at_mut(8);
        low.copy_from_slice(&number.to_le_bytes());
        seed
    }
}
