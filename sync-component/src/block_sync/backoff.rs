use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};
use std::time::Duration;

use crate::settings::Limits;

/// Pauses between failed rounds: doubling, capped, each varied by the jitter so that nodes do not retry in step.
#[derive(Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    jitter: f64,
    failures: u32,
    rng: ChaCha8Rng,
}

impl Backoff {
    /// No failure yet.
    pub fn new(limits: &Limits, seed: [u8; 32]) -> Self {
        Self {
            first: limits.backoff_first,
            longest: limits.backoff_max,
            jitter: limits.backoff_jitter,
            failures: 0,
            rng: ChaCha8Rng::from_seed(seed),
        }
    }

    /// The pause after one more failure: between (1 − jitter) and (1 + jitter) times the doubled pause.
    pub fn failed(&mut self) -> Duration {
        let doubled = self
            .first
            .saturating_mul(1 << self.failures.min(16))
            .min(self.longest);
        self.failures = self.failures.saturating_add(1);
        let random = f64::from(self.rng.next_u32()) / f64::from(u32::MAX);
        doubled.mul_f64(1.0 + self.jitter * (2.0 * random - 1.0))
    }

    /// Something worked: the next failure starts over.
    pub fn worked(&mut self) {
        self.failures = 0;
    }
}
