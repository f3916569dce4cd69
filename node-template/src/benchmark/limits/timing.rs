use std::{
    hint::black_box,
    time::{Duration, Instant},
};

/// How long one run of a measurement takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort(pub Duration);

impl Effort {
    /// Long enough for the third digit.
    pub const FULL: Self = Self(Duration::from_millis(200));
}

/// Runs of each measurement; the median counts.
const RUNS: usize = 5;

/// The time of one `call`.
pub(super) fn time_of<T>(effort: Effort, mut call: impl FnMut() -> T) -> Duration {
    // As many as fit into a run, found by doubling.
    let mut calls: u32 = 1;
    loop {
        let took = time(calls, &mut call);
        if took >= effort.0 / 4 || calls >= 1 << 28 {
            let one = took.as_secs_f64() / f64::from(calls);
            let fit = effort.0.as_secs_f64() / one.max(1e-9);
            // At least one; the cast saturates.
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a positive number, and the cast saturates"
            )]
            let fit = fit as u32;
            calls = fit.clamp(1, 1 << 28);
            break;
        }
        calls *= 2;
    }
    let runs = (0..RUNS).map(|_| time(calls, &mut call) / calls);
    median(runs.collect())
}

fn time<T>(calls: u32, call: &mut impl FnMut() -> T) -> Duration {
    let begun = Instant::now();
    for _ in 0..calls {
        black_box(call());
    }
    begun.elapsed()
}

/// The middle one; zero of none.
pub(super) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
