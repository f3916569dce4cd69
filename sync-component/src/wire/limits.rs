use crate::{
    ports::Protocol,
    settings::{Limits, SyncSettings},
};

/// Hashes below the tip in an attestation (SPEC section 2). Part of the protocol version: they are signed over.
pub const ATTESTED_HASHES: usize = 8;

// Bounds on the SCALE length of the parts whose types the chain chooses. They only size caps, so they may be generous.
const HASH_BYTES_MAX: usize = 64;
const NUMBER_BYTES_MAX: usize = 16;
/// Longest key of a state, in bytes. Part of the protocol version: a state with a longer one is served up to that key.
pub const STATE_KEY_BYTES: usize = 32 * 1024;
/// Longest encoded header in an announcement.
const HEADER_BYTES_MAX: usize = 64 * 1024;
/// Variant indices, counts and the fields of fixed length of any message.
const FRAME_BYTES_MAX: usize = 512;
/// Variant index and item count in front of the items of a range reply.
const RANGE_FRAME_BYTES: usize = 16;
const ATTESTATION_BYTES_MAX: usize =
    FRAME_BYTES_MAX + (ATTESTED_HASHES + 1) * HASH_BYTES_MAX + NUMBER_BYTES_MAX;

/// What this node accepts from the wire, in bytes and in items.
///
/// The item counts are never below the defaults of `[sync.limits]`: a node that sends less than others, because its
/// operator lowered a setting, must not take the others' messages for ill-formed. Raising one concerns the whole
/// network and belongs in the chain spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireLimits {
    /// Longest sum of the items of a headers, blocks or state reply, in bytes.
    pub reply_hard_bytes: usize,
    /// Most hashes below the tip in a status.
    pub status_hashes: usize,
    /// Most attestations in a status.
    pub attestations: usize,
    /// Most numbers in a hashes request, and hashes in its reply.
    pub hashes_per_request: usize,
    /// Most headers in a headers reply.
    pub headers_per_request: usize,
    /// Most blocks in a blocks reply.
    pub blocks_per_request: usize,
}

impl WireLimits {
    /// The limits that follow from `[sync.limits]`.
    pub fn new(settings: &SyncSettings) -> Self {
        let ours = &settings.limits;
        let floor = Limits::default();
        Self {
            reply_hard_bytes: ours.reply_hard_bytes,
            status_hashes: ours.status_hashes.max(floor.status_hashes),
            attestations: ours.max_authorities.max(floor.max_authorities),
            hashes_per_request: items(ours.hashes_per_request.max(floor.hashes_per_request)),
            headers_per_request: items(ours.headers_per_request.max(floor.headers_per_request)),
            blocks_per_request: items(ours.blocks_per_request.max(floor.blocks_per_request)),
        }
    }

    /// Longest request body on `protocol`, in bytes.
    pub fn request_cap(&self, protocol: Protocol) -> usize {
        match protocol {
            Protocol::Status => FRAME_BYTES_MAX
                .saturating_add(self.hashes_per_request.saturating_mul(NUMBER_BYTES_MAX)),
            Protocol::Headers | Protocol::Blocks => FRAME_BYTES_MAX,
            Protocol::State => FRAME_BYTES_MAX + STATE_KEY_BYTES,
            Protocol::Announce => HEADER_BYTES_MAX + ATTESTATION_BYTES_MAX + FRAME_BYTES_MAX,
        }
    }

    /// Longest reply body on `protocol`, in bytes.
    pub fn reply_cap(&self, protocol: Protocol) -> usize {
        match protocol {
            Protocol::Status => {
                let hashes = self.status_hashes.max(self.hashes_per_request);
                FRAME_BYTES_MAX
                    .saturating_add(hashes.saturating_mul(HASH_BYTES_MAX + 1))
                    .saturating_add(self.attestations.saturating_mul(ATTESTATION_BYTES_MAX))
            }
            Protocol::Headers | Protocol::Blocks | Protocol::State => {
                self.reply_hard_bytes.saturating_add(RANGE_FRAME_BYTES)
            }
            Protocol::Announce => FRAME_BYTES_MAX,
        }
    }
}

/// A count of the settings as an index type. On a platform where it does not fit, memory is the bound.
pub(crate) fn items(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
