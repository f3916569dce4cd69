use super::{PeerFileError, TaskEnded};
use crate::{
    advice::advice,
    keystore::KeystoreError,
    network::{NetworkStartError, NodeKeyError},
    rpc::RpcStartError,
    status_view::NodeFileError,
    telemetry::{LogFilterError, MetricsStartError},
};
use runtime_bridge::{OpenError, resync::ResyncFileError, signing::SigningError, store::LockError};
use std::{io, path::PathBuf};
use sync_component::{orchestrator::StartError, registry::RegistryError};

/// Why a node does not start, or cannot go on. Each text is one line that says what, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The log filter.
    #[error(transparent)]
    Log(#[from] LogFilterError),
    /// A strategy that the settings name.
    #[error(transparent)]
    Strategy(#[from] RegistryError),
    /// The sync component.
    #[error(transparent)]
    Sync(#[from] StartError),
    /// A folder.
    #[error("{} cannot be used ({source}); {}, or choose another with --base-path", .path.display(), advice(.source))]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// Another process has the chain's folder.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The store.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// There is no store.
    #[error(
        "no blocks are stored in {}; run a node there first, or name another place with --base-path or --chain",
        .folder.display()
    )]
    NoStore {
        /// The chain's folder.
        folder: PathBuf,
    },
    /// The files of a resync or a restore.
    #[error(transparent)]
    Resync(ResyncFileError),
    /// Work that does not end holds a store that has to be exchanged.
    #[error(
        "the store is still in use by work that does not end, so it was not exchanged; nothing is lost: start the node again, and the run goes on"
    )]
    StillOpen,
    /// The keys.
    #[error(transparent)]
    Keystore(#[from] KeystoreError),
    /// The `signed` record.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The network key.
    #[error(transparent)]
    NodeKey(#[from] NodeKeyError),
    /// What is remembered of peers.
    #[error(transparent)]
    Peers(#[from] PeerFileError),
    /// The network.
    #[error(transparent)]
    Network(#[from] NetworkStartError),
    /// The RPC.
    #[error(transparent)]
    Rpc(#[from] RpcStartError),
    /// The metrics.
    #[error(transparent)]
    Metrics(#[from] MetricsStartError),
    /// `node.json`.
    #[error(transparent)]
    NodeFile(#[from] NodeFileError),
    /// The system does not give us what every process has.
    #[error("this system does not let the node run ({0}); check its limits")]
    System(#[source] io::Error),
    /// A background task ended.
    #[error(transparent)]
    Task(#[from] TaskEnded),
}
