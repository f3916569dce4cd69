use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

/// `<id>/LOCK`: held by the node and by every command that opens a store. Released when dropped, and by the system when
/// the process ends however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Why the lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error(
        "{path} is in use by another process, a node or a command; stop it first, or use another --base-path"
    )]
    Held {
        /// The lock file.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("{path}: {source}; check that the folder exists and is writable for this user")]
    Io {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl Lock {
    /// Whether another process holds the lock. A missing file is held by nobody, and is not made.
    pub fn is_held(path: &Path) -> Result<bool, LockError> {
        if !path.exists() {
            return Ok(false);
        }
        match Self::take(path) {
            Ok(_) => Ok(false),
            Err(LockError::Held { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Takes the lock, or says who is in the way; never waits. The file is made if it is missing; only with a
    /// whole chain's folder is it ever removed.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let io = |source| LockError::Io {
            path: path.to_owned(),
            source,
        };
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LockError::Held {
                path: path.to_owned(),
            }),
            Err(TryLockError::Error(source)) => Err(io(source)),
        }
    }
}
