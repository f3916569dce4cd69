use super::{BaseFolder, ServiceError};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// The base folder of a running node.
#[derive(Debug)]
pub(super) enum Base {
    Kept(PathBuf),
    Temporary(TempDir),
}

impl Base {
    pub(super) fn open(folder: &BaseFolder) -> Result<Self, ServiceError> {
        match folder {
            BaseFolder::Kept(path) => Ok(Self::Kept(path.clone())),
            BaseFolder::Temporary => tempfile::Builder::new()
                .prefix("node-template-")
                .tempdir()
                .map(Self::Temporary)
                .map_err(|source| ServiceError::Folder {
                    path: std::env::temp_dir(),
                    source,
                }),
        }
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }
}

/// The files of one chain on this machine: `<base>/chains/<id>` (SPEC section 11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainFolder(PathBuf);

impl ChainFolder {
    /// The folder of the chain `id`; nothing is made.
    pub fn new(base: &Path, id: &str) -> Self {
        Self(base.join("chains").join(id))
    }

    /// The chain's folder itself.
    pub fn at(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// Makes the folders that are not there.
    pub(super) fn create(&self) -> Result<(), ServiceError> {
        for path in [self.0.clone(), self.network()] {
            fs::create_dir_all(&path).map_err(|source| ServiceError::Folder { path, source })?;
        }
        Ok(())
    }

    /// The folder itself; `node.json` lies in it.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Held by whoever opens the store.
    pub fn lock(&self) -> PathBuf {
        self.0.join("LOCK")
    }

    /// The blocks.
    pub fn store(&self) -> PathBuf {
        self.0.join("db").join("full")
    }

    /// The keys.
    pub fn keystore(&self) -> PathBuf {
        self.0.join("keystore")
    }

    /// What was sealed; never removed with the blocks.
    pub fn signed(&self) -> PathBuf {
        self.0.join("signed")
    }

    /// The network identity.
    pub fn network_key(&self) -> PathBuf {
        self.network().join("secret_ed25519")
    }

    /// The network key, and what is remembered of peers.
    pub fn network(&self) -> PathBuf {
        self.0.join("network")
    }
}
