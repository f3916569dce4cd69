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

/// What is counted of a download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Whole blocks; every strategy ends with them.
    Blocks,
    /// Headers without their blocks.
    Headers,
    /// Entries of a state. How many there are nobody knows before the last one.
    Entries,
}

/// How far a resync is (SPEC section 8).
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// What it is doing.
    pub stage: ResyncStage,
    /// What is counted.
    pub counted: Counted,
    /// How many are staged: the height of the staged tip or header, or the entries.
    pub done: u64,
    /// How many there will be, the height of the source's tip; `None` if nobody knows.
    pub total: Option<u64>,
    /// How many come in a second, over the last seconds.
    pub rate: f64,
    /// Time left; absent rather than wrong: while something else than blocks is counted, other parts follow.
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
    counted: Counted,
    done: u64,
    total: Option<u64>,
    sources: usize,
    samples: VecDeque<(MonoTime, u64)>,
}

impl Default for ResyncWatch {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Watched {
            stage: ResyncStage::Preparing,
            counted: Counted::Blocks,
            done: 0,
            total: Some(0),
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
        self.counted(Counted::Blocks, done, Some(total.max(done)), clock);
    }

    /// So many of these are staged, of so many if that is known.
    pub fn counted(&self, counted: Counted, done: u64, total: Option<u64>, clock: &dyn Clock) {
        let now = clock.now();
        self.change(|watched| {
            // Headers a second say nothing of blocks, nor the entries of one state of those of the next.
            if watched.counted != counted || done < watched.done {
                watched.samples.clear();
            }
            watched.counted = counted;
            watched.done = done;
            watched.total = total;
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
        let is_last_part =
            watched.stage == ResyncStage::Downloading && watched.counted == Counted::Blocks;
        let total = watched.total.filter(|_| is_last_part && rate > 0.0);
        #[allow(clippy::cast_precision_loss, reason = "a time for people")]
        let eta = total.and_then(|total| {
            let left = total.saturating_sub(watched.done);
            Duration::try_from_secs_f64(left as f64 / rate).ok()
        });
        Progress {
            stage: watched.stage,
            counted: watched.counted,
            done: watched.done,
            total: watched.total,
            rate,
            eta,
            sources: watched.sources,
        }
    }
}
