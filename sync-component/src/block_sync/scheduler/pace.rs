//! What was measured of all peers and of the import.

use super::measure::{average, real, real_size, whole};
use std::{collections::VecDeque, time::Duration};

/// Answers that are looked at for the usual time. Fewer: one slow answer changes the picture; more: it changes late.
const SAMPLES: usize = 64;

/// Answers before the usual time is known.
const FIRST_SAMPLES: usize = 20;

/// Late, while the usual time is not known.
const LATE_AT_FIRST: Duration = Duration::from_secs(1);

/// Weight of the newest measurement in the averages.
const NEWEST_WEIGHT: f64 = 0.2;

/// Measurements, as moving averages.
#[derive(Debug, Default)]
pub(super) struct Pace {
    answers: VecDeque<Duration>,
    block_bytes: Option<f64>,
    /// Blocks per second.
    import_rate: Option<f64>,
}

impl Pace {
    /// Good blocks came this long after they were asked for.
    pub(super) fn answered_after(&mut self, took: Duration) {
        if self.answers.len() == SAMPLES {
            self.answers.pop_front();
        }
        self.answers.push_back(took);
    }

    /// The time that 95 of 100 answers take; no more than twice what half of them take, or a few slow peers decide how long all
    /// others are waited for.
    pub(super) fn late_after(&self) -> Duration {
        self.usual().unwrap_or(LATE_AT_FIRST)
    }

    fn usual(&self) -> Option<Duration> {
        if self.answers.len() < FIRST_SAMPLES {
            return None;
        }
        let most = self.quantile(50)?.saturating_mul(2).max(LATE_AT_FIRST);
        Some(self.quantile(95)?.min(most))
    }

    fn quantile(&self, percent: usize) -> Option<Duration> {
        let mut sorted: Vec<_> = self.answers.iter().copied().collect();
        sorted.sort_unstable();
        let at = (sorted.len() * percent / 100).min(sorted.len().checked_sub(1)?);
        sorted.get(at).copied()
    }

    /// So many blocks had so many bytes.
    pub(super) fn block_bytes(&mut self, bytes: usize, blocks: u64) {
        if blocks > 0 {
            average(
                &mut self.block_bytes,
                real_size(bytes) / real(blocks),
                NEWEST_WEIGHT,
            );
        }
    }

    /// How many blocks of the usual size are in so many bytes.
    pub(super) fn blocks_in(&self, bytes: usize) -> Option<u64> {
        self.block_bytes
            .map(|each| whole(real_size(bytes) / each.max(1.0)))
    }

    /// How many bytes so many blocks of the usual size have.
    pub(super) fn bytes_of(&self, blocks: u64) -> usize {
        self.block_bytes.map_or(0, |each| {
            usize::try_from(whole(each * real(blocks))).unwrap_or(usize::MAX)
        })
    }

    /// So many blocks were imported in this time.
    pub(super) fn imported(&mut self, blocks: u64, took: Duration) {
        if blocks > 0 {
            let seconds = took.as_secs_f64().max(1e-6);
            average(&mut self.import_rate, real(blocks) / seconds, NEWEST_WEIGHT);
        }
    }

    /// How many blocks are imported in this time.
    pub(super) fn imported_in(&self, time: Duration) -> Option<u64> {
        self.import_rate
            .map(|rate| whole(rate * time.as_secs_f64()))
    }

    /// How many blocks are imported while an answer is awaited.
    pub(super) fn imported_during_an_answer(&self) -> Option<u64> {
        self.imported_in(self.usual()?)
    }
}
