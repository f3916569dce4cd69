//! What works on the stored blocks while the node is stopped.

use super::{super::address, LogArgs, PlaceArgs};
use clap::Args;
use std::path::PathBuf;

/// `export-blocks`.
#[derive(Clone, Debug, Args)]
pub struct ExportBlocksArgs {
    /// Which chain, and where.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// The new file; `-` for standard output [default: standard output]
    #[arg(value_name = "OUTPUT")]
    pub output: Option<PathBuf>,
    /// The lowest block
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub from: u32,
    /// The highest block [default: the best one]
    #[arg(long, value_name = "N")]
    pub to: Option<u32>,
    /// Write SCALE instead of JSON
    #[arg(long)]
    pub binary: bool,
    /// How progress is shown.
    #[command(flatten)]
    pub log: LogArgs,
}

/// `import-blocks`.
#[derive(Clone, Debug, Args)]
pub struct ImportBlocksArgs {
    /// Which chain, and where.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// The file; `-` for standard input [default: standard input]
    #[arg(value_name = "INPUT")]
    pub input: Option<PathBuf>,
    /// It was exported with --binary
    #[arg(long)]
    pub binary: bool,
    /// How progress is shown.
    #[command(flatten)]
    pub log: LogArgs,
}

/// `check-block`.
#[derive(Clone, Debug, Args)]
pub struct CheckBlockArgs {
    /// Which chain, and where.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Its number on the best chain, or its hash
    #[arg(value_name = "HASH or NUMBER", value_parser = address::block)]
    pub block: String,
}

/// `revert`.
#[derive(Clone, Debug, Args)]
pub struct RevertArgs {
    /// Which chain, and where.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// How many blocks
    #[arg(value_name = "NUM", default_value_t = 256)]
    pub num: u32,
    /// Do not ask
    #[arg(long, short = 'y')]
    pub yes: bool,
}

/// `purge-chain`.
#[derive(Clone, Debug, Args)]
pub struct PurgeChainArgs {
    /// Which chain, and where.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Do not ask
    #[arg(long, short = 'y')]
    pub yes: bool,
}
