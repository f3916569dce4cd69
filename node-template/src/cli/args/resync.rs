//! Tier 3: `resync` and `backups`.

use super::{super::address, StandInArgs};
use clap::{ArgAction, ArgGroup, Args, Subcommand};
use libp2p::Multiaddr;
use std::path::PathBuf;

/// `resync`.
#[derive(Clone, Debug, Args)]
#[command(group(ArgGroup::new("control").args(["status", "abort", "resume"]).conflicts_with_all(["dry_run", "peer", "checkpoint", "strategy"])))]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub struct ResyncArgs {
    /// Which node.
    #[command(flatten)]
    pub node: StandInArgs,
    /// Say what would be done, where and from whom, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// A peer that you vouch for, by its id (12D3KooW…), to fetch from; may be given several times [default: the trusted ones,
    /// see `peers list`]
    #[arg(long, value_name = "ID", action = ArgAction::Append, value_parser = address::peer)]
    pub peer: Vec<String>,
    /// A block that the new chain must hold; stands in for the voters where nobody can vote
    #[arg(long, value_name = "N:HASH", value_parser = address::checkpoint)]
    pub checkpoint: Option<String>,
    /// Peers to connect to where no node runs, such as /ip4/192.0.2.1/tcp/30333/p2p/12D3Koo…; may be given several times
    /// [default: those of the chain spec, and the remembered ones]
    #[arg(long, value_name = "MULTIADDR", num_args = 1.., action = ArgAction::Append, value_parser = address::bootnode)]
    pub bootnodes: Vec<Multiaddr>,
    /// Where no node runs: the nodes that it is given as trusted beside those of the chain spec; may be given several times
    #[arg(long, value_name = "MULTIADDR", num_args = 1.., action = ArgAction::Append, value_parser = address::bootnode)]
    pub reserved_nodes: Vec<Multiaddr>,
    /// The strategy [default: the one that the chain selects, see `strategies`]
    #[arg(long, value_name = "NAME")]
    pub strategy: Option<String>,
    /// Do not ask
    #[arg(long, short = 'y')]
    pub yes: bool,
    /// Show the run under way, and how the last one ended
    #[arg(long)]
    pub status: bool,
    /// Give the run under way up; the present chain stays
    #[arg(long)]
    pub abort: bool,
    /// Go on with an interrupted run
    #[arg(long)]
    pub resume: bool,
}

/// `backups`.
#[derive(Clone, Debug, Subcommand)]
pub enum BackupsCommand {
    /// List the backups, the oldest first
    #[command(after_help = "Example:
  node-template backups list --chain my-chain.toml -d ./data")]
    List(StandInArgs),
    /// Make a backup the live chain again; the present chain becomes a backup
    #[command(after_help = "Examples:
  node-template backups restore 20261123T1328                 by the beginning of its name
  node-template backups restore 20261123T1328 --to /tmp/old   a copy beside the present chain")]
    Restore(RestoreArgs),
    /// Remove the backups that are older than `tier3_backup_retention_days` and since which the node was in sync
    #[command(after_help = "Example:
  node-template backups prune --chain my-chain.toml -d ./data --sync-config sync.toml")]
    Prune(StandInArgs),
}

/// `backups restore`.
#[derive(Clone, Debug, Args)]
pub struct RestoreArgs {
    /// Which node.
    #[command(flatten)]
    pub node: StandInArgs,
    /// The backup, by its name or the beginning of it
    #[arg(value_name = "ID")]
    pub id: String,
    /// Copy it into this new or empty folder instead, as the base path of another node; the present chain stays live
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,
    /// Do not ask
    #[arg(long, short = 'y')]
    pub yes: bool,
}
