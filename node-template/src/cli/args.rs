use super::{address, benchmark::BenchmarkCommand};
use crate::{rpc::Origins, service::DevKey};
use clap::{ArgAction, ArgGroup, Args, Parser, Subcommand, ValueEnum};
use libp2p::Multiaddr;
use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

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
  node-template build-spec --id my-chain --authority 5Grw… --authority 5FHn… --balance 5Grw…=1000000 > my-chain.toml")]
    BuildSpec(BuildSpecArgs),
    /// Make, show and store keys: of authorities and accounts (sr25519), and of the network identity (ed25519)
    #[command(subcommand, arg_required_else_help = false)]
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
    /// Works through the running node, or by itself where none runs. The chain is fetched from trusted peers, every block is validated, and the voters
    /// are asked whether it is theirs before anything of the present chain is touched.
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
    #[command(subcommand, arg_required_else_help = false)]
    Backups(BackupsCommand),
    /// Make extrinsics and send them to a node
    #[command(subcommand, arg_required_else_help = false)]
    Tx(TxCommand),
    /// List what is remembered of peers, ban them, and take bans back
    #[command(subcommand, arg_required_else_help = false)]
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
    #[command(subcommand, arg_required_else_help = false)]
    Benchmark(BenchmarkCommand),
    /// Print a script that lets a shell complete this program's commands and options
    #[command(after_help = "Examples:
  source <(node-template completions bash)
  node-template completions zsh > ~/.zfunc/_node-template")]
    Completions(CompletionsArgs),
}

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

/// How a long command says how far it is.
#[derive(Clone, Debug, Default, Args)]
pub struct LogArgs {
    /// Write progress and result to the log on standard error instead of a bar and plain lines, filtered like a node's:
    /// `info`, `warn`, …; the word `json` among them makes each line a JSON object; may be given several times
    #[arg(long, short = 'l', value_name = "FILTER", action = ArgAction::Append)]
    pub log: Vec<String>,
}

/// Options of a running node.
#[derive(Clone, Debug, Args)]
#[command(group(
    ArgGroup::new("authoring")
        .args(["dev", "validator", "alice", "bob", "charlie", "dave", "eve", "ferdie"])
        .multiple(true)
))]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub struct RunArgs {
    /// Run alone on the `dev` chain: `--chain dev --alice`, and `--tmp` unless `--base-path` is given
    #[arg(long, conflicts_with_all = ["chain", "bob", "charlie", "dave", "eve", "ferdie"])]
    pub dev: bool,
    /// The chain: `dev`, `local`, or the path of a chain spec (TOML, or JSON by extension) [default: local]
    #[arg(long, value_name = "CHAIN")]
    pub chain: Option<String>,
    /// Folder of all chains' data [default: node-template in the user's data folder]
    #[arg(long, short = 'd', value_name = "PATH")]
    pub base_path: Option<PathBuf>,
    /// Keep the data in a new temporary folder and remove it at the end
    #[arg(long, conflicts_with = "base_path")]
    pub tmp: bool,
    /// This node's name, for people [default: the development key's name, else `node-template`]
    #[arg(long, value_name = "NAME", value_parser = address::name)]
    pub name: Option<String>,
    /// Author blocks with the keys of the keystore
    #[arg(long)]
    pub validator: bool,
    /// Author with the well-known development key that the option names
    #[command(flatten)]
    pub key: DevKeyArgs,
    /// Author without the votes of peers, while no connected peer has a block above genesis
    #[arg(long, requires = "authoring")]
    pub force_authoring: bool,
    /// Connect to nobody and listen to nobody
    #[arg(long, conflicts_with_all = ["bootnodes", "port", "listen_addr", "public_addr", "reserved_nodes", "reserved_only", "in_peers", "out_peers", "node_key", "node_key_file"])]
    pub isolated: bool,
    /// Peers to connect to, such as /ip4/192.0.2.1/tcp/30333/p2p/12D3Koo…; may be given several times
    #[arg(long, value_name = "MULTIADDR", num_args = 1.., action = ArgAction::Append, value_parser = address::bootnode)]
    pub bootnodes: Vec<Multiaddr>,
    /// Nodes that are always dialled, take no slot, and are trusted as the chain spec's reserved nodes are; may be given several
    /// times
    #[arg(long, value_name = "MULTIADDR", num_args = 1.., action = ArgAction::Append, value_parser = address::bootnode)]
    pub reserved_nodes: Vec<Multiaddr>,
    /// Meet reserved nodes only: nobody else is dialled or let in
    #[arg(long, conflicts_with_all = ["bootnodes", "in_peers", "out_peers"])]
    pub reserved_only: bool,
    /// Most peers that dial this node, reserved nodes aside [default: 32]
    #[arg(long, value_name = "N")]
    pub in_peers: Option<usize>,
    /// Most peers that this node dials, reserved nodes aside [default: 8]
    #[arg(long, value_name = "N")]
    pub out_peers: Option<usize>,
    /// Neither look for nodes on the local network nor be found there, by mDNS; so it is anyway on chains of type
    /// development, with --reserved-only, and when listening on loopback only
    #[arg(long)]
    pub no_mdns: bool,
    /// The network identity's secret key, 64 hex digits. Other users of this machine can read it; prefer a file
    #[arg(long, value_name = "HEX", conflicts_with = "node_key_file")]
    pub node_key: Option<String>,
    /// File with the network identity's secret key: 32 bytes, or 64 hex digits
    #[arg(long, value_name = "FILE")]
    pub node_key_file: Option<PathBuf>,
    /// TCP port for peers; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 30333)]
    pub port: u16,
    /// Addresses to listen on for peers, instead of all interfaces at `--port`; may be given several times
    #[arg(long, value_name = "MULTIADDR", num_args = 1.., action = ArgAction::Append, value_parser = address::listen, conflicts_with = "port")]
    pub listen_addr: Vec<Multiaddr>,
    /// Addresses at which other nodes reach this one, where they are not those that it listens on: behind a router that
    /// hands a port through, or behind a proxy. Peers are told these instead; may be given several times
    #[arg(long, value_name = "MULTIADDR", num_args = 1.., action = ArgAction::Append, value_parser = address::public)]
    pub public_addr: Vec<Multiaddr>,
    /// TCP port of the RPC (HTTP and WebSocket); 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 9944)]
    pub rpc_port: u16,
    /// Serve the RPC on all interfaces, not on this machine only
    #[arg(long)]
    pub rpc_external: bool,
    /// Which methods the RPC offers: `unsafe` ones change what the node does, and need the token of node.json in any case
    #[arg(long, value_enum, value_name = "METHODS", default_value_t = RpcMethods::Auto)]
    pub rpc_methods: RpcMethods,
    /// Web pages that may call the RPC, by their origin: `all`, or a list such as `https://example.org,http://localhost:*`
    /// [default: pages of this machine, and `https://polkadot.js.org`; with --dev all]
    #[arg(long, value_name = "ORIGINS")]
    pub rpc_cors: Option<Origins>,
    /// Most extrinsics in the transaction pool
    #[arg(long, value_name = "COUNT", default_value_t = 8192)]
    pub pool_limit: usize,
    /// Most kilobytes of extrinsics in the transaction pool
    #[arg(long, value_name = "COUNT", default_value_t = 20480)]
    pub pool_kbytes: usize,
    /// TCP port of the Prometheus metrics (`GET /metrics`); 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 9615)]
    pub prometheus_port: u16,
    /// Serve the Prometheus metrics on all interfaces, not on this machine only
    #[arg(long)]
    pub prometheus_external: bool,
    /// Serve no Prometheus metrics
    #[arg(long, conflicts_with_all = ["prometheus_port", "prometheus_external"])]
    pub no_prometheus: bool,
    /// Command line for `sh -c` that is run once per alert, at most once a minute for the same one, with the alert as a
    /// line of JSON on its standard input
    #[arg(long, value_name = "CMD", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub alert_cmd: Option<String>,
    /// Log filter, such as `info` or `sync=debug,libp2p=warn`; the word `json` among them makes each line a JSON object;
    /// may be given several times
    #[arg(long, short = 'l', value_name = "FILTER", action = ArgAction::Append)]
    pub log: Vec<String>,
    /// TOML file whose keys below `[sync]` take the place of the chain spec's
    #[arg(long, value_name = "FILE")]
    pub sync_config: Option<PathBuf>,
    /// Stop when standard input ends, so that a parent that dies takes its nodes along
    #[arg(long)]
    pub stop_with_stdin: bool,
}

/// Which methods the RPC offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RpcMethods {
    /// All, or the safe ones with `--rpc-external`
    Auto,
    /// Those that change nothing
    Safe,
    /// All; not with `--rpc-external`
    Unsafe,
}

/// The development keys; one at most.
#[derive(Clone, Debug, Default, Args)]
#[group(multiple = false)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line; at most one is set"
)]
pub struct DevKeyArgs {
    /// Author with the development key of Alice
    #[arg(long)]
    pub alice: bool,
    /// Author with the development key of Bob
    #[arg(long)]
    pub bob: bool,
    /// Author with the development key of Charlie
    #[arg(long)]
    pub charlie: bool,
    /// Author with the development key of Dave
    #[arg(long)]
    pub dave: bool,
    /// Author with the development key of Eve
    #[arg(long)]
    pub eve: bool,
    /// Author with the development key of Ferdie
    #[arg(long)]
    pub ferdie: bool,
}

impl DevKeyArgs {
    /// The key that is selected.
    pub fn selected(&self) -> Option<DevKey> {
        let switches = [
            self.alice,
            self.bob,
            self.charlie,
            self.dave,
            self.eve,
            self.ferdie,
        ];
        DevKey::ALL
            .into_iter()
            .zip(switches)
            .find_map(|(key, on)| on.then_some(key))
    }
}

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

/// `resync`.
#[derive(Clone, Debug, Args)]
#[command(group(ArgGroup::new("control").args(["status", "abort", "resume"]).conflicts_with_all(["dry_run", "peer", "checkpoint", "strategy"])))]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub struct ResyncArgs {
    /// Which node, by its files.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Say what would be done, where and from whom, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// A peer that you vouch for, by its id (12D3KooW…), to fetch from; may be given several times [default: the reserved
    /// nodes]
    #[arg(long, value_name = "ID", action = ArgAction::Append, value_parser = address::peer)]
    pub peer: Vec<String>,
    /// A block that the new chain must hold; stands in for the voters where nobody can vote
    #[arg(long, value_name = "N:HASH")]
    pub checkpoint: Option<String>,
    /// Peers to connect to where no node runs, such as /ip4/192.0.2.1/tcp/30333/p2p/12D3Koo…; may be given several times
    /// [default: those of the chain spec, and the remembered ones]
    #[arg(long, value_name = "MULTIADDR", num_args = 1.., action = ArgAction::Append, value_parser = address::bootnode)]
    pub bootnodes: Vec<Multiaddr>,
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
    List(PlaceArgs),
    /// Make a backup the live chain again; the present chain becomes a backup
    #[command(after_help = "Examples:
  node-template backups restore 17327               by the beginning of its name
  node-template backups restore 17327 --to /tmp/old   a copy beside the present chain")]
    Restore(RestoreArgs),
    /// Remove the backups that are older than `tier3_backup_retention_days` and since which the node was in sync
    #[command(after_help = "Example:
  node-template backups prune --chain my-chain.toml -d ./data")]
    Prune(PlaceArgs),
}

/// `backups restore`.
#[derive(Clone, Debug, Args)]
pub struct RestoreArgs {
    /// Which node, by its files.
    #[command(flatten)]
    pub place: PlaceArgs,
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

/// `key`. Substrate's names; of its options those are left out that choose among what this chain has one of: `--network` (one
/// address format), `--password` (a keystore is protected by its permissions alone), and `--scheme` where nothing is stored
/// (accounts and authorities sign with sr25519).
#[derive(Clone, Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a new key and show it, its secret phrase included
    #[command(after_help = "Examples:
  node-template key generate
  node-template key generate --words 24
  node-template key generate --output-type json | jq -r .ss58Address")]
    Generate(GenerateKeyArgs),
    /// Show the public key and address of a secret, or of a public key
    #[command(after_help = "Examples:
  node-template key inspect < phrase.txt
  node-template key inspect --public 5Grw…")]
    Inspect(InspectKeyArgs),
    /// Store an authority's key in the node's keystore
    #[command(after_help = "Example:
  node-template key insert --chain my-chain.toml --base-path ./data < phrase.txt")]
    Insert(InsertKeyArgs),
    /// Make a network identity; the secret goes to standard output or a file, the peer id to standard error
    #[command(after_help = "Example:
  node-template key generate-node-key --file ./node-key")]
    GenerateNodeKey(GenerateNodeKeyArgs),
    /// Show the peer id of a network identity
    #[command(after_help = "Example:
  node-template key inspect-node-key --file ./node-key")]
    InspectNodeKey(NodeKeyArgs),
}

/// How a key is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputType {
    /// For people
    Text,
    /// For programs
    Json,
}

/// How many words a secret phrase has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PhraseLength {
    /// 128 bits of randomness
    #[value(name = "12")]
    Twelve,
    /// 160 bits
    #[value(name = "15")]
    Fifteen,
    /// 192 bits
    #[value(name = "18")]
    Eighteen,
    /// 224 bits
    #[value(name = "21")]
    TwentyOne,
    /// 256 bits
    #[value(name = "24")]
    TwentyFour,
}

impl PhraseLength {
    /// As a number.
    pub fn words(self) -> usize {
        match self {
            Self::Twelve => 12,
            Self::Fifteen => 15,
            Self::Eighteen => 18,
            Self::TwentyOne => 21,
            Self::TwentyFour => 24,
        }
    }
}

/// `key generate`.
#[derive(Clone, Debug, Args)]
pub struct GenerateKeyArgs {
    /// How many words the secret phrase has
    #[arg(long, short = 'w', value_enum, value_name = "WORDS", default_value_t = PhraseLength::Twelve)]
    pub words: PhraseLength,
    /// How it is shown
    #[arg(long, value_enum, default_value_t = OutputType::Text)]
    pub output_type: OutputType,
}

/// `key inspect`.
#[derive(Clone, Debug, Args)]
pub struct InspectKeyArgs {
    /// A secret phrase or URI, such as `//Alice`, or 0x and a seed of 64 hex digits [default: a line of standard input, where
    /// other users of this machine cannot see it]
    #[arg(value_name = "URI", allow_hyphen_values = true)]
    pub uri: Option<String>,
    /// The URI is a public key in hex, or an SS58 address
    #[arg(long)]
    pub public: bool,
    /// How it is shown
    #[arg(long, value_enum, default_value_t = OutputType::Text)]
    pub output_type: OutputType,
}

/// `key insert`.
#[derive(Clone, Debug, Args)]
pub struct InsertKeyArgs {
    /// Which node, by its files.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// The secret phrase or URI [default: a line of standard input, where other users of this machine cannot see it]
    #[arg(long, value_name = "URI", allow_hyphen_values = true)]
    pub suri: Option<String>,
    /// What the key is for
    #[arg(long, value_enum, default_value_t = KeyType::Aura)]
    pub key_type: KeyType,
    /// How it signs
    #[arg(long, value_enum, default_value_t = Scheme::Sr25519)]
    pub scheme: Scheme,
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KeyType {
    /// Sealing blocks
    Aura,
}

/// How a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scheme {
    /// Schnorr signatures over Ristretto
    Sr25519,
}

/// `key generate-node-key`.
#[derive(Clone, Debug, Args)]
pub struct GenerateNodeKeyArgs {
    /// A new file for the secret, readable for its owner only [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// `key inspect-node-key`.
#[derive(Clone, Debug, Args)]
pub struct NodeKeyArgs {
    /// The file with the secret: 32 bytes, or 64 hex digits [default: a line of standard input]
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

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
    #[arg(value_name = "HASH or NUMBER")]
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

/// `completions`.
#[derive(Clone, Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

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

impl RunArgs {
    /// Where the metrics are served.
    pub fn prometheus(&self) -> Option<SocketAddr> {
        let ip = if self.prometheus_external {
            std::net::Ipv4Addr::UNSPECIFIED
        } else {
            std::net::Ipv4Addr::LOCALHOST
        };
        (!self.no_prometheus).then(|| SocketAddr::new(ip.into(), self.prometheus_port))
    }

    /// Where the RPC listens.
    pub fn rpc_ip(&self) -> IpAddr {
        if self.rpc_external {
            std::net::Ipv4Addr::UNSPECIFIED.into()
        } else {
            std::net::Ipv4Addr::LOCALHOST.into()
        }
    }
}
