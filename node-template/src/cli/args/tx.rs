//! `tx`.

use super::PlaceArgs;
use clap::{Args, Subcommand};

/// `tx`.
#[derive(Clone, Debug, Subcommand)]
pub enum TxCommand {
    /// Send a transfer to a running node, and print its hash
    #[command(after_help = "Example:
  node-template tx transfer --from //Alice --to //Bob --amount 1000 --url http://127.0.0.1:9944")]
    Transfer(TransferArgs),
}

/// `tx transfer`.
#[derive(Clone, Debug, Args)]
pub struct TransferArgs {
    /// Which node, by its files.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Which node, by the address of its RPC, such as `http://127.0.0.1:9944`
    #[arg(long, value_name = "URL", conflicts_with_all = ["chain", "dev", "base_path"])]
    pub url: Option<String>,
    /// The key that pays: a secret phrase or URI, such as `//Alice`; `-` reads it from standard input, where other users
    /// of this machine cannot see it
    #[arg(long, value_name = "URI", allow_hyphen_values = true)]
    pub from: String,
    /// Who receives: an SS58 address, a public key in hex, or a URI such as `//Bob`
    #[arg(long, value_name = "ACCOUNT")]
    pub to: String,
    /// How much, in the chain's smallest unit
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    pub amount: u128,
    /// The account's nonce [default: the next one, after those that wait in the node's pool]
    #[arg(long, value_name = "N")]
    pub nonce: Option<u64>,
}
