use super::CliError;
use crate::service::NodeKey;
use std::{fs::File, io::Read, path::Path};

/// The key of `--node-key` or `--node-key-file`; `None` if neither is given: the node then keeps one of its own in
/// `network/secret_ed25519`.
pub(super) fn of(hex: Option<&str>, file: Option<&Path>) -> Result<Option<NodeKey>, CliError> {
    match (hex, file) {
        (Some(hex), _) => from_hex(hex).map(Some).ok_or(CliError::NodeKey),
        (None, Some(path)) => read(path).map(Some),
        (None, None) => Ok(None),
    }
}

pub(super) fn from_hex(text: &str) -> Option<NodeKey> {
    let text = text.trim();
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let mut secret = [0; NodeKey::BYTES];
    hex::decode_to_slice(digits, &mut secret).ok()?;
    Some(NodeKey::new(secret))
}

/// Reads Substrate's formats: the bytes, or their hex digits.
pub(super) fn read(path: &Path) -> Result<NodeKey, CliError> {
    // No key is longer; a device file has no end.
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(1_024).read_to_end(&mut bytes))
        .map_err(|source| CliError::Path {
            path: path.to_owned(),
            source,
        })?;
    let raw = <[u8; NodeKey::BYTES]>::try_from(bytes.as_slice()).ok();
    let key = raw
        .map(NodeKey::new)
        .or_else(|| from_hex(std::str::from_utf8(&bytes).ok()?));
    key.ok_or_else(|| CliError::NodeKeyFile {
        path: path.to_owned(),
        length: bytes.len(),
    })
}
