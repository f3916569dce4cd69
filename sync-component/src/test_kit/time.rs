use crate::ports::{Clock, Executor, MonoTime, Randomness, UnixMillis};
use async_trait::async_trait;
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::mpsc;

/// Nobody asks for the time more often at one instant: whoever does goes round in a circle, and time would never go on.
const MOST_AT_ONCE: u64 = 1_000_000;

/// Tokio's paused time, with a wall clock that starts at a given moment and can be set.
#[derive(Debug)]
pub struct VirtualClock {
    start: tokio::time::Instant,
    wall_start: UnixMillis,
    set_by_millis: AtomicI64,
    /// When the time was asked for last, in nanoseconds since the start.
    asked_at: AtomicU64,
    asked_at_once: AtomicU64,
}

impl VirtualClock {
    /// A clock that shows `wall_start` now.
    pub fn starting_at(wall_start: UnixMillis) -> Self {
        Self {
            start: tokio::time::Instant::now(),
            wall_start,
            set_by_millis: AtomicI64::new(0),
            asked_at: AtomicU64::new(0),
            asked_at_once: AtomicU64::new(0),
        }
    }

    /// Sets the wall clock forward, or back if `millis` is negative, once more.
    pub fn set_by(&self, millis: i64) {
        self.set_by_millis.fetch_add(millis, Ordering::Relaxed);
    }

    fn elapsed(&self) -> Duration {
        let elapsed = self.start.elapsed();
        let nanos = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        if self.asked_at.swap(nanos, Ordering::Relaxed) != nanos {
            self.asked_at_once.store(0, Ordering::Relaxed);
        }
        let asked = self.asked_at_once.fetch_add(1, Ordering::Relaxed);
        assert!(asked < MOST_AT_ONCE, "time stands still at {elapsed:?}");
        elapsed
    }
}

#[async_trait]
impl Clock for VirtualClock {
    /// # Panics
    /// If asked a million times at one instant.
    fn wall(&self) -> UnixMillis {
        let elapsed = u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX);
        let true_time = self.wall_start.0.saturating_add(elapsed);
        UnixMillis(true_time.saturating_add_signed(self.set_by_millis.load(Ordering::Relaxed)))
    }

    /// # Panics
    /// If asked a million times at one instant.
    fn now(&self) -> MonoTime {
        MonoTime(self.elapsed())
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

/// Counts the blocks that a chain validated. Cheap to clone; clones count together.
#[derive(Clone, Debug, Default)]
pub struct Effort(Arc<AtomicU64>);

impl Effort {
    /// One more block was validated.
    pub fn add_block(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The blocks since the last call.
    pub fn take(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed)
    }
}

/// Runs heavy work in order, one job after the other, and charges virtual time for every block that a job validated: the
/// next job starts that much later.
#[derive(Clone, Debug)]
pub struct ChargingExecutor(mpsc::UnboundedSender<Job>);

struct Job(Box<dyn FnOnce() + Send>);

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Job")
    }
}

impl ChargingExecutor {
    /// Charges `per_block` for each block counted in `effort`. Needs a tokio runtime.
    pub fn new(effort: Effort, per_block: Duration) -> Self {
        let (sender, mut jobs) = mpsc::unbounded_channel::<Job>();
        tokio::spawn(async move {
            while let Some(Job(job)) = jobs.recv().await {
                job();
                let blocks = u32::try_from(effort.take()).unwrap_or(u32::MAX);
                if blocks > 0 {
                    tokio::time::sleep(per_block.saturating_mul(blocks)).await;
                }
            }
        });
        Self(sender)
    }
}

impl Executor for ChargingExecutor {
    fn spawn_heavy(&self, job: Box<dyn FnOnce() + Send>) {
        // The worker ends with its runtime; then nobody waits for the job.
        let _ = self.0.send(Job(job));
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
