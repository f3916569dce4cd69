//! What the command line takes, a file for each group of commands. The commands are listed here, with their help.

mod blocks;
mod chain;
mod completions;
mod key;
mod localnet;
mod peers;
mod place;
mod resync;
mod run;
mod status;
mod tx;

pub use blocks::{CheckBlockArgs, ExportBlocksArgs, ImportBlocksArgs, PurgeChainArgs, RevertArgs};
pub use chain::{BuildSpecArgs, SpecFormat, SpecType, StrategiesArgs};
pub use completions::CompletionsArgs;
pub use key::{
    GenerateKeyArgs, GenerateNodeKeyArgs, InsertKeyArgs, InspectKeyArgs, KeyCommand, KeyType,
    NodeKeyArgs, OutputType, PhraseLength, Scheme,
};
pub use localnet::LocalnetArgs;
pub use peers::{PeerArgs, PeersCommand};
pub use place::{LogArgs, PlaceArgs, StandInArgs};
pub use resync::{BackupsCommand, RestoreArgs, ResyncArgs};
pub use run::{DevKeyArgs, RpcMethods, RunArgs};
pub use status::StatusArgs;
pub use tx::{TransferArgs, TxCommand};

use super::benchmark::BenchmarkCommand;
use clap::{Parser, Subcommand};

/// A node with a three-tier sync component.
#[derive(Debug, Parser)]
#[command(
    name = "node-template",
    version,
    about,
    after_help = "Examples:\n  \
                  node-template --dev                                    one node, in a temporary folder\n  \
                  node-template --chain local --alice -d /tmp/alice      a validator of the local network\n  \
                  node-template --chain my-chain.toml --validator        a validator of a chain of one's own\n\n\
                  Without a command the node runs. Exit codes: 0 done, 64 wrong usage, 1 anything else that failed; \
                  `status` has its own, see `node-template status --help`.",
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    max_term_width = 120
)]
pub struct Cli {
    /// What to do instead of running the node.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to run the node.
    #[command(flatten)]
    pub run: RunArgs,
}

/// Commands beside running the node.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print a chain spec, to copy and change
    #[command(after_help = "Examples:
  node-template build-spec --chain local > my-chain.toml
  node-template build-spec --id my-chain --type live --authority 5Grw… --authority 5FHn… --balance 5Grw…=1000000 > my-chain.toml")]
    BuildSpec(BuildSpecArgs),
    /// Make, show and store keys: of authorities and accounts (sr25519), and of the network identity (ed25519)
    #[command(
        subcommand,
        arg_required_else_help = false,
        after_help = "Examples:
  node-template key generate
  node-template key insert --chain my-chain.toml -d ./data < phrase.txt"
    )]
    Key(KeyCommand),
    /// Show a chain's identity, and where this machine keeps it
    #[command(after_help = "Example:
  node-template chain-info --chain my-chain.toml -d ./data")]
    ChainInfo(PlaceArgs),
    /// Show how the running node stands against its network
    ///
    /// Exit codes: 0 in sync, 1 behind by a gap, 2 critical, 3 unknown, 4 no node runs there, 64 wrong usage,
    /// 70 this command itself failed.
    #[command(
        verbatim_doc_comment,
        after_help = "Examples:
  node-template status                              the node of this machine
  node-template status --watch                      again every second, with a line for each peer
  node-template status --url http://10.0.0.7:9944   a node elsewhere
  node-template status --json | jq .verdict         for scripts"
    )]
    Status(StatusArgs),
    /// List the sync strategies of each tier and mark the ones that the chain selects
    #[command(after_help = "Examples:
  node-template strategies
  node-template strategies --chain my-chain.toml --sync-config sync.toml")]
    Strategies(StrategiesArgs),
    /// Build the network's chain anew beside the present one and exchange the two; the old chain is kept as a backup
    ///
    /// Works through the running node, or by itself where none runs. The chain is fetched from trusted peers, every block is
    /// validated, and the voters are asked whether it is theirs before anything of the present chain is touched.
    #[command(
        verbatim_doc_comment,
        after_help = "Examples:
  node-template resync --dry-run --peer 12D3KooW…   what would be done, and from whom; writes nothing
  node-template resync --peer 12D3KooW…             asks, then shows how far it is
  node-template resync --resume                     goes on with an interrupted run
  node-template resync --abort                      gives it up; the present chain stays"
    )]
    Resync(ResyncArgs),
    /// List, restore and remove the chains that a resync has kept
    #[command(
        subcommand,
        arg_required_else_help = false,
        after_help = "Examples:
  node-template backups list
  node-template backups restore 20261123T1328    the old chain back; the present one becomes a backup"
    )]
    Backups(BackupsCommand),
    /// Make extrinsics and send them to a node
    #[command(
        subcommand,
        arg_required_else_help = false,
        after_help = "Example:
  node-template tx transfer --from //Alice --to //Bob --amount 1000"
    )]
    Tx(TxCommand),
    /// List what is remembered of peers, ban them, and take bans back
    #[command(
        subcommand,
        arg_required_else_help = false,
        after_help = "Examples:
  node-template peers list
  node-template peers ban 12D3KooW…"
    )]
    Peers(PeersCommand),
    /// Write blocks of the best chain to a file or standard output; the node is stopped
    ///
    /// A JSON object per block and line, or SCALE with --binary, as Substrate writes them. A file is written beside its
    /// place, as NAME.*.part, and gets its name when it is whole and on the disk. Nothing is overwritten: a file that is
    /// there already is refused. Progress goes to standard error.
    #[command(after_help = "Examples:
  node-template export-blocks --dev -d ./data chain.json
  node-template export-blocks --dev -d ./data --binary chain.bin
  node-template export-blocks --dev -d ./data --from 100 --to 200
  node-template export-blocks --dev -d ./data | gzip > chain.json.gz")]
    ExportBlocks(ExportBlocksArgs),
    /// Validate the blocks of a file, or of standard input, and add them to the chain here; the node is stopped
    ///
    /// Each block is checked and executed as if a peer had sent it. Where there is no chain yet, it is made. Blocks that are
    /// stored already are skipped. When a block does not hold, when the file ends too early, and on Ctrl-C, what was imported
    /// before stays: the same command goes on from there. Progress goes to standard error.
    #[command(after_help = "Examples:
  node-template import-blocks --dev -d ./new chain.json
  node-template import-blocks --dev -d ./new --binary chain.bin
  node-template import-blocks --dev -d ./new --log json chain.json
  gunzip < chain.json.gz | node-template import-blocks --dev -d ./new")]
    ImportBlocks(ImportBlocksArgs),
    /// Check a stored block once more: header, seal, body, and that executing it gives its state root; the node is stopped
    #[command(after_help = "Examples:
  node-template check-block --dev -d ./data 17
  node-template check-block --dev -d ./data 0x1b60…")]
    CheckBlock(CheckBlockArgs),
    /// Take the newest blocks back, down to the final one at the lowest; the node is stopped
    #[command(after_help = "Examples:
  node-template revert --dev -d ./data          the newest 256, or as many as are not final; asks before
  node-template revert --dev -d ./data 10 -y    the newest 10, without a question")]
    Revert(RevertArgs),
    /// Remove the blocks of a chain from this machine; keys, signing records and the network key stay
    #[command(after_help = "Examples:
  node-template purge-chain --dev -d ./data
  node-template purge-chain --chain my-chain.toml -d ./data -y")]
    PurgeChain(PurgeChainArgs),
    /// Run a network of nodes on this machine
    #[command(after_help = "Examples:
  node-template localnet                      four validators, a live table, until Ctrl-C
  node-template localnet --tour               play a story on the network and check every step
  node-template localnet --base-path ./net    keep their data, and go on with them next time")]
    Localnet(LocalnetArgs),
    /// Measure what this machine can do, and how near the node comes to it; use a release build
    #[command(
        subcommand,
        arg_required_else_help = false,
        after_help = "Examples:
  node-template benchmark limits
  node-template benchmark sync --base-path ./bench"
    )]
    Benchmark(BenchmarkCommand),
    /// Print a script that lets a shell complete this program's commands and options
    #[command(after_help = "Examples:
  source <(node-template completions bash)
  node-template completions zsh > ~/.zfunc/_node-template")]
    Completions(CompletionsArgs),
}
