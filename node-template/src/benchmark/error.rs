use crate::{
    block_file::{ExportError, ImportFault},
    localnet::ProcessError,
    network::NetworkStartError,
    status_view::ClientError,
};
use runtime_bridge::{BuildError, OpenError, store::LockError};
use std::{io, path::PathBuf, process::ExitStatus, time::Duration};
use sync_component::{
    NetworkError,
    orchestrator::StartError,
    ports::{BridgeError, ImportError},
    registry::RegistryError,
};

/// Why a benchmark has no figures. Each text is one line that says what, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum BenchmarkError {
    /// Whoever watches said so.
    #[error("the benchmark was stopped")]
    Stopped,
    /// A folder or file.
    #[error("{} cannot be used ({source}); check its permissions and the space on the disk", .path.display())]
    Path {
        /// Which.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// The system.
    #[error("this system does not let the benchmark run ({0}); check its limits")]
    System(#[source] io::Error),
    /// A strategy that is none.
    #[error(transparent)]
    Strategy(#[from] RegistryError),
    /// The store.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A read of the store.
    #[error(transparent)]
    Chain(#[from] BridgeError),
    /// A block of the benchmark's chain was not built: a fault of this program.
    #[error("a block of the benchmark's chain cannot be built ({0}); report this")]
    Build(#[from] BuildError),
    /// A block of the benchmark's chain was not taken.
    #[error("a block of the benchmark's own chain was refused ({0}); report this")]
    Import(Box<ImportError<crate::Block>>),
    /// A swarm.
    #[error(transparent)]
    Network(#[from] NetworkStartError),
    /// Peers on the same machine were not met.
    #[error(
        "{met} of {wanted} peers were met within {} s; ask for fewer with --peers, or for a shorter round trip with --latency-ms",
        .waited.as_secs()
    )]
    NotMet {
        /// Peers that were.
        met: usize,
        /// All of them.
        wanted: usize,
        /// How long was waited.
        waited: Duration,
    },
    /// The gate did not clear.
    #[error(
        "the gate held: {reason}; with so many mute peers, or so long a round trip, it does not clear"
    )]
    Held {
        /// What it said.
        reason: String,
    },
    /// The gate failed.
    #[error("the gate failed: {0}")]
    Gate(#[source] NetworkError),
    /// A decision was found made although it should not have been.
    #[error("a decision that should have been fresh asked nobody; report this")]
    NotFresh,
    /// Another process has the chain.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The chain is not written to a file.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The chain is not read from its file.
    #[error(
        "the benchmark's own chain cannot be imported from its file ({0}); remove the folder `benchmark` in the base path"
    )]
    FromFile(#[from] Box<ImportFault>),
    /// The file ended before the chain.
    #[error(
        "the file of the benchmark's chain has {imported} blocks of {wanted}; remove the folder `benchmark` in the base path"
    )]
    NotAll {
        /// Blocks that were imported.
        imported: u64,
        /// Blocks that should be in it.
        wanted: u64,
    },
    /// The sync does not get on.
    #[error(
        "the joining node stays at block {height} of {of} for {} s: {status}", .waited.as_secs()
    )]
    NoProgress {
        /// Where it is.
        height: u64,
        /// Where it should be.
        of: u64,
        /// How long.
        waited: Duration,
        /// What it says of itself.
        status: String,
    },
    /// A worker failed.
    #[error("{0}")]
    Worker(String),
    /// A worker ended.
    #[error(
        "a process of the benchmark ended before its work was done ({0}); its last words are above"
    )]
    WorkerEnded(ExitStatus),
    /// The node of a resync.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// It did not do what it was told.
    #[error("the node that resyncs: {0}")]
    Node(#[from] ClientError),
    /// The resync did not come to its end.
    #[error("the resync did not come to its end: {0}")]
    Resync(String),
    /// A peer did not answer.
    #[error("a peer did not answer alone on an idle line ({0}); run the benchmark again")]
    NoAnswer(#[source] sync_component::ports::RequestFailure),
}

impl From<StartError> for BenchmarkError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Registry(error) => Self::Strategy(error),
        }
    }
}
