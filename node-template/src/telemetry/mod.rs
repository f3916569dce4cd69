//! What a node tells people: the log, Substrate's informant lines, the health line when the status changes, alerts, and
//! metrics (SPEC section 12).

mod alerts;
mod health;
mod informant;
mod lines;
mod logging;
mod metrics;
mod throttle;

#[cfg(test)]
mod tests;

pub use alerts::{Alert, AlertCommand, AlertEvent, AlertKind, AlertWatch, Alerts};
pub use informant::Informant;
pub use logging::{LogFilterError, start_log};
pub use metrics::{Exposed, LiveNode, Metrics, MetricsServer, MetricsStartError};
pub use throttle::Throttle;
