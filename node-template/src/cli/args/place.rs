//! Arguments that several commands have.

use clap::{ArgAction, Args};
use std::path::PathBuf;

/// Which chain, and where its files are.
#[derive(Clone, Debug, Default, Args)]
pub struct PlaceArgs {
    /// The chain: `dev`, `local`, or the path of a chain spec (TOML, or JSON by extension) [default: local]
    #[arg(long, value_name = "CHAIN")]
    pub chain: Option<String>,
    /// The same as `--chain dev`
    #[arg(long, conflicts_with = "chain")]
    pub dev: bool,
    /// Folder of all chains' data [default: node-template in the user's data folder]
    #[arg(long, short = 'd', value_name = "PATH")]
    pub base_path: Option<PathBuf>,
}

/// Which node, for commands that do its work where it does not run.
#[derive(Clone, Debug, Default, Args)]
pub struct StandInArgs {
    /// Which node, by its files.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Where no node runs: the file of settings that the node is given, whose keys below `[sync]` take the place of the chain spec's.
    /// A running node goes by its own
    #[arg(long, value_name = "FILE")]
    pub sync_config: Option<PathBuf>,
}

/// How a long command says how far it is.
#[derive(Clone, Debug, Default, Args)]
pub struct LogArgs {
    /// Write progress and result to the log on standard error instead of a bar and plain lines, filtered like a node's:
    /// `info`, `warn`, …; the word `json` among them makes each line a JSON object; may be given several times
    #[arg(long, short = 'l', value_name = "FILTER", action = ArgAction::Append)]
    pub log: Vec<String>,
}
