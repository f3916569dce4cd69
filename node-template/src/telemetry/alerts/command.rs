use super::AlertEvent;
use rustix::process::{Pid, Signal, kill_process_group};
use std::{
    convert::Infallible,
    io,
    process::{ExitStatus, Stdio},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, ChildStderr, ChildStdin, Command},
    sync::broadcast::{Receiver, error::RecvError},
    time::timeout,
};

/// How long the command may take for one alert; then it is killed. Too low: a slow mail server loses alerts; too high: one
/// that hangs keeps the next alerts waiting.
const LIMIT: Duration = Duration::from_secs(30);

/// How much of what it says on standard error is kept for the log.
const WORDS: usize = 1024;

/// How long the rest of its standard error is waited for once it has ended.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// `--alert-cmd`: a command line for `sh -c` that is run once for each alert, one at a time, with the event on its standard
/// input.
#[derive(Clone, Debug)]
pub struct AlertCommand {
    line: String,
    limit: Duration,
}

/// The command did not do its work. A log line; the node goes on.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandFailure {
    /// It cannot be started.
    #[error("sh cannot be started ({0})")]
    NotStarted(io::Error),
    /// The system does not say how it ended.
    #[error("its end cannot be waited for ({0})")]
    NotWaitedFor(io::Error),
    /// It ended with an error.
    #[error("it ended with {status}: {said}")]
    Failed {
        /// How.
        status: ExitStatus,
        /// The beginning of what it said on standard error.
        said: String,
    },
    /// It took too long.
    #[error("it was killed after {} s", .0.as_secs())]
    TooSlow(Duration),
}

impl AlertCommand {
    /// The command `line`.
    pub fn new(line: String) -> Self {
        Self { line, limit: LIMIT }
    }

    /// The same with another time limit.
    #[cfg(test)]
    pub(super) fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs the command for each event, until nobody can raise an alert any more.
    pub async fn run(self, mut events: Receiver<AlertEvent>) {
        loop {
            match events.recv().await {
                Ok(event) => {
                    if let Err(error) = self.run_once(&event).await {
                        tracing::warn!(alert = event.alert, "--alert-cmd failed: {error}");
                    }
                }
                Err(RecvError::Lagged(missed)) => tracing::warn!(
                    missed,
                    "--alert-cmd was not run for alerts that came while it was busy"
                ),
                Err(RecvError::Closed) => return,
            }
        }
    }

    pub(super) async fn run_once(&self, event: &AlertEvent) -> Result<(), CommandFailure> {
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(&self.line)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // A group of its own, so that what it starts is killed with it.
            .process_group(0)
            .spawn()
            .map_err(CommandFailure::NotStarted)?;
        let mut group = Group::of(&child);
        let ended = timeout(self.limit, talk(&mut child, event)).await;
        let Ok(ended) = ended else {
            group.kill();
            // Only so that nothing of it stays in the table of processes.
            let _ = child.wait().await;
            return Err(CommandFailure::TooSlow(self.limit));
        };
        group.has_ended();
        let (status, said) = ended.map_err(CommandFailure::NotWaitedFor)?;
        if status.success() {
            Ok(())
        } else {
            Err(CommandFailure::Failed { status, said })
        }
    }
}

/// Feeds it, listens to it, and waits for its end. What it has left behind in the background is not waited for.
async fn talk(child: &mut Child, event: &AlertEvent) -> io::Result<(ExitStatus, String)> {
    let (input, mut errors) = (child.stdin.take(), child.stderr.take());
    let mut said = Vec::new();
    let status = {
        let busy = async {
            let feeding = feed(input, event);
            let listening = listen(errors.as_mut(), &mut said);
            tokio::join!(feeding, listening);
            std::future::pending::<Infallible>().await
        };
        tokio::select! {
            status = child.wait() => status?,
            never = busy => match never {},
        }
    };
    // What it said last may still be on its way.
    let _ = timeout(LAST_WORDS, listen(errors.as_mut(), &mut said)).await;
    let said = String::from_utf8_lossy(&said).trim().replace('\n', "; ");
    Ok((status, said))
}

async fn feed(input: Option<ChildStdin>, event: &AlertEvent) {
    if let Some(mut input) = input {
        // It need not read it.
        let _ = input.write_all(&event.to_line()).await;
    }
}

/// Keeps the first words and drops the others, so that a talkative command does not wait for us.
async fn listen(errors: Option<&mut ChildStderr>, said: &mut Vec<u8>) {
    let Some(errors) = errors else { return };
    let mut part = [0; 256];
    while let Ok(length @ 1..) = errors.read(&mut part).await {
        let room = WORDS.saturating_sub(said.len());
        said.extend(part.iter().take(length.min(room)));
    }
}

/// The command's process group. Killed when this is dropped before the command has ended: when the node stops.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(Pid::from_raw))
    }

    /// Its number may be another's from now on.
    fn has_ended(&mut self) {
        self.0 = None;
    }

    fn kill(&mut self) {
        if let Some(group) = self.0.take() {
            // It may be gone.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
