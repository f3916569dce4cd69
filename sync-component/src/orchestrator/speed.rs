use crate::ports::MonoTime;
use std::{collections::VecDeque, time::Duration};

/// What is looked back at. Shorter: the speed jumps with each reply; longer: a session that has slowed down, or stopped,
/// shows for so long what it once was.
const WINDOW: Duration = Duration::from_secs(10);

/// Arrivals closer than this are one. Shorter: more of them are kept.
const TOGETHER: Duration = Duration::from_millis(500);

/// Shortest time after which a speed is told.
const LEAST: Duration = Duration::from_millis(200);

/// How fast a session goes: blocks within the last seconds.
#[derive(Clone, Debug)]
pub(super) struct Speed {
    since: MonoTime,
    height: u64,
    /// When, and how many blocks. At most one for each [`TOGETHER`] of the [`WINDOW`].
    arrivals: VecDeque<(MonoTime, u64)>,
}

impl Speed {
    pub(super) fn begin(height: u64, now: MonoTime) -> Self {
        Self {
            since: now,
            height,
            arrivals: VecDeque::new(),
        }
    }

    /// The best block is at `height` now.
    pub(super) fn reached(&mut self, height: u64, now: MonoTime) {
        // After a reorganisation it may be lower for a moment.
        let blocks = height.saturating_sub(self.height);
        self.height = self.height.max(height);
        match self.arrivals.back_mut() {
            Some((at, sum)) if now.since(*at) < TOGETHER => *sum = sum.saturating_add(blocks),
            _ => self.arrivals.push_back((now, blocks)),
        }
        while self
            .arrivals
            .front()
            .is_some_and(|(at, _)| now.since(*at) > WINDOW)
        {
            self.arrivals.pop_front();
        }
    }

    /// Blocks per second; `None` while that is not known: too early, or nothing came lately.
    pub(super) fn per_second(&self, now: MonoTime) -> Option<f64> {
        let recent = self.arrivals.iter();
        let recent = recent.filter(|(at, _)| now.since(*at) <= WINDOW);
        let blocks: u64 = recent.map(|(_, blocks)| blocks).sum();
        let time = now.since(self.since).min(WINDOW);
        #[expect(
            clippy::cast_precision_loss,
            reason = "shown to people, with one decimal"
        )]
        let rate = blocks as f64 / time.as_secs_f64();
        (blocks > 0 && time >= LEAST).then_some(rate)
    }
}

#[cfg(test)]
mod tests {
    use super::Speed;
    use crate::ports::MonoTime;
    use std::time::Duration;

    fn at(millis: u64) -> MonoTime {
        MonoTime(Duration::from_millis(millis))
    }

    fn near(rate: Option<f64>, expected: f64) -> bool {
        rate.is_some_and(|rate| (rate - expected).abs() < expected / 10.0)
    }

    #[test]
    fn speed_is_that_of_the_last_seconds_and_none_when_nothing_came() {
        let mut speed = Speed::begin(100, at(0));
        assert_eq!(speed.per_second(at(1_000)), None);
        // 100 blocks a second for 20 seconds, then 10.
        for tick in 1..=200 {
            speed.reached(100 + 10 * tick, at(100 * tick));
        }
        assert!(near(speed.per_second(at(20_000)), 100.0), "{speed:?}");
        for tick in 1..=200 {
            speed.reached(2_100 + tick, at(20_000 + 100 * tick));
        }
        assert!(near(speed.per_second(at(40_000)), 10.0), "{speed:?}");
        assert!(speed.per_second(at(49_000)).is_some());
        assert_eq!(speed.per_second(at(50_500)), None);
        assert!(speed.arrivals.len() < 25, "{}", speed.arrivals.len());
    }

    #[test]
    fn reorganisation_counts_no_block_twice() {
        let mut speed = Speed::begin(0, at(0));
        speed.reached(10, at(1_000));
        speed.reached(8, at(1_100));
        speed.reached(11, at(1_200));
        assert!(near(speed.per_second(at(2_000)), 5.5), "{speed:?}");
    }
}
