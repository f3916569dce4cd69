//! What `sync_peers` answers.

use serde::{Deserialize, Serialize};
use sync_component::{
    peers::{Ban, Ledger, Record},
    ports::{MonoTime, PeerId},
};

/// What is remembered of one peer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerView {
    /// Its identity, in base 58.
    pub peer_id: String,
    /// Whether it is connected.
    pub connected: bool,
    /// −100 to 100; 0 for a peer of which nothing is known.
    pub trust: f64,
    /// Observed seconds in which it never contradicted us.
    pub consistent_seconds: u64,
    /// Moving average of its round trips, in milliseconds.
    pub latency_ms: Option<f64>,
    /// Moving average of its block replies.
    pub bytes_per_second: Option<f64>,
    /// The ban, if it is banned.
    pub ban: Option<BanView>,
}

/// Until when a peer is banned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BanView {
    /// For what it did, for so many more seconds.
    Seconds(u64),
    /// Until the operator takes it back.
    ByOperator,
}

impl PeerView {
    /// All that `ledger` remembers: the connected first, then those that were consistent for the longest.
    pub fn all(ledger: &Ledger, now: MonoTime) -> Vec<Self> {
        let mut records: Vec<_> = ledger.iter().collect();
        records.sort_by_key(|(_, record)| {
            let behind = (!record.is_connected(), record.ban.is_some());
            (behind, std::cmp::Reverse(record.consistent))
        });
        let view = |(peer, record)| Self::of(peer, record, now);
        records.into_iter().map(view).collect()
    }

    fn of(peer: &PeerId, record: &Record, now: MonoTime) -> Self {
        Self {
            peer_id: peer.to_string(),
            connected: record.is_connected(),
            trust: record.trust(now),
            consistent_seconds: record.consistent.as_secs(),
            latency_ms: record.latency.map(|time| time.as_secs_f64() * 1_000.0),
            bytes_per_second: record.rate,
            ban: record.ban.map(|ban| match ban {
                Ban::Until(end) => BanView::Seconds(end.since(now).as_secs()),
                Ban::ByOperator => BanView::ByOperator,
            }),
        }
    }
}
