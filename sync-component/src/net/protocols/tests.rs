use super::{STREAM_SLACK, stream_timeout};
use crate::{ports::Protocol, settings::SyncSettings};
use std::time::Duration;

#[test]
fn stream_lasts_little_longer_than_the_settings_let_anybody_wait() {
    let mut settings = SyncSettings::default();
    settings.tier1.timeout = Duration::from_secs(7);
    settings.tier2.timeout_per_block = Duration::from_secs(90);
    for protocol in Protocol::ALL {
        let wait = match protocol {
            Protocol::Blocks | Protocol::State => 90,
            Protocol::Status | Protocol::Headers | Protocol::Announce => 7,
        };
        let expected = Duration::from_secs(wait) + STREAM_SLACK;
        assert_eq!(stream_timeout(protocol, &settings), expected);
    }
}
