//! Long commands and Ctrl-C: the first signal asks the work to stop where it is whole, the second one ends the command.

use super::CliError;
use crate::block_file::Next;
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};
use tokio::signal::unix::{SignalKind, signal};

/// What asked a command to stop. SIGHUP is left alone: with `nohup` it must do nothing, and otherwise it is a kill, which
/// costs nothing that was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopSignal {
    /// Ctrl-C.
    Interrupt,
    /// `kill`.
    Terminate,
}

impl StopSignal {
    /// Its number, of which shells make the exit code by adding 128.
    pub fn number(self) -> u8 {
        match self {
            Self::Interrupt => 2,
            Self::Terminate => 15,
        }
    }
}

impl fmt::Display for StopSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        })
    }
}

/// Where the work looks whether it is to stop.
#[derive(Clone, Debug, Default)]
pub(super) struct Stop(Arc<AtomicU8>);

impl Stop {
    /// The signal that came.
    pub(super) fn signal(&self) -> Option<StopSignal> {
        let number = self.0.load(Ordering::Acquire);
        [StopSignal::Interrupt, StopSignal::Terminate]
            .into_iter()
            .find(|signal| signal.number() == number)
    }

    /// The same, for [`crate::block_file`].
    pub(super) fn next(&self) -> Next {
        match self.signal() {
            None => Next::GoOn,
            Some(_) => Next::Stop,
        }
    }

    fn ask(&self, signal: StopSignal) {
        self.0.store(signal.number(), Ordering::Release);
    }
}

/// Returns when a signal asks the command to stop; what it does until then is dropped.
pub(super) async fn stop_signal() -> Result<StopSignal, CliError> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(CliError::System)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(CliError::System)?;
    Ok(tokio::select! {
        _ = interrupt.recv() => StopSignal::Interrupt,
        _ = terminate.recv() => StopSignal::Terminate,
    })
}

/// Does `work` on a thread of its own, and asks it to stop when a signal comes.
pub(super) fn stoppable<T: Send + 'static>(
    work: impl FnOnce(&Stop) -> Result<T, CliError> + Send + 'static,
) -> Result<T, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CliError::System)?;
    let result = runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).map_err(CliError::System)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(CliError::System)?;
        let stop = Stop::default();
        let seen = stop.clone();
        let mut working = tokio::task::spawn_blocking(move || work(&seen));
        loop {
            let came = tokio::select! {
                biased;
                done = &mut working => {
                    return done.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
                }
                _ = interrupt.recv() => StopSignal::Interrupt,
                _ = terminate.recv() => StopSignal::Terminate,
            };
            if stop.signal().is_some() {
                return Err(CliError::StoppedAtOnce { signal: came });
            }
            stop.ask(came);
        }
    });
    // After a second signal nobody waits for work that waits for its input or output.
    runtime.shutdown_background();
    result
}
