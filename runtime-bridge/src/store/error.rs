use std::{io, path::PathBuf};

/// What can be wrong with a store. Nothing is overwritten in any of these cases.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder is neither empty nor a store of ours.
    #[error(
        "{path} is not empty and holds no store of this program; choose another --base-path, or move it away"
    )]
    NotAStore {
        /// The folder.
        path: PathBuf,
    },
    /// The store belongs to another chain.
    #[error(
        "{path} holds a chain with genesis {found}, the chain spec has {expected}; use the right --chain, another --base-path, or `purge-chain`"
    )]
    OtherGenesis {
        /// The folder.
        path: PathBuf,
        /// Genesis hash in the store's marker file.
        found: String,
        /// Genesis hash of the chain spec.
        expected: String,
    },
    /// A snapshot is being built in the store.
    #[error("a snapshot is being built in this store: it takes no blocks until that is finished")]
    SnapshotUnderWay,
    /// A body or a state below a snapshot.
    #[error(
        "the chain in this store begins with a snapshot at block {lowest}: of the blocks below it only the headers are kept, no bodies and no states; ask a node that has every block, or `resync` with another strategy than `snapshot`"
    )]
    BelowSnapshot {
        /// The lowest block with a body and a state, block 0 aside.
        lowest: u64,
    },
    /// The store has another format.
    #[error(
        "{path} has store format {found}, this program reads format {supported}; use the program that wrote it, or `resync`, which keeps what is there as a backup"
    )]
    OtherFormat {
        /// The folder.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The format of this program.
        supported: u32,
    },
    /// The marker file does not read as one.
    #[error(
        "{path} is not a readable marker file; restore it from a backup, or `resync`, which keeps what is there as a backup"
    )]
    BrokenMarker {
        /// The marker file.
        path: PathBuf,
    },
    /// A stored value does not decode, or is missing where another one names it.
    #[error(
        "the store is damaged ({what}); stop the node, then `resync`, which keeps what is there as a backup"
    )]
    Damaged {
        /// Which value.
        what: &'static str,
    },
    /// Another process, or this one, has the database open.
    #[error(
        "{path} is in use by another node or command; stop it first, or use another --base-path"
    )]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The disk is full, and a database that opens has to write.
    #[error("the disk of {path} is full; make room, then start again")]
    DiskFull {
        /// The folder.
        path: PathBuf,
    },
    /// The database does not open. The library's text may name a follow-up error in place of the cause.
    #[error(
        "the database in {path} does not open ({source}); check the disk, and if that is healthy `resync`, which keeps what is there as a backup"
    )]
    DoesNotOpen {
        /// The folder.
        path: PathBuf,
        /// What the database said.
        #[source]
        source: io::Error,
    },
    /// The operating system refused.
    #[error(
        "{path}: {source}; check that the folder exists, is writable for this user, and that the disk is not full"
    )]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The database refused.
    #[error("the database failed: {source}; check the disk, then start again")]
    Database {
        /// What it said.
        #[from]
        source: io::Error,
    },
}
