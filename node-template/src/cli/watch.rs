//! `status --watch`.

use super::{CliError, ExitCode, args::StatusArgs, resync::block_on};
use crate::{
    rpc::{BanView, PeerView},
    status_view::{ClientError, NodeClient, StatusView},
};
use std::{
    fmt::Write as _,
    io::{ErrorKind, IsTerminal, Write as _, stdout},
    time::Duration,
};

/// How often the node is asked.
const EVERY: Duration = Duration::from_secs(1);

/// Most peers that are shown; more do not fit on a screen.
const PEERS_SHOWN: usize = 30;

/// Shows the node's status again and again. A node that is away for a while is waited for; `find` says where it is now.
pub(super) fn run(
    args: &StatusArgs,
    find: impl Fn() -> Result<NodeClient, CliError>,
) -> Result<ExitCode, CliError> {
    let mut output = if args.json {
        Output::Json
    } else if stdout().is_terminal() {
        Output::Screen
    } else {
        Output::Lines(String::new())
    };
    // A node that is not there at all is an error, not something to wait for.
    let mut client = Some(find()?);
    block_on(async {
        loop {
            let seen = match &client {
                Some(client) => look(client).await,
                None => Ok(None),
            };
            let reader = match seen {
                Ok(Some((view, peers))) => output.show(&view, &peers)?,
                Ok(None) => {
                    client = find().ok();
                    Reader::There
                }
                Err(error @ ClientError::BadUrl { .. }) => return Err(error.into()),
                Err(error) => {
                    // After a restart it may be elsewhere.
                    client = find().ok().or(client);
                    output.away(&error)?
                }
            };
            if reader == Reader::Gone {
                return Ok(ExitCode::Done);
            }
            tokio::time::sleep(EVERY).await;
        }
    })
}

async fn look(client: &NodeClient) -> Result<Option<(StatusView, Vec<PeerView>)>, ClientError> {
    Ok(Some((client.status().await?, client.peers().await?)))
}

enum Output {
    /// One JSON object per look.
    Json,
    /// The whole screen.
    Screen,
    /// The last line.
    Lines(String),
}

impl Output {
    fn show(&mut self, view: &StatusView, peers: &[PeerView]) -> Result<Reader, CliError> {
        match self {
            Self::Json => {
                let both = serde_json::json!({ "status": view, "peers": peers });
                write_out(&format!("{both}\n"))
            }
            Self::Screen => write_out(&screen(&format!("{view}\n\n{}", table(peers)))),
            Self::Lines(last) => changed(last, &line(view)),
        }
    }

    fn away(&mut self, error: &ClientError) -> Result<Reader, CliError> {
        match self {
            Self::Json => {
                let error = serde_json::json!({ "error": error.to_string() });
                write_out(&format!("{error}\n"))
            }
            Self::Screen => write_out(&screen(&error.to_string())),
            Self::Lines(last) => changed(last, &error.to_string()),
        }
    }
}

/// The health line, what to do if it does not say so, and the peers.
fn line(view: &StatusView) -> String {
    let reason = view.explanation();
    let reason = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
    format!("{}{reason}, {} peers", view.health, view.peers)
}

/// Who reads what is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    There,
    /// It has gone away (`| head`), and nobody sees what would come.
    Gone,
}

fn write_out(text: &str) -> Result<Reader, CliError> {
    let mut out = stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        Ok(()) => Ok(Reader::There),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(source) => Err(CliError::Output { source }),
    }
}

fn changed(last: &mut String, line: &str) -> Result<Reader, CliError> {
    if last == line {
        return Ok(Reader::There);
    }
    line.clone_into(last);
    write_out(&format!("{line}\n"))
}

/// The text in the place of what is on the terminal: from the top left on, each line cleared to its end, then the rest.
fn screen(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    format!("\x1b[H{}\x1b[K\n\x1b[J", lines.join("\x1b[K\n"))
}

/// A heading, and a line for each connected peer.
fn table(peers: &[PeerView]) -> String {
    let connected: Vec<_> = peers.iter().filter(|peer| peer.connected).collect();
    if connected.is_empty() {
        return "no peer is connected\n".to_owned();
    }
    let mut text = format!(
        "{:<14} {:>9}  {:<8} {:>8} {:>6}  {}\n",
        "PEER", "HEIGHT", "AGREES", "LATENCY", "TRUST", "TRUSTED"
    );
    for peer in connected.iter().take(PEERS_SHOWN) {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{}", row(peer));
    }
    if let Some(more) = connected
        .len()
        .checked_sub(PEERS_SHOWN)
        .filter(|more| *more > 0)
    {
        let _ = writeln!(text, "and {more} more; `peers list` shows all");
    }
    text
}

fn row(peer: &PeerView) -> String {
    let height = peer
        .best
        .as_ref()
        .map_or_else(|| "-".to_owned(), |best| format!("#{}", best.number));
    let agrees = match peer.agrees {
        Some(true) => "yes",
        Some(false) => "no",
        None => "unknown",
    };
    let latency = peer
        .latency_ms
        .map_or_else(|| "-".to_owned(), |ms| format!("{ms:.0} ms"));
    let trusted = match (&peer.ban, peer.trusted_seconds) {
        (Some(BanView::ByOperator), _) => "banned by the operator".to_owned(),
        (Some(BanView::Seconds(left)), _) => format!("banned for {left} s more"),
        (None, _) if peer.declared => "declared".to_owned(),
        (None, Some(seconds)) => format!("for {}", hours(seconds)),
        (None, None) => format!("not yet, consistent for {}", hours(peer.consistent_seconds)),
    };
    // The end of an id tells more than its beginning, which all share.
    let tail = peer.peer_id.len().saturating_sub(12);
    let id = peer.peer_id.get(tail..).unwrap_or(&peer.peer_id);
    format!(
        "…{id:<13} {height:>9}  {agrees:<8} {latency:>8} {:>6.0}  {trusted}",
        peer.trust
    )
}

fn hours(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests;
