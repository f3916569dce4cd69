//! The messages of SPEC section 2, with their limits. No I/O. `PROTOCOL.md` describes the same bytes for people.

mod limits;
mod messages;

pub use limits::{DecodeError, WireLimits, decode};
pub use messages::{
    Activity, AnnounceReply, AnnouncedPlace, Announcement, Attestation, AttestedTip, BlocksReply,
    HeadersReply, RangeReply, RangeRequest, RefusedReason, Roles, Standing, Status, StatusReply,
    StatusRequest,
};
