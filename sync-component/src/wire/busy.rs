use super::{AnnounceReply, RangeReply};
use crate::ports::Protocol;
use codec::Encode;
use std::time::Duration;

/// Body of the reply `Busy` on `protocol`. It is the same for every block type, so the network layer can give it too.
/// `retry_after` is rounded down to milliseconds, and saturates at 49 days.
pub fn busy_reply(protocol: Protocol, retry_after: Duration) -> Vec<u8> {
    let retry_after_ms = u32::try_from(retry_after.as_millis()).unwrap_or(u32::MAX);
    match protocol {
        // A status reply has its `Busy` at the same index and with the same field; the golden bytes hold it there.
        Protocol::Status | Protocol::Headers | Protocol::Blocks | Protocol::State => {
            RangeReply::<(), ()>::Busy { retry_after_ms }.encode()
        }
        Protocol::Announce => AnnounceReply::Busy { retry_after_ms }.encode(),
    }
}
