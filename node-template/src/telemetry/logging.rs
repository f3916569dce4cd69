use std::io::IsTerminal;
use tracing_subscriber::{EnvFilter, filter::ParseError};

/// They say what the node itself says better, and Kademlia warns of a routing table that is empty, as every first one is; a filter that names them overrides this.
const QUIET: &str = "libp2p_swarm=warn,libp2p_mdns=warn,libp2p_kad=error";

/// What a filter does not name; a bare level in the filter overrides this.
const EVERYTHING_ELSE: &str = "info";

/// `--log` is no filter.
#[derive(Debug, thiserror::Error)]
#[error(
    "--log {filter} is no filter ({source}); give a level such as info, or target=level pairs such as info,sync=debug"
)]
pub struct LogFilterError {
    /// What was given.
    pub filter: String,
    /// What is wrong with it.
    pub source: ParseError,
}

/// Sends the log of this process to standard error, as `filter` says. Without colours where standard error is no terminal, or
/// `NO_COLOR` is set. A program that has set up a log of its own keeps it.
pub fn start_log(filter: &str) -> Result<(), LogFilterError> {
    let parsed =
        EnvFilter::try_new(format!("{EVERYTHING_ELSE},{QUIET},{filter}")).map_err(|source| {
            LogFilterError {
                filter: filter.to_owned(),
                source,
            }
        })?;
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let colored = std::io::stderr().is_terminal() && !no_color;
    let set = tracing_subscriber::fmt()
        .with_env_filter(parsed)
        .with_writer(std::io::stderr)
        .with_ansi(colored)
        .with_target(false)
        .try_init();
    if set.is_err() {
        tracing::debug!("this process has a log already; --log changes nothing");
    }
    Ok(())
}
