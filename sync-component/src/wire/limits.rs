use codec::{DecodeWithMemLimit, DecodeWithMemTracking};
/// Byte and item caps of the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireLimits {
    /// Longest reply body in bytes.
    pub reply_hard_bytes: usize,
}
/// Why a body does not decode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Longer than its cap.
    #[error("{bytes} bytes, at most {cap} are allowed")]
    TooLong {
        /// Length in bytes.
        bytes: usize,
        /// The cap in bytes.
        cap: usize,
    },
    /// Not the SCALE encoding of the message.
    #[error("it does not decode")]
    Malformed,
    /// Bytes are left over behind the message.
    #[error("{left} bytes are left over")]
    TrailingBytes {
        /// How many.
        left: usize,
    },
}
/// Decodes exactly one `T`.
pub fn decode<T: DecodeWithMemTracking>(body: &[u8], cap: usize) -> Result<T, DecodeError> {
    if body.len() > cap {
        return Err(DecodeError::TooLong {
            bytes: body.len(),
            cap,
        });
    }
    let mut input = body;
    let value = T::decode_with_mem_limit(&mut input, cap.saturating_mul(4))
        .map_err(|_| DecodeError::Malformed)?;
    if input.is_empty() {
        Ok(value)
    } else {
        Err(DecodeError::TrailingBytes { left: input.len() })
    }
}
