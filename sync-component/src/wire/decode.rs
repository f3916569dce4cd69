use crate::error::Blame;
use codec::{DecodeWithMemLimit, DecodeWithMemTracking};

/// Memory that decoding may take for each byte of the body. Decoded values are larger than their encodings: a `Vec` of
/// three words may stand for one byte, an enum takes the room of its largest variant. Too low: honest messages fail;
/// too high: a peer makes us spend this many times what it sends.
const MEMORY_PER_BYTE: usize = 8;

/// Memory that decoding any message may take, however short it is.
const MEMORY_BASE: usize = 16 * 1024;

/// Why a body is not the message it should be. The bytes alone prove it, so the sender is to blame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Longer than its cap; nothing was decoded.
    #[error("the body is {bytes} bytes long, at most {cap} are allowed")]
    TooLong {
        /// Length in bytes.
        bytes: usize,
        /// The cap in bytes.
        cap: usize,
    },
    /// Not the SCALE encoding of the message, or one that takes far more memory than its length pays for.
    #[error("the body is not the SCALE encoding of its message")]
    Malformed(#[source] codec::Error),
    /// Bytes are left over behind the message.
    #[error("{left} bytes are left over behind the message")]
    TrailingBytes {
        /// How many.
        left: usize,
    },
    /// A list is longer than the protocol allows, or than what was asked for.
    #[error("{count} {item}, at most {cap} are allowed")]
    TooMany {
        /// What the list holds.
        item: WireItem,
        /// How many it holds.
        count: usize,
        /// How many are allowed.
        cap: usize,
    },
    /// A list that must hold something is empty.
    #[error("no {item}, at least one is required")]
    Empty {
        /// What the list should hold.
        item: WireItem,
    },
}

impl DecodeError {
    /// Whose fault it is (SPEC section 3).
    pub fn blame(&self) -> Blame {
        Blame::Peer
    }
}

/// What a list of a message holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireItem {
    /// Hashes below a status's tip.
    StatusHashes,
    /// Attestations of a status.
    Attestations,
    /// Hashes below an attestation's tip.
    AttestedHashes,
    /// Numbers in a hashes request.
    Numbers,
    /// Hashes in the reply to a hashes request.
    Hashes,
    /// Headers of a range.
    Headers,
    /// Blocks of a range.
    Blocks,
    /// Nodes of a piece of a state.
    Nodes,
}

impl std::fmt::Display for WireItem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::StatusHashes => "hashes below the tip",
            Self::Attestations => "attestations",
            Self::AttestedHashes => "hashes below the attested tip",
            Self::Numbers => "block numbers",
            Self::Hashes => "hashes",
            Self::Headers => "headers",
            Self::Blocks => "blocks",
            Self::Nodes => "nodes",
        })
    }
}

/// Decodes exactly one `T` from untrusted bytes: first the length is checked against `cap`, then decoding runs within
/// memory in proportion to the length, then nothing may be left over.
pub fn decode<T: DecodeWithMemTracking>(body: &[u8], cap: usize) -> Result<T, DecodeError> {
    if body.len() > cap {
        return Err(DecodeError::TooLong {
            bytes: body.len(),
            cap,
        });
    }
    let memory = body
        .len()
        .saturating_mul(MEMORY_PER_BYTE)
        .saturating_add(MEMORY_BASE);
    let mut rest = body;
    let message = T::decode_with_mem_limit(&mut rest, memory).map_err(DecodeError::Malformed)?;
    if rest.is_empty() {
        Ok(message)
    } else {
        Err(DecodeError::TrailingBytes { left: rest.len() })
    }
}
