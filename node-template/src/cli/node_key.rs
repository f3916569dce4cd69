use super::CliError;
use std::{fmt, fs, path::Path};

/// The secret key of the network identity (ed25519). Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct NodeKey([u8; NodeKey::BYTES]);

impl NodeKey {
    const BYTES: usize = 32;

    /// The key of `--node-key` or `--node-key-file`; `None` if neither is given: the node then keeps one of its own in
    /// `network/secret_ed25519`.
    pub(super) fn of(hex: Option<&str>, file: Option<&Path>) -> Result<Option<Self>, CliError> {
        match (hex, file) {
            (Some(hex), _) => Self::from_hex(hex).map(Some).ok_or(CliError::NodeKey),
            (None, Some(path)) => Self::read(path).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// The 32 bytes.
    pub fn secret(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    fn from_hex(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = text.strip_prefix("0x").unwrap_or(text);
        let mut key = [0; Self::BYTES];
        hex::decode_to_slice(digits, &mut key).ok()?;
        Some(Self(key))
    }

    /// Reads Substrate's formats: the bytes, or their hex digits.
    fn read(path: &Path) -> Result<Self, CliError> {
        let bytes = fs::read(path).map_err(|source| CliError::Path {
            path: path.to_owned(),
            source,
        })?;
        let raw = <[u8; Self::BYTES]>::try_from(bytes.as_slice()).ok();
        let key = raw
            .map(Self)
            .or_else(|| Self::from_hex(std::str::from_utf8(&bytes).ok()?));
        key.ok_or_else(|| CliError::NodeKeyFile {
            path: path.to_owned(),
            length: bytes.len(),
        })
    }
}

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NodeKey(…)")
    }
}
