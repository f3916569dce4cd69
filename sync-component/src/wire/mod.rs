//! The messages of SPEC section 2, with their limits. No I/O. `PROTOCOL.md` describes the same bytes for people.
//!
//! A message is made with [`codec::Encode::encode`] and read with the `decode_*` methods of [`WireLimits`].

mod busy;
mod decode;
mod limits;
mod messages;
mod typed;

pub use busy::busy_reply;
pub use decode::{DecodeError, WireItem, decode};
pub use limits::{ATTESTED_HASHES, STATE_KEY_BYTES, WireLimits};
pub use messages::{
    Activity, AnnounceReply, AnnouncedPlace, Announcement, Attestation, AttestedTip, BlocksReply,
    HeadersReply, RangeReply, RangeRequest, RefusedReason, Roles, Standing, StateReply,
    StateRequest, Status, StatusReply, StatusRequest,
};
