//! What `sync_peers` answers.

use crate::{Block, status_view::BlockView};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, time::Duration};
use sync_component::{
    orchestrator::PeerReport,
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
    /// What it claims as its best block, if it is connected and has told.
    pub best: Option<BlockView>,
    /// Whether it holds our block at the lower of its height and ours; absent while that is not known.
    pub agrees: Option<bool>,
    /// −100 to 100; 0 for a peer of which nothing is known.
    pub trust: f64,
    /// Observed seconds in which it never contradicted us.
    pub consistent_seconds: u64,
    /// Whether it is trusted because the operator declared it: a reserved node of the chain spec or of the command line.
    #[serde(default)]
    pub declared: bool,
    /// For how many of these seconds it has been trusted (`tier3_trust_hours`); absent while it is not.
    pub trusted_seconds: Option<u64>,
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
    /// All that `ledger` remembers: the connected first, then those that were consistent for the longest. One that was
    /// consistent for `trust_hours` is trusted, and so is one that was declared.
    pub fn all(
        ledger: &Ledger,
        now: MonoTime,
        trust_hours: f64,
        declared: &BTreeSet<PeerId>,
    ) -> Vec<Self> {
        let mut records: Vec<_> = ledger.iter().collect();
        records.sort_by_key(|(_, record)| {
            let behind = (!record.is_connected(), record.ban.is_some());
            (behind, std::cmp::Reverse(record.consistent))
        });
        let view = |(peer, record)| Self {
            declared: declared.contains(peer),
            ..Self::of(peer, record, now, trust_hours)
        };
        records.into_iter().map(view).collect()
    }

    /// With what the connected ones tell of themselves.
    pub(super) fn told(mut all: Vec<Self>, reports: &[PeerReport<Block>]) -> Vec<Self> {
        for report in reports {
            let id = report.peer.to_string();
            if let Some(view) = all.iter_mut().find(|view| view.peer_id == id) {
                view.best = Some(report.best.into());
                view.agrees = report.agrees;
            }
        }
        all
    }

    /// Its trust, for people.
    pub(crate) fn trust_text(&self) -> String {
        // Adding zero makes a zero of the minus zero to which a small loss is rounded.
        format!("{:.0}", self.trust.round() + 0.0)
    }

    fn of(peer: &PeerId, record: &Record, now: MonoTime, trust_hours: f64) -> Self {
        let until_trusted = Duration::try_from_secs_f64(trust_hours * 3_600.0);
        let until_trusted = until_trusted.unwrap_or(Duration::MAX);
        let trusted = record.consistent.checked_sub(until_trusted);
        Self {
            best: None,
            agrees: None,
            declared: false,
            trusted_seconds: trusted
                .filter(|_| record.is_trusted(trust_hours))
                .map(|time| time.as_secs()),
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
