use crate::ports::{Clock, MonoTime};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Over how long the rate is measured. Shorter: it jumps; longer: an ETA follows a change late.
const RATE_OVER: Duration = Duration::from_secs(20);

/// What a resync is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResyncStage {
    /// Checking peers, disk and folders.
    Preparing,
    /// Fetching and validating.
    Downloading,
    /// Asking the voters.
    Voting,
    /// Exchanging the stores.
    Swapping,
}

/// How far a resync is (SPEC section 8). Blocks.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// What it is doing.
    pub stage: ResyncStage,
    /// Height of the staged tip.
    pub done: u64,
    /// Height of the source's tip.
    pub total: u64,
    /// Blocks per second over the last seconds.
    pub rate: f64,
    /// Time left; absent rather than wrong.
    pub eta: Option<Duration>,
    /// Peers that deliver.
    pub sources: usize,
}

/// Where a strategy says how far it is, and everybody else reads it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ResyncWatch(Arc<Mutex<Watched>>);

#[derive(Debug)]
struct Watched {
    stage: ResyncStage,
    done: u64,
    total: u64,
    sources: usize,
    samples: VecDeque<(MonoTime, u64)>,
}

impl Default for ResyncWatch {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Watched {
            stage: ResyncStage::Preparing,
            done: 0,
            total: 0,
            sources: 0,
            samples: VecDeque::new(),
        })))
    }
}

impl ResyncWatch {
    /// A new stage begins.
    pub fn stage(&self, stage: ResyncStage) {
        self.change(|watched| watched.stage = stage);
    }

    /// How many peers deliver.
    pub fn sources(&self, sources: usize) {
        self.change(|watched| watched.sources = sources);
    }

    /// The staged tip is at `done`, the source's at `total`.
    pub fn reached(&self, done: u64, total: u64, clock: &dyn Clock) {
        let now = clock.now();
        self.change(|watched| {
            watched.done = done;
            watched.total = total.max(done);
            watched.samples.push_back((now, done));
            while watched
                .samples
                .front()
                .is_some_and(|(at, _)| now.since(*at) > RATE_OVER)
            {
                watched.samples.pop_front();
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut Watched)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// How far it is now.
    pub fn progress(&self) -> Progress {
        let watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let span = watched.samples.front().zip(watched.samples.back());
        let rate = span.map_or(0.0, |((from, low), (to, high))| {
            let seconds = to.since(*from).as_secs_f64();
            if seconds > 0.0 {
                #[allow(
                    clippy::cast_precision_loss,
                    reason = "blocks of the last seconds, for people"
                )]
                let blocks = high.saturating_sub(*low) as f64;
                blocks / seconds
            } else {
                0.0
            }
        });
        let left = watched.total.saturating_sub(watched.done);
        #[allow(clippy::cast_precision_loss, reason = "a time for people")]
        let eta = (watched.stage == ResyncStage::Downloading && rate > 0.0)
            .then(|| Duration::try_from_secs_f64(left as f64 / rate).ok())
            .flatten();
        Progress {
            stage: watched.stage,
            done: watched.done,
            total: watched.total,
            rate,
            eta,
            sources: watched.sources,
        }
    }
}
