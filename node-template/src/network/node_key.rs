use super::NodeKeyError;
use crate::service::NodeKey;
use libp2p::{
    PeerId,
    identity::{PublicKey, ed25519},
};
use std::{
    fs,
    io::{self, Write},
    path::Path,
};

/// The key of the chain's folder (`network/secret_ed25519`, Substrate's formats: 32 bytes, or their 64 hex digits),
/// made at the first start. The folder must exist.
pub fn load_or_create(path: &Path) -> Result<NodeKey, NodeKeyError> {
    match fs::read(path) {
        Ok(bytes) => parse(&bytes).ok_or_else(|| NodeKeyError::Malformed {
            path: path.to_owned(),
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(path),
        Err(source) => Err(NodeKeyError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

fn parse(bytes: &[u8]) -> Option<NodeKey> {
    if let Ok(raw) = <[u8; NodeKey::BYTES]>::try_from(bytes) {
        return Some(NodeKey::new(raw));
    }
    let text = std::str::from_utf8(bytes).ok()?.trim();
    let mut secret = [0; NodeKey::BYTES];
    hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut secret).ok()?;
    Some(NodeKey::new(secret))
}

fn create(path: &Path) -> Result<NodeKey, NodeKeyError> {
    let key = generate_key();
    write(path, key.secret()).map_err(|source| NodeKeyError::Write {
        path: path.to_owned(),
        source,
    })?;
    Ok(key)
}

/// A new key.
pub fn generate_key() -> NodeKey {
    let pair = ed25519::Keypair::generate();
    let mut secret = [0; NodeKey::BYTES];
    secret.copy_from_slice(pair.secret().as_ref());
    NodeKey::new(secret)
}

/// The identity that peers see.
pub fn peer_id(key: &NodeKey) -> PeerId {
    let secret = ed25519::SecretKey::try_from_bytes(*key.secret())
        .expect("every 32 bytes are an ed25519 secret key");
    let public = ed25519::Keypair::from(secret).public();
    PublicKey::from(public).to_peer_id()
}

/// Writes a key as 64 hex digits into a new file, for its owner only.
pub fn write_new(path: &Path, key: &NodeKey) -> io::Result<()> {
    write(path, hex::encode(key.secret()).as_bytes())
}

/// Writes the file for its owner only, whole or not at all, and never over another.
fn write(path: &Path, secret: &[u8]) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    // `tempfile` creates with 0600.
    let mut draft = tempfile::NamedTempFile::new_in(folder)?;
    draft.write_all(secret)?;
    draft.as_file().sync_all()?;
    draft
        .persist_noclobber(path)
        .map_err(|failed| failed.error)?;
    Ok(())
}
