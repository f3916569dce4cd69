use super::ServiceError;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM, SIGINT, and SIGHUP of a terminal that is closed.
#[derive(Debug)]
pub(super) struct Signals {
    term: Signal,
    int: Signal,
    hangup: Signal,
}

impl Signals {
    /// From here on the signals no longer end the process by themselves.
    pub(super) fn listen() -> Result<Self, ServiceError> {
        Ok(Self {
            term: signal(SignalKind::terminate()).map_err(ServiceError::System)?,
            int: signal(SignalKind::interrupt()).map_err(ServiceError::System)?,
            hangup: signal(SignalKind::hangup()).map_err(ServiceError::System)?,
        })
    }

    /// Waits for one; says its name.
    pub(super) async fn any(&mut self) -> &'static str {
        tokio::select! {
            _ = self.term.recv() => "SIGTERM",
            _ = self.int.recv() => "SIGINT",
            _ = self.hangup.recv() => "SIGHUP",
        }
    }
}
