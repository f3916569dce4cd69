//! `status --watch`.

mod screen;
mod table;
#[cfg(test)]
mod tests;

use super::{CliError, ExitCode, args::StatusArgs, resync::block_on, stopping::stop_signal};
use crate::{
    rpc::PeerView,
    status_view::{ClientError, NodeClient, StatusView, counted},
    terminal::Reader,
};
use screen::{Picture, Screen};
use std::{
    io::{IsTerminal, stdout},
    time::Duration,
};

/// How often the node is asked.
const EVERY: Duration = Duration::from_secs(1);

/// Shows the node's status again and again, until a signal or until nobody reads it any more. A node that is away for a
/// while is waited for; `find` says where it is now.
pub(super) fn run(
    args: &StatusArgs,
    find: impl Fn() -> Result<NodeClient, CliError>,
) -> Result<ExitCode, CliError> {
    // A node that is not there at all is an error, not something to wait for.
    let client = find()?;
    block_on(async {
        let mut output = Output::of(args);
        let ended = tokio::select! {
            biased;
            signal = stop_signal() => signal.map(ExitCode::Stopped),
            ended = watch(client, find, &mut output) => ended,
        };
        output.close()?;
        ended
    })
}

async fn watch(
    mut client: NodeClient,
    find: impl Fn() -> Result<NodeClient, CliError>,
    output: &mut Output,
) -> Result<ExitCode, CliError> {
    let (view, peers) = look(&client).await?;
    let mut reader = output.show(view, peers)?;
    while reader == Reader::There {
        tokio::time::sleep(EVERY).await;
        reader = match look(&client).await {
            Ok((view, peers)) => output.show(view, peers)?,
            Err(error @ ClientError::BadUrl { .. }) => return Err(error.into()),
            Err(error) => {
                // After a restart it may be elsewhere.
                client = find().unwrap_or(client);
                output.away(&error)?
            }
        };
    }
    Ok(ExitCode::Done)
}

async fn look(client: &NodeClient) -> Result<(StatusView, Vec<PeerView>), ClientError> {
    Ok((client.status().await?, client.peers().await?))
}

enum Output {
    /// One JSON object per look.
    Json,
    /// The whole screen.
    Screen(Box<Screen>),
    /// The last line.
    Lines(String),
}

impl Output {
    fn of(args: &StatusArgs) -> Self {
        if args.json {
            Self::Json
        } else if stdout().is_terminal() {
            Self::Screen(Box::default())
        } else {
            Self::Lines(String::new())
        }
    }

    fn show(&mut self, view: StatusView, peers: Vec<PeerView>) -> Result<Reader, CliError> {
        match self {
            Self::Json => {
                let both = serde_json::json!({ "status": view, "peers": peers });
                write(&format!("{both}\n"))
            }
            Self::Screen(screen) => screen.show(Picture::of(view, peers)),
            Self::Lines(last) => changed(last, &line(&view)),
        }
    }

    fn away(&mut self, error: &ClientError) -> Result<Reader, CliError> {
        match self {
            Self::Json => {
                let error = serde_json::json!({ "error": error.to_string() });
                write(&format!("{error}\n"))
            }
            Self::Screen(screen) => screen.away(error),
            Self::Lines(last) => changed(last, &error.to_string()),
        }
    }

    /// Leaves the terminal as it was.
    fn close(self) -> Result<(), CliError> {
        match self {
            Self::Screen(screen) => screen.close(),
            Self::Json | Self::Lines(_) => Ok(()),
        }
    }
}

/// The health line, what to do if it does not say so, and the peers.
fn line(view: &StatusView) -> String {
    let reason = view.explanation();
    let reason = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
    format!("{}{reason}, {}", view.health, counted(view.peers, "peer"))
}

fn write(text: &str) -> Result<Reader, CliError> {
    Reader::write(text).map_err(|source| CliError::Output { source })
}

/// Writes a line that is another one than the last. While nothing changes nothing is written, so it is looked up whether
/// there is still somebody to read what will come.
fn changed(last: &mut String, line: &str) -> Result<Reader, CliError> {
    if last == line {
        return Ok(Reader::of_stdout());
    }
    line.clone_into(last);
    write(&format!("{line}\n"))
}
