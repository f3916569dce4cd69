//! What a chain is made of: `build-spec`, `strategies`.

use clap::{ArgAction, Args, ValueEnum};
use std::path::PathBuf;

/// `build-spec`.
#[derive(Clone, Debug, Args)]
pub struct BuildSpecArgs {
    /// The chain: `dev`, `local`, or the path of a chain spec
    #[arg(long, value_name = "CHAIN", default_value = "local")]
    pub chain: String,
    /// The format to print
    #[arg(long, value_enum, default_value_t = SpecFormat::Toml)]
    pub format: SpecFormat,
    /// The new chain's name, for people
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The new chain's id, which names its folder; letters, digits, `-`, `_` and `.`
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// The new chain's type: `live` where anybody may reach its nodes, `local` on one machine or among friends, `development`
    /// for one node that needs no others
    #[arg(long = "type", value_enum, value_name = "TYPE")]
    pub kind: Option<SpecType>,
    /// An authority, by its SS58 address or public key in hex, in the order of their slots; those given take the place of
    /// all of the chain; may be given several times
    #[arg(long, value_name = "ACCOUNT", action = ArgAction::Append)]
    pub authority: Vec<String>,
    /// What an account holds at genesis, in the smallest unit; those given take the place of all of the chain; may be given
    /// several times
    #[arg(long, value_name = "ACCOUNT=AMOUNT", action = ArgAction::Append)]
    pub balance: Vec<String>,
}

/// Formats of a chain spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SpecFormat {
    /// TOML, for people
    Toml,
    /// JSON, for programs
    Json,
}

/// Types of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SpecType {
    /// One machine, one node
    Development,
    /// One machine, several nodes
    Local,
    /// A real network
    Live,
}

/// `strategies`.
#[derive(Clone, Debug, Args)]
pub struct StrategiesArgs {
    /// The chain: `dev`, `local`, or the path of a chain spec
    #[arg(long, value_name = "CHAIN", default_value = "local")]
    pub chain: String,
    /// TOML file whose keys below `[sync]` take the place of the chain spec's
    #[arg(long, value_name = "FILE")]
    pub sync_config: Option<PathBuf>,
}
