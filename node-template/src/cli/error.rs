use super::stopping::{Stop, StopSignal};
use crate::{
    advice::advice,
    benchmark::BenchmarkError,
    block_file::{ExportError, ImportFault},
    keystore::KeystoreError,
    localnet::LocalnetError,
    service::{AloneError, OrderError, PeerFileError, ServiceError},
    status_view::{ClientError, NodeFileError},
};
use chain_spec::ChainSpecError;
use runtime_bridge::resync::ResyncFileError;
use sp_consensus_aura::Slot;
use sp_core::H256;
use std::{io, path::PathBuf};
use sync_component::{
    chain_sync::BadRequest,
    ports::{BridgeError, NotAPeerId},
    registry::RegistryError,
    settings::document::DocumentError,
};

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    /// Everything was done: 0.
    Done,
    /// It failed: 1. `status` never ends with it for a fault of its own.
    Failed,
    /// The command line is wrong: 64, as in `sysexits.h`, with every command.
    Usage,
    /// `status` itself failed: 70.
    StatusFailed,
    /// `status`: no node runs there: 4.
    NoNode,
    /// It stopped because a signal came: 128 and the signal's number, as shells say it.
    Stopped(StopSignal),
    /// `status`: what the node said, as [`crate::status_view::VerdictKind::exit_code`] has it.
    Verdict(u8),
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(match code {
            ExitCode::Done => 0,
            ExitCode::Failed => 1,
            ExitCode::NoNode => 4,
            ExitCode::Usage => 64,
            ExitCode::StatusFailed => 70,
            ExitCode::Stopped(signal) => 128 + signal.number(),
            ExitCode::Verdict(code) => code,
        })
    }
}

impl CliError {
    /// How a command ends with it, `status` aside.
    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Stopped { signal, .. } | Self::StoppedAtOnce { signal } => {
                ExitCode::Stopped(*signal)
            }
            error if error.is_usage() => ExitCode::Usage,
            _ => ExitCode::Failed,
        }
    }

    /// Work that stopped because it was asked to.
    pub(super) fn stopped(stop: &Stop, so_far: String) -> Self {
        // Nothing but a signal makes it stop.
        let signal = stop.signal().unwrap_or(StopSignal::Terminate);
        Self::Stopped { signal, so_far }
    }

    /// Whether the command line itself is wrong.
    pub(super) fn is_usage(&self) -> bool {
        if let Self::Benchmark(error) = self {
            return matches!(**error, BenchmarkError::Strategy(_));
        }
        matches!(
            self,
            Self::NodeKey
                | Self::NodeDials
                | Self::Sender
                | Self::NotASecret
                | Self::NotAPublicKey
                | Self::NodeKeyLine
                | Self::SpecOption { .. }
                | Self::UnsafeOutside
                | Self::Receiver { .. }
                | Self::NobodyReserved
                | Self::NewSpec(_)
                | Self::LongLine
                | Self::Client(ClientError::BadUrl { .. })
                | Self::TooManyPeers { .. }
                | Self::EmptyRange { .. }
                | Self::PeerId(_)
                | Self::BadRequest(_)
                | Self::ResyncStrategy(_)
                | Self::Ourselves { .. }
                | Self::Node(ServiceError::Log(_))
        )
    }
}

/// What can go wrong with a command. Each text is one line that says what, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The chain spec cannot be used.
    #[error(transparent)]
    ChainSpec(#[from] ChainSpecError),
    /// The `--sync-config` file cannot be used.
    #[error(transparent)]
    SyncConfig(#[from] DocumentError),
    /// A strategy cannot be used.
    #[error(transparent)]
    Strategy(#[from] RegistryError),
    /// There is no folder for data.
    #[error("neither XDG_DATA_HOME nor HOME is set; say with --base-path where the data go")]
    NoDataFolder,
    /// `node.json` cannot be used.
    #[error(transparent)]
    NodeFile(#[from] NodeFileError),
    /// No node holds the chain's folder.
    #[error(
        "no node of chain {chain} runs on {}; start it, or name another with --base-path, --chain or --url",
        .folder.display()
    )]
    NoNode {
        /// The chain's id.
        chain: String,
        /// Its folder.
        folder: PathBuf,
    },
    /// The chain has no folder here.
    #[error(
        "there is nothing of chain {chain} in {}; run a node there first, or name another place with --base-path or --chain",
        .folder.display()
    )]
    NoChain {
        /// The chain's id.
        chain: String,
        /// Where its folder would be.
        folder: PathBuf,
    },
    /// The node did not answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A running node holds the chain.
    #[error(
        "{} is in use by a running node; stop it first",
        .folder.display()
    )]
    InUse {
        /// The chain's folder.
        folder: PathBuf,
    },
    /// A folder or file cannot be used.
    #[error("{}: {source}; {}", .path.display(), advice(.source))]
    Path {
        /// The path.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// `--node-key` is no key.
    #[error("--node-key: 64 hex digits are expected; a file with --node-key-file is safer")]
    NodeKey,
    /// A file holds no key.
    #[error(
        "{} holds no network key: 32 bytes or 64 hex digits are expected, it has {length} bytes; give the right file",
        .path.display()
    )]
    NodeKeyFile {
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        length: usize,
    },
    /// Unsafe methods for everybody.
    #[error(
        "--rpc-methods unsafe does not go with --rpc-external: they are offered to this machine only; leave one of them out"
    )]
    UnsafeOutside,
    /// A key cannot be stored or read.
    #[error(transparent)]
    Keystore(#[from] KeystoreError),
    /// No secret key. The text does not repeat it.
    #[error(
        "that is no secret key: a phrase of 12 to 24 words, 0x and 64 hex digits, or a URI such as //Alice"
    )]
    NotASecret,
    /// No public key.
    #[error("that is no public key: an SS58 address, or 0x and 64 hex digits, is expected")]
    NotAPublicKey,
    /// A line that is no network key.
    #[error("that is no network key: 64 hex digits are expected")]
    NodeKeyLine,
    /// A new file is not made.
    #[error("{} is not written ({source}); name a new file in a folder that is writable for this user", .path.display())]
    NotWritten {
        /// The file.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// `--authority` or `--balance` of `build-spec`.
    #[error("{option} {given}: {expected} is expected")]
    SpecOption {
        /// The option.
        option: &'static str,
        /// What was given.
        given: String,
        /// What should be.
        expected: &'static str,
    },
    /// `--from` is no key. The text does not repeat it.
    #[error(
        "--from is no secret key: a phrase of 12 to 24 words, 0x and 64 hex digits, or a URI such as //Alice"
    )]
    Sender,
    /// `--to` is no account.
    #[error(
        "--to {given}: an SS58 address, 0x and 64 hex digits, or a URI such as //Bob is expected"
    )]
    Receiver {
        /// What was given.
        given: String,
    },
    /// The chain could not be read or written.
    #[error(transparent)]
    Chain(BridgeError),
    /// A block is not there.
    #[error(
        "{given} is no block above genesis that is stored here; give its number on the best chain, or its hash"
    )]
    NotStored {
        /// What was given.
        given: String,
    },
    /// A stored block does not hold.
    #[error(
        "block {hash:?} does not hold: {why}; `resync` builds the network's chain anew, and keeps this one as a backup"
    )]
    BadBlock {
        /// Its hash.
        hash: H256,
        /// What is wrong.
        why: String,
    },
    /// Nothing lies between the two.
    #[error("--from {from} is above --to {to}; give the lower number with --from")]
    EmptyRange {
        /// `--from`.
        from: u32,
        /// `--to`.
        to: u32,
    },
    /// No such block to export.
    #[error(
        "there is no block #{number}: the chain here ends at #{best}; give a lower --from or --to, or let the node fetch more"
    )]
    AboveBest {
        /// The block that was wanted.
        number: u32,
        /// The best block.
        best: u32,
    },
    /// An export did not come to its end.
    #[error(transparent)]
    Export(ExportError),
    /// Reading it might wait for ever.
    #[error("{} is no file, but a pipe, a socket or a device; give the path of a file", .path.display())]
    NotAFile {
        /// What was given.
        path: PathBuf,
    },
    /// The file to import cannot be read.
    #[error("{} cannot be read ({source}); name a file that `export-blocks` wrote", .path.display())]
    NotRead {
        /// The file.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// An import did not come to its end.
    #[error("{name}: {fault}; {so_far}")]
    Import {
        /// What was read.
        name: String,
        /// Why.
        #[source]
        fault: Box<ImportFault>,
        /// What stays.
        so_far: String,
    },
    /// A signal came.
    #[error("{signal}: {so_far}")]
    Stopped {
        /// Which.
        signal: StopSignal,
        /// How far the work came, and how to go on.
        so_far: String,
    },
    /// A second signal came, before the work had stopped.
    #[error(
        "{signal} once more: ended at once; what was stored stays, a file that ends in .part may be left and can be removed"
    )]
    StoppedAtOnce {
        /// Which.
        signal: StopSignal,
    },
    /// A stored block is one of the future.
    #[error(
        "block {hash:?} is of slot {slot}, which lies in the future of this machine's clock; correct the clock, and check again"
    )]
    BlockFromFuture {
        /// Its hash.
        hash: H256,
        /// Its slot.
        slot: Slot,
    },
    /// What the options of `build-spec` make is no chain spec.
    #[error(transparent)]
    NewSpec(DocumentError),
    /// The user said no.
    #[error("nothing was changed; answer y, or give -y, to go on")]
    NotConfirmed,
    /// A folder that should be new is not.
    #[error("{} is not empty; name a new folder with --to", .folder.display())]
    NotEmpty {
        /// The folder.
        folder: PathBuf,
    },
    /// A resync did not come to its end.
    #[error("{0}")]
    ResyncEnded(String),
    /// The files of a resync or a restore.
    #[error(transparent)]
    ResyncFiles(#[from] ResyncFileError),
    /// Addresses for a node that has its own.
    #[error(
        "a node runs there, and dials its own bootnodes: leave --bootnodes out, or stop the node and start it with them"
    )]
    NodeDials,
    /// Nobody to meet.
    #[error(
        "--reserved-only, and no reserved node is known: name one with --reserved-nodes, or add it to reserved_nodes in the chain spec"
    )]
    NobodyReserved,
    /// More slots than peers that are looked at.
    #[error(
        "{inbound} peers that dial this node and {outbound} that it dials are more than it keeps an eye on, which is {most}; ask for fewer with --in-peers and --out-peers, or raise max_peers in [sync.limits]"
    )]
    TooManyPeers {
        /// Slots for peers that dial us.
        inbound: usize,
        /// Slots for peers that we dial.
        outbound: usize,
        /// `max_peers`.
        most: usize,
    },
    /// Nobody to fetch from.
    #[error(
        "no trusted peer is known; name one that you trust with --peer ID, or add it to reserved_nodes in the chain spec"
    )]
    NoTrustedPeer,
    /// Nobody of those who were named.
    #[error(
        "none of the peers named with --peer is connected: {}; check that they run and that this node reaches them (`peers list`), or name one that is connected",
        .peers.join(", ")
    )]
    NamedPeersAway {
        /// Who was named.
        peers: Vec<String>,
    },
    /// A peer that is no peer.
    #[error("{peer} is this node itself; name another one")]
    Ourselves {
        /// Our id.
        peer: String,
    },
    /// `--strategy` is none.
    #[error("--strategy: {0}")]
    ResyncStrategy(#[source] RegistryError),
    /// No order.
    #[error(transparent)]
    BadRequest(#[from] BadRequest),
    /// An order is not carried out.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// A run without a node.
    #[error(transparent)]
    Alone(#[from] AloneError),
    /// What is remembered of peers.
    #[error(transparent)]
    PeerFile(#[from] PeerFileError),
    /// No peer id.
    #[error(transparent)]
    PeerId(#[from] NotAPeerId),
    /// The node did not start, or could not go on.
    #[error(transparent)]
    Node(#[from] ServiceError),
    /// The network of `localnet` failed.
    #[error(transparent)]
    Localnet(LocalnetError),
    /// A benchmark has no figures.
    #[error(transparent)]
    Benchmark(Box<BenchmarkError>),
    /// Standard output.
    #[error("the result cannot be written ({source}); check where standard output goes")]
    Output {
        /// What happened.
        source: io::Error,
    },
    /// The answer to a question.
    #[error("the answer cannot be read ({source}); give -y to go on without a question")]
    Answer {
        /// What happened.
        source: io::Error,
    },
    /// A line of standard input is longer than anything that is expected there.
    #[error("the line on standard input is longer than any key; check what it is read from")]
    LongLine,
    /// Standard input.
    #[error("standard input cannot be read ({source}); check what it is read from")]
    Input {
        /// What happened.
        source: io::Error,
    },
    /// The system does not give us what every process has.
    #[error("this system does not let the command run ({0}); check its limits")]
    System(io::Error),
}
