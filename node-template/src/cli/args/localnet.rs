//! `localnet`.

use clap::Args;
use std::path::PathBuf;

/// `localnet`.
#[derive(Clone, Debug, Args)]
pub struct LocalnetArgs {
    /// How many nodes: validators with the development keys, as far as the `local` chain has authorities, then full
    /// nodes
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(2..=16))]
    pub nodes: u8,
    /// Keep the nodes' files in this folder instead of a temporary one, and go on with what is there
    #[arg(long, short = 'd', value_name = "PATH")]
    pub base_path: Option<PathBuf>,
    /// Play a story on the network, check every step of it through the nodes' RPC, and end
    #[arg(long, conflicts_with = "nodes")]
    pub tour: bool,
    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
}
