use crate::{bridge::OpenError, store::StoreError};
use std::{io, path::PathBuf};
use sync_component::chain_sync::{JournalError, OutOfOrder};

/// What can go wrong with the files of a resync. The live chain is as it was, or the next start finishes what was begun.
#[derive(Debug, thiserror::Error)]
pub enum ResyncFileError {
    /// The operating system refused.
    #[error(
        "{path}: {source}; check that the folder exists, is writable for this user, and that the disk is not full"
    )]
    Path {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The journal does not read.
    #[error(
        "{path}: {source}; a run of Tier 3 was under way: move the file away only if you know that none is, and keep a copy of `staging` beside it, which the next start removes then"
    )]
    Journal {
        /// The journal.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: JournalError,
    },
    /// A stage that cannot follow.
    #[error(transparent)]
    Order(#[from] OutOfOrder),
    /// A run is under way.
    #[error(
        "a {kind} is under way, in stage {stage}; `resync --status` shows it, `resync --resume` goes on, `resync --abort` gives it up"
    )]
    UnderWay {
        /// `resync` or `restore`.
        kind: &'static str,
        /// Its stage.
        stage: &'static str,
    },
    /// No run is under way.
    #[error("no resync and no restore is under way")]
    NothingUnderWay,
    /// The swap has happened; it can only be finished.
    #[error("the stores are exchanged already: the run can only be finished; start the node")]
    TooLateToAbort,
    /// The run waits for the operator.
    #[error(
        "a swap was interrupted more than an hour ago; the node runs on the old chain: `resync --resume` asks the voters again and goes on, `resync --abort` gives it up"
    )]
    AwaitsOperator,
    /// Too little room.
    #[error(
        "{needed} bytes are needed on the disk of {path}, {reserve} of them to be left for the live chain, and {free} are free; make room, `backups prune`, or lower `disk_reserve_bytes`"
    )]
    DiskTooSmall {
        /// The folder.
        path: PathBuf,
        /// What a second chain needs, estimated by the present one, with the reserve.
        needed: u64,
        /// What is left free.
        reserve: u64,
        /// What is free.
        free: u64,
    },
    /// Live, staging and backups are not on one file system.
    #[error(
        "{one} and {other} are not on one file system, so the stores cannot be exchanged in one step; put them on one"
    )]
    FileSystems {
        /// A folder.
        one: PathBuf,
        /// The other.
        other: PathBuf,
    },
    /// No such backup.
    #[error("there is no backup {id}; `backups list` names them")]
    NoSuchBackup {
        /// The name given.
        id: String,
    },
    /// A copy that is not whole.
    #[error(
        "the backup in {path} was removed, restored or opened while it was copied, so there is no copy; `backups list` says what is there"
    )]
    ChangedMeanwhile {
        /// Its folder.
        path: PathBuf,
    },
    /// Too little room for a copy.
    #[error(
        "{needed} bytes are needed on the disk of {path} and {free} are free; make room, or name a folder on another disk"
    )]
    NoRoomForCopy {
        /// Where the copy was to be.
        path: PathBuf,
        /// Size of the backup.
        needed: u64,
        /// What is free.
        free: u64,
    },
    /// A store has no readable marker.
    #[error(
        "the store in {path} has no readable marker file, so it cannot be told from other stores; the present chain stays: put the file STORE back if there is a copy of it; a store that a resync built goes with `resync --abort`, and the next order builds it again"
    )]
    NoMarker {
        /// Its folder.
        path: PathBuf,
    },
    /// An interrupted swap, and no marker says which store is which.
    #[error(
        "a swap was interrupted, and the stores in {live}, {waiting} and {backups} cannot be told apart; nothing was touched: move the one to keep to {live}, keep a copy of the others, then remove {journal}"
    )]
    Unclear {
        /// The live store's place.
        live: PathBuf,
        /// Where the new store waited.
        waiting: PathBuf,
        /// The backups.
        backups: PathBuf,
        /// The journal.
        journal: PathBuf,
    },
    /// A run is under way and the live store is missing.
    #[error(
        "a run of Tier 3 is under way and there is no store in {live}; `resync --resume` with the node stopped goes on with it, `resync --abort` gives it up"
    )]
    NoLiveStore {
        /// The live store's place.
        live: PathBuf,
    },
    /// The disk is nearly full, and the live chain needs the rest.
    #[error(
        "{free} bytes are free on the disk of {path}, and {reserve} are kept for the live chain (`disk_reserve_bytes`); make room, or `backups prune`, then `resync --resume` goes on"
    )]
    ReserveReached {
        /// The folder.
        path: PathBuf,
        /// What is free.
        free: u64,
        /// What has to stay free.
        reserve: u64,
    },
    /// The store that is to be live does not open.
    #[error("the store in {path} does not open, so it does not become the live one: {source}")]
    NewStore {
        /// Its folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<OpenError>,
    },
    /// Work that does not end holds the store that is being built.
    #[error(
        "the chain that is being built in {path} is still in use by work that does not end; the present chain stays; once that work has ended, after a restart at the latest, `resync --resume` goes on (or order it again, if nothing was built yet), `resync --abort` gives it up"
    )]
    StagedInUse {
        /// Its folder.
        path: PathBuf,
    },
    /// The store that is being built does not open.
    #[error(
        "the chain that is being built does not open: {source}; where that cannot be mended `resync --abort` removes it, and the present chain stays"
    )]
    Staged {
        /// Why.
        #[source]
        source: OpenError,
    },
    /// A store does not read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A store does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
}
