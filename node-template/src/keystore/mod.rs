//! The authority's keys: files in Substrate's format below `keystore/`, or a well-known development key.

mod dev_key;
#[cfg(test)]
mod tests;

pub use dev_key::DevKey;

use sp_core::{Pair, crypto::SecretStringError, sr25519};
use std::{
    fmt, fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Key type of AURA keys, the first four bytes of a file's name in hex.
const AURA: &[u8; 4] = b"aura";

/// Why the keys were not read.
#[derive(Debug, thiserror::Error)]
pub enum KeystoreError {
    /// The operating system refused.
    #[error("{path}: {source}; check that this user may read it")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Others may read a secret.
    #[error("{path} holds a secret key and others may read it; run `chmod 600 {path}`")]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// The content is not a JSON string.
    #[error(
        "{path} is not a key file: expected one JSON string with the secret URI; restore it from a backup"
    )]
    NotJson {
        /// The file.
        path: PathBuf,
    },
    /// The content is no secret URI.
    #[error("{path} holds no usable secret URI ({reason}); restore it from a backup")]
    NotASecret {
        /// The file.
        path: PathBuf,
        /// What is wrong with it; never any part of it.
        reason: &'static str,
    },
    /// A key cannot be stored.
    #[error(
        "{path}: {source}; check that the folder is writable for this user, and that the disk is not full"
    )]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The key is there, from another secret URI.
    #[error(
        "{path} holds this key already, written as another secret URI; it stays: remove it first if you mean it"
    )]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The secret belongs to another public key than the file's name says.
    #[error("{path} holds the secret of another key than its name says; restore it from a backup")]
    OtherKey {
        /// The file.
        path: PathBuf,
    },
}

/// The keys of this node.
pub struct Keystore {
    stored: Vec<sr25519::Pair>,
    dev: Option<sr25519::Pair>,
}

impl fmt::Debug for Keystore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Public halves only.
        let keys: Vec<_> = self.aura_keys().iter().map(Pair::public).collect();
        f.debug_struct("Keystore").field("aura", &keys).finish()
    }
}

impl Keystore {
    /// Reads all AURA keys in `folder`; a missing folder holds none. Files of other key types are left alone.
    pub fn open(folder: &Path, dev: Option<DevKey>) -> Result<Self, KeystoreError> {
        let mut stored = Vec::new();
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries.collect::<Result<Vec<_>, _>>(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        };
        let entries = entries.map_err(|source| KeystoreError::Io {
            path: folder.to_owned(),
            source,
        })?;
        let mut paths: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
        // The order in which the system lists them must not matter.
        paths.sort();
        for path in paths {
            if let Some(public) = public_in_name(&path) {
                stored.push(read_key(path, public)?);
            }
        }
        Ok(Self {
            stored,
            dev: dev.map(DevKey::pair),
        })
    }

    /// The key pairs that may seal, the development key first; each key once.
    pub fn aura_keys(&self) -> Vec<sr25519::Pair> {
        let dev = self.dev.as_ref().map(Pair::public);
        let others = self.stored.iter().filter(|key| Some(key.public()) != dev);
        self.dev.iter().chain(others).cloned().collect()
    }

    /// Whether no key is stored in the folder.
    pub fn is_empty_on_disk(&self) -> bool {
        self.stored.is_empty()
    }
}

/// What [`insert`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// It made this file.
    New(PathBuf),
    /// The same key was there.
    There(PathBuf),
}

/// Stores the AURA key with this secret URI in Substrate's format, for its owner only, whole or not at all. A file of this
/// key that holds another URI stays as it is: `Exists`.
pub fn insert(folder: &Path, uri: &str, pair: &sr25519::Pair) -> Result<Inserted, KeystoreError> {
    let name = [AURA.as_slice(), pair.public().as_ref()].concat();
    let path = folder.join(hex::encode(name));
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| KeystoreError::Write { path, source }
    };
    create_private(folder).map_err(failed(folder))?;
    let text = serde_json::to_string(uri).expect("a text is always valid JSON");
    match fs::read(&path) {
        Ok(held) if held == text.as_bytes() => return Ok(Inserted::There(path)),
        Ok(_) => return Err(KeystoreError::Exists { path }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(KeystoreError::Io { path, source }),
    }
    write_private(folder, &path, text.as_bytes()).map_err(failed(&path))?;
    Ok(Inserted::New(path))
}

fn create_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    if !folder.exists() {
        builder.mode(0o700);
    }
    builder.create(folder)
}

fn write_private(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    // `tempfile` creates with 0600.
    let mut draft = tempfile::NamedTempFile::new_in(folder)?;
    draft.write_all(bytes)?;
    draft.as_file().sync_all()?;
    draft
        .persist_noclobber(path)
        .map_err(|failed| failed.error)?;
    fs::File::open(folder)?.sync_all()
}

fn public_in_name(path: &Path) -> Option<sr25519::Public> {
    let bytes = hex::decode(path.file_name()?.to_str()?).ok()?;
    let key = bytes.strip_prefix(AURA)?;
    Some(sr25519::Public::from_raw(key.try_into().ok()?))
}

fn read_key(path: PathBuf, public: sr25519::Public) -> Result<sr25519::Pair, KeystoreError> {
    let read = || -> io::Result<(u32, Vec<u8>)> {
        Ok((fs::metadata(&path)?.permissions().mode(), fs::read(&path)?))
    };
    let (mode, bytes) = match read() {
        Ok(read) => read,
        Err(source) => return Err(KeystoreError::Io { path, source }),
    };
    if mode & 0o077 != 0 {
        return Err(KeystoreError::Exposed { path });
    }
    let Ok(uri) = serde_json::from_slice::<String>(&bytes) else {
        return Err(KeystoreError::NotJson { path });
    };
    match sr25519::Pair::from_string(&uri, None) {
        Ok(pair) if pair.public() == public => Ok(pair),
        Ok(_) => Err(KeystoreError::OtherKey { path }),
        Err(error) => Err(KeystoreError::NotASecret {
            path,
            reason: reason(&error),
        }),
    }
}

/// What is wrong with a secret URI. The library's own error quotes the whole URI, and errors end up in logs.
fn reason(error: &SecretStringError) -> &'static str {
    match error {
        SecretStringError::InvalidFormat(_) => "a character is not allowed where it stands",
        SecretStringError::InvalidPhrase => "not a BIP39 phrase",
        SecretStringError::InvalidPassword => "invalid password",
        SecretStringError::InvalidSeed => "invalid seed",
        SecretStringError::InvalidSeedLength => "the seed has the wrong length",
        SecretStringError::InvalidPath => "invalid derivation path",
    }
}
