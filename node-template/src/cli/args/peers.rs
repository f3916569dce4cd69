//! `peers`.

use super::{super::address, PlaceArgs};
use clap::{Args, Subcommand};

/// `peers`.
#[derive(Clone, Debug, Subcommand)]
pub enum PeersCommand {
    /// List the peers: trust, for how long they were consistent with this node, speed, bans
    #[command(after_help = "Example:
  node-template peers list --chain my-chain.toml -d ./data")]
    List(PlaceArgs),
    /// Ban a peer until `peers unban`
    #[command(after_help = "Example:
  node-template peers ban 12D3KooW…")]
    Ban(PeerArgs),
    /// Take a ban back, whoever made it
    #[command(after_help = "Example:
  node-template peers unban 12D3KooW…")]
    Unban(PeerArgs),
}

/// `peers ban` and `peers unban`.
#[derive(Clone, Debug, Args)]
pub struct PeerArgs {
    /// Which node, by its files.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// The peer, by its id (12D3KooW…)
    #[arg(value_name = "ID", value_parser = address::peer)]
    pub id: String,
}
