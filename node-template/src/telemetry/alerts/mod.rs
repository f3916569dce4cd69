//! Alerts (SPEC section 0): one thing that a person should look at is an event, a metric and a log line together, the same
//! one at most once a minute and with a count.
//!
//! [`AlertRules`](rules::AlertRules) say what is one; [`Alerts::raise`] makes the three of it; [`AlertCommand`] runs the
//! operator's program for each event.

mod command;
mod desk;
mod event;
mod kind;
mod rules;
mod told;
mod watch;

#[cfg(test)]
mod tests;

pub use command::AlertCommand;
pub use desk::Alerts;
pub use event::AlertEvent;
pub use kind::{Alert, AlertKind};
pub use watch::AlertWatch;
