use rand_chacha::{ChaCha8Rng, rand_core::RngCore};
use std::time::Duration;

/// How messages travel between two nodes, each way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    /// The least time that a message takes.
    pub latency: Duration,
    /// At most so much is added, evenly spread: messages overtake each other.
    pub jitter: Duration,
    /// The share of messages that never arrive, from 0 to 1.
    pub loss: f64,
    /// Bytes per second; `None`: as many as there are. Messages one way wait for each other.
    pub bytes_per_second: Option<u32>,
    /// Which messages take much longer than the others.
    pub late: Lateness,
}

/// Single messages that take much longer than the others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lateness {
    /// The share of messages that are late, from 0 to 1.
    pub share: f64,
    /// The least by which a late message is late.
    pub least: Duration,
    /// The most.
    pub most: Duration,
}

impl Lateness {
    /// No message is late.
    pub const NEVER: Self = Self {
        share: 0.0,
        least: Duration::ZERO,
        most: Duration::ZERO,
    };
}

impl Link {
    /// A link that always takes `latency`.
    pub const fn with_latency(latency: Duration) -> Self {
        Self {
            latency,
            jitter: Duration::ZERO,
            loss: 0.0,
            bytes_per_second: None,
            late: Lateness::NEVER,
        }
    }

    /// A local network: 5 ms.
    pub const fn lan() -> Self {
        Self::with_latency(Duration::from_millis(5))
    }

    /// What comes on top of the latency, for a message with this luck, from 0 to 1.
    fn delay(&self, luck: f64) -> Duration {
        let Lateness { share, least, most } = self.late;
        if luck < share {
            least + most.saturating_sub(least).mul_f64(luck / share)
        } else {
            self.jitter.mul_f64(luck)
        }
    }
}

/// One direction of a connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Transit {
    busy_until: Option<tokio::time::Instant>,
}

impl Transit {
    /// How long a message of `bytes` takes if it is sent now; `None` if it is lost.
    pub(super) fn send(
        &mut self,
        link: &Link,
        bytes: usize,
        rng: &mut ChaCha8Rng,
    ) -> Option<Duration> {
        let now = tokio::time::Instant::now();
        let mut ready = now;
        if let Some(rate) = link.bytes_per_second {
            let micros = (bytes as u64).saturating_mul(1_000_000) / u64::from(rate.max(1));
            let start = self.busy_until.unwrap_or(now).max(now);
            ready = start + Duration::from_micros(micros);
            self.busy_until = Some(ready);
        }
        // Drawn whatever the link is like, so that changing one link leaves the luck of the others alone.
        let (luck, late) = (share(rng), share(rng));
        (luck >= link.loss).then(|| ready - now + link.latency + link.delay(late))
    }
}

/// A number from 0 to 1, 1 excluded.
pub(super) fn share(rng: &mut ChaCha8Rng) -> f64 {
    f64::from(rng.next_u32()) / (f64::from(u32::MAX) + 1.0)
}
