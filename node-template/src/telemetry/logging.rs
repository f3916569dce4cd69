use crate::terminal::Paint;
use tracing_subscriber::{EnvFilter, filter::ParseError};

/// They say what the node itself says better, and Kademlia warns of a routing table that is empty, as every first one is; a filter that names them overrides this.
const QUIET: &str = "libp2p_swarm=warn,libp2p_mdns=warn,libp2p_kad=error";

/// What a filter does not name; a bare level in the filter overrides this.
const EVERYTHING_ELSE: &str = "info";

/// `--log` is no filter.
#[derive(Debug, thiserror::Error)]
#[error(
    "--log {filter} is no filter ({source}); give a level such as info, or target=level pairs such as info,sync=debug; the word json beside them makes each line a JSON object"
)]
pub struct LogFilterError {
    /// What was given.
    pub filter: String,
    /// What is wrong with it.
    pub source: ParseError,
}

/// How the lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line, for programs.
    Json,
}

/// The item of `--log`'s list that chooses [`LogFormat::Json`], in capitals or not. No crate of ours has this name, so nothing is
/// lost as a filter.
const JSON: &str = "json";

/// Takes the format out of the list; the rest is the filter.
pub(super) fn split(list: &str) -> (LogFormat, String) {
    let items = list.split(',').map(str::trim);
    let (formats, filters): (Vec<_>, Vec<_>) =
        items.partition(|item| item.eq_ignore_ascii_case(JSON));
    let format = if formats.is_empty() {
        LogFormat::Text
    } else {
        LogFormat::Json
    };
    (format, filters.join(","))
}

/// Sends the log of this process to standard error, as `list` says: filters, and `json` for JSON lines. Text has no colours
/// where standard error is no terminal, or `NO_COLOR` is set. A program that has set up a log of its own keeps it.
pub fn start_log(list: &str) -> Result<(), LogFilterError> {
    let (format, filter) = split(list);
    let parsed =
        EnvFilter::try_new(format!("{EVERYTHING_ELSE},{QUIET},{filter}")).map_err(|source| {
            LogFilterError {
                filter: list.to_owned(),
                source,
            }
        })?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(parsed)
        // A line that cannot be written, as whoever read them is gone or the disk is full, would be reported on standard error
        // too, and that would end the task that wrote it.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    let set = match format {
        LogFormat::Json => log.json().flatten_event(true).with_ansi(false).try_init(),
        LogFormat::Text => {
            let colored = Paint::on(&std::io::stderr()) == Paint::Coloured;
            log.with_ansi(colored).with_target(false).try_init()
        }
    };
    if set.is_err() {
        tracing::debug!("this process has a log already; --log changes nothing");
    }
    Ok(())
}
