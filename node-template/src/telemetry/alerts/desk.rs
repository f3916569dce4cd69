use super::{Alert, AlertEvent, told::Told};
use crate::telemetry::{Metrics, throttle::More};
use std::sync::{Arc, Mutex, PoisonError};
use sync_component::{observer::HoldKind, ports::Clock};
use tokio::sync::broadcast;

/// How many events wait for a listener before it misses the oldest.
const QUEUE: usize = 16;

/// Where alerts are raised. Lives as long as the process.
#[derive(Debug)]
pub struct Alerts {
    node: String,
    chain: String,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
    told: Mutex<Told>,
    events: broadcast::Sender<AlertEvent>,
}

impl Alerts {
    /// Those of the node with this name, on the chain with this id.
    pub fn new(node: &str, chain: &str, metrics: Arc<Metrics>, clock: Arc<dyn Clock>) -> Self {
        Self {
            node: node.to_owned(),
            chain: chain.to_owned(),
            metrics,
            clock,
            told: Mutex::new(Told::default()),
            events: broadcast::Sender::new(QUEUE),
        }
    }

    /// What is told from now on. A receiver that lags misses the oldest.
    pub fn events(&self) -> broadcast::Receiver<AlertEvent> {
        self.events.subscribe()
    }

    /// Counts the alert; logs and tells it unless the same was within the last minute.
    pub fn raise(&self, alert: Alert) {
        let Alert {
            kind,
            hold,
            about,
            message,
        } = alert;
        self.metrics.alert(kind);
        let passed = {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            told.pass((kind, hold), about, self.clock.now())
        };
        let Some(held_back) = passed else { return };
        tracing::error!(alert = kind.name(), "🔔 {message}{}", More(held_back));
        // Nobody has to listen.
        let _ = self.events.send(AlertEvent {
            alert: kind.name(),
            reason: hold.map(HoldKind::name),
            message,
            times: held_back.saturating_add(1),
            unix_ms: self.clock.wall().0,
            node: self.node.clone(),
            chain: self.chain.clone(),
        });
    }
}
