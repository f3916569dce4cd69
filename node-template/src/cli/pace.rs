//! How fast work goes and when it will be done.

use std::{collections::VecDeque, time::Duration};

/// Over how long the pace is measured. Shorter: it jumps; longer: the time left follows a change late.
const OVER: Duration = Duration::from_secs(20);

/// Least time between two samples, so that few are kept however often somebody looks.
const SAMPLE_EVERY: Duration = Duration::from_millis(200);

/// How far work was at one time.
#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Duration,
    blocks: u64,
    done: u64,
}

/// The pace of work over the last seconds. Times are counted from its beginning.
#[derive(Debug)]
pub(super) struct Pace {
    samples: VecDeque<Sample>,
}

impl Pace {
    /// Work that begins now.
    pub(super) fn new() -> Self {
        let begin = Sample {
            at: Duration::ZERO,
            blocks: 0,
            done: 0,
        };
        Self {
            samples: VecDeque::from([begin]),
        }
    }

    /// At `at` this many blocks, and this much of whatever the total counts, are done.
    pub(super) fn reached(&mut self, at: Duration, blocks: u64, done: u64) {
        let sample = Sample { at, blocks, done };
        let is_new = self.samples.back().is_none_or(|last| {
            self.samples.len() < 2 || at.saturating_sub(last.at) >= SAMPLE_EVERY
        });
        if is_new {
            self.samples.push_back(sample);
        }
        while self.samples.len() > 2
            && self
                .samples
                .front()
                .is_some_and(|first| at.saturating_sub(first.at) > OVER)
        {
            self.samples.pop_front();
        }
    }

    /// Blocks per second; `None` before there are any.
    pub(super) fn rate(&self) -> Option<f64> {
        self.per_second(|sample| sample.blocks)
    }

    /// Time until `total` is done; absent rather than wrong.
    pub(super) fn left(&self, total: u64) -> Option<Duration> {
        let rate = self.per_second(|sample| sample.done)?;
        let done = self.samples.back()?.done;
        let left = as_float(total.saturating_sub(done));
        Duration::try_from_secs_f64(left / rate).ok()
    }

    fn per_second(&self, of: impl Fn(&Sample) -> u64) -> Option<f64> {
        let (first, last) = (self.samples.front()?, self.samples.back()?);
        let seconds = last.at.saturating_sub(first.at).as_secs_f64();
        let done = as_float(of(last).saturating_sub(of(first)));
        (seconds > 0.0 && done > 0.0).then(|| done / seconds)
    }
}

/// Blocks per second over the whole of `time`; 0 if it took none.
pub(super) fn over_all(blocks: u64, time: Duration) -> f64 {
    let seconds = time.as_secs_f64();
    if seconds > 0.0 {
        as_float(blocks) / seconds
    } else {
        0.0
    }
}

/// A time left, for people.
pub(super) fn left_text(left: Duration) -> String {
    match left.as_secs() {
        seconds @ 0..120 => format!("{seconds} s left"),
        seconds @ 120..7_200 => format!("{} min left", seconds / 60),
        seconds => format!("{} h {} min left", seconds / 3_600, seconds / 60 % 60),
    }
}

/// A time in seconds, for people.
pub(super) fn span_text(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
    }
}

#[allow(clippy::cast_precision_loss, reason = "figures for people")]
fn as_float(number: u64) -> f64 {
    number as f64
}
