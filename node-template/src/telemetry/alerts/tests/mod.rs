#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on should stop where it is"
)]

mod command;
mod desk;
mod rules;
mod watch;

use super::AlertEvent;

fn event(message: &str) -> AlertEvent {
    AlertEvent {
        alert: "fork",
        reason: None,
        message: message.to_owned(),
        times: 3,
        unix_ms: 1_700_000_000_000,
        node: "a node".to_owned(),
        chain: "testnet".to_owned(),
    }
}
