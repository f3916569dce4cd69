//! `status`.

use super::PlaceArgs;
use clap::Args;

/// `status`.
#[derive(Clone, Debug, Args)]
pub struct StatusArgs {
    /// Which node, by its files.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Which node, by the address of its RPC, such as `http://127.0.0.1:9944`
    #[arg(long, value_name = "URL", conflicts_with_all = ["chain", "dev", "base_path"])]
    pub url: Option<String>,
    /// Print the answer of `sync_status` as one line of JSON
    #[arg(long)]
    pub json: bool,
    /// Show it again every second, with a line for each peer, until Ctrl-C; off a terminal, a line whenever it changes
    #[arg(long)]
    pub watch: bool,
}
