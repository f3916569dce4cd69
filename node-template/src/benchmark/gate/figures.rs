use super::{GatePlan, samples::Samples};
use crate::benchmark::Machine;
use serde::{Serialize, Serializer};
use std::{fmt, time::Duration};

/// What `benchmark gate` found.
#[derive(Clone, Debug, Serialize)]
pub struct GateFigures {
    /// On what.
    #[serde(flatten)]
    pub machine: Machine,
    /// A cached decision, in nanoseconds: the median.
    #[serde(rename = "cached_ns", serialize_with = "nanos")]
    pub cached: Duration,
    /// A fresh decision, in milliseconds: the median.
    #[serde(rename = "fresh_ms", serialize_with = "millis")]
    pub fresh: Duration,
    /// The round trip of the peer whose answer completes it, in milliseconds.
    #[serde(rename = "quorum_rtt_ms", serialize_with = "millis")]
    pub quorum_round_trip: Duration,
    /// More of the same, for people.
    #[serde(skip)]
    details: Details,
}

#[derive(Clone, Debug)]
struct Details {
    plan: GatePlan,
    cached_samples: usize,
    cached_slow: Duration,
    fresh_shortest: Duration,
    fresh_longest: Duration,
    answers: u64,
}

impl GateFigures {
    pub(super) fn of(plan: &GatePlan, machine: Machine, samples: &Samples) -> Self {
        let mut cached = samples.cached.clone();
        cached.sort();
        let mut fresh: Vec<_> = samples.fresh.iter().map(|fresh| fresh.took).collect();
        fresh.sort();
        let mut round_trips = samples.round_trips.clone();
        round_trips.sort();
        // Others may have come while the last one that was needed was looked at.
        let answers = samples.fresh.iter().map(|fresh| fresh.answers).min();
        let answers = answers.unwrap_or_default();
        let completing = usize::try_from(answers.saturating_sub(1)).unwrap_or(usize::MAX);
        let completing = completing.min(round_trips.len().saturating_sub(1));
        Self {
            machine,
            cached: part_of(&cached, 1, 2),
            fresh: part_of(&fresh, 1, 2),
            quorum_round_trip: round_trips.get(completing).copied().unwrap_or_default(),
            details: Details {
                plan: plan.clone(),
                cached_samples: cached.len(),
                cached_slow: part_of(&cached, 99, 100),
                fresh_shortest: fresh.first().copied().unwrap_or_default(),
                fresh_longest: fresh.last().copied().unwrap_or_default(),
                answers,
            },
        }
    }

    /// How much longer a fresh decision takes than the round trip of the peer that completes it.
    pub fn ratio(&self) -> f64 {
        self.fresh.as_secs_f64() / self.quorum_round_trip.as_secs_f64()
    }
}

/// The value below which `part` of `whole` of the sorted values lie.
fn part_of(sorted: &[Duration], part: usize, whole: usize) -> Duration {
    let at = sorted.len().saturating_mul(part) / whole;
    let at = at.min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or_default()
}

fn in_millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

fn nanos<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}

fn millis<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(in_millis(*time))
}

impl fmt::Display for GateFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Details {
            plan,
            cached_samples,
            cached_slow,
            fresh_shortest,
            fresh_longest,
            answers,
        } = &self.details;
        let GatePlan {
            peers,
            round_trip,
            mute,
            strategy,
            rounds,
        } = plan;
        let asked = in_millis(*round_trip);
        writeln!(
            f,
            "gate: {strategy}, {peers} peers that answer and {mute} that do not, {asked} ms away and back ({})",
            self.machine
        )?;
        writeln!(
            f,
            "cached decision  {:>9.2} µs   median of {cached_samples}; 99 % below {:.2} µs",
            in_millis(self.cached) * 1_000.0,
            in_millis(*cached_slow) * 1_000.0
        )?;
        writeln!(
            f,
            "fresh decision   {:>9.2} ms   median of {rounds}, {:.2} to {:.2} ms; made with {answers} answers",
            in_millis(self.fresh),
            in_millis(*fresh_shortest),
            in_millis(*fresh_longest)
        )?;
        writeln!(
            f,
            "round trip       {:>9.2} ms   of the peer whose answer completes it, alone on an idle line",
            in_millis(self.quorum_round_trip)
        )?;
        write!(f, "fresh / round trip {:>7.2}", self.ratio())
    }
}
