use super::{
    Throttle,
    health::HealthLog,
    lines::{ImportedLine, StateLine, Traffic, reorg_line},
    throttle::More,
};
use crate::service::ResyncDesk;
use sp_runtime::traits::{Block as BlockT, Header};
use std::{sync::Arc, time::Duration};
use sync_component::{
    NetworkSyncManager,
    net::{Bandwidth, NetHandle},
    observer::HoldKind,
    orchestrator::SyncEvent,
    ports::{Bridge, ChainEvent, Clock, MonoTime},
};
use tokio::{
    sync::broadcast::error::RecvError,
    time::{MissedTickBehavior, interval},
};

/// How often the state line comes, as with Substrate.
const EVERY: Duration = Duration::from_secs(5);

/// How often the same kind of refusal of the gate is logged.
const REFUSAL_EVERY: Duration = Duration::from_mins(1);

/// Writes the log lines of SPEC section 12 while it runs.
#[derive(Debug)]
pub struct Informant<B: BlockT> {
    /// Whose status is shown.
    pub manager: Arc<NetworkSyncManager<B>>,
    /// Whose imports are shown.
    pub bridge: Arc<dyn Bridge<B>>,
    /// Whose resync is shown.
    pub resync: Arc<ResyncDesk>,
    /// Whose traffic is shown.
    pub network: NetHandle,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

impl<B: BlockT> Informant<B> {
    /// Runs until the chain's events end, which they do when the node stops.
    pub async fn run(self) {
        let mut chain = self.bridge.events();
        let mut sync = self.manager.events();
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut meter = Meter::new(&self.network, self.clock.now());
        let mut said = Said {
            refusals: Throttle::new(REFUSAL_EVERY),
            health: HealthLog::default(),
        };
        loop {
            tokio::select! {
                _ = ticks.tick() => self.state(&mut meter, &mut said.health),
                event = chain.recv() => match event {
                    Ok(event) => imported(&event),
                    Err(RecvError::Lagged(missed)) => {
                        tracing::debug!(missed, "imports went by faster than they could be logged");
                    }
                    Err(RecvError::Closed) => return,
                },
                event = sync.recv() => match event {
                    Ok(event) => happened(&event, &mut said, self.clock.now()),
                    Err(RecvError::Lagged(missed)) => {
                        tracing::debug!(missed, "events went by faster than they could be logged");
                    }
                    Err(RecvError::Closed) => return,
                },
            }
        }
    }

    fn state(&self, meter: &mut Meter, health: &mut HealthLog) {
        let report = self.manager.report();
        if let Some(line) = health.looked(&report) {
            tracing::info!("{line}");
        }
        let traffic = meter.read(&self.network, self.clock.now());
        let report = &report;
        let resync = self.resync.progress();
        let resync = resync.as_ref();
        let line = StateLine {
            report,
            resync,
            traffic,
        };
        tracing::info!("{line}");
    }
}

/// What was logged before, so that it is not repeated.
struct Said {
    refusals: Throttle<HoldKind>,
    health: HealthLog,
}

/// Traffic between two readings.
struct Meter {
    last: Bandwidth,
    at: MonoTime,
}

impl Meter {
    fn new(network: &NetHandle, now: MonoTime) -> Self {
        Self {
            last: network.bandwidth(),
            at: now,
        }
    }

    fn read(&mut self, network: &NetHandle, now: MonoTime) -> Traffic {
        let bandwidth = network.bandwidth();
        let seconds = now.since(self.at).as_secs_f64();
        let traffic = Traffic {
            received: rate(
                bandwidth.received.saturating_sub(self.last.received),
                seconds,
            ),
            sent: rate(bandwidth.sent.saturating_sub(self.last.sent), seconds),
        };
        self.last = bandwidth;
        self.at = now;
        traffic
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "a log line shows one decimal of it"
)]
fn rate(bytes: u64, seconds: f64) -> f64 {
    if seconds > 0.0 {
        bytes as f64 / seconds
    } else {
        0.0
    }
}

fn imported<B: BlockT>(event: &ChainEvent<B>) {
    if let Some(line) = reorg_line(event) {
        tracing::info!("{line}");
    }
    let best = event.best;
    let parent = *event.header.parent_hash();
    tracing::info!("{}", ImportedLine { parent, best });
}

fn happened<B: BlockT>(event: &SyncEvent<B>, said: &mut Said, now: MonoTime) {
    match event {
        SyncEvent::StatusChanged(report) => {
            if let Some(line) = said.health.changed(report) {
                tracing::info!("{line}");
            }
        }
        SyncEvent::GateHeld(hold) => {
            if let Some(held_back) = said.refusals.pass(hold.kind(), now) {
                tracing::warn!("🚧 Not authoring: {hold}{}", More(held_back));
            }
        }
        SyncEvent::CaughtUp { best } => tracing::debug!("⏫ Caught up to {best}"),
        SyncEvent::CatchUpFailed(error) => {
            tracing::warn!("catching up failed and starts again by itself: {error}");
        }
        // Logged where they happen, with what to do.
        // Logged where they are found.
        SyncEvent::CatchUpPanicked
        | SyncEvent::PeerBanned { .. }
        | SyncEvent::Equivocation(_)
        | SyncEvent::NotSigned { .. } => {}
        SyncEvent::GateCleared { on } => tracing::debug!("the gate cleared a block on {on}"),
    }
}
