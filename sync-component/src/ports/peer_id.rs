use std::{fmt, sync::Arc};

/// Identity of a peer: the bytes of its libp2p peer id. The component never looks inside.
///
/// A peer id costs nothing to make, so one peer id is never evidence of one operator.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(Arc<[u8]>);

impl PeerId {
    /// The peer with these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// The bytes, as the network library knows them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A text that is no peer id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a peer id is base58, like 12D3KooW…")]
pub struct NotAPeerId;

/// Reads base58.
impl std::str::FromStr for PeerId {
    type Err = NotAPeerId;

    fn from_str(text: &str) -> Result<Self, NotAPeerId> {
        match bs58::decode(text).into_vec() {
            // The shortest are hashes of keys, the longest carry a key of their own.
            Ok(bytes) if (4..=128).contains(&bytes.len()) => Ok(Self::from_bytes(&bytes)),
            _ => Err(NotAPeerId),
        }
    }
}

/// Base58, the way libp2p prints peer ids.
impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bs58::encode(&self.0).into_string())
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
