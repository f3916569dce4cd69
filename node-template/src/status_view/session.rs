use sp_runtime::traits::Block as BlockT;
use std::time::Duration;
use sync_component::{
    chain_sync::{Progress as ResyncProgress, ResyncStage},
    status::{StatusReport, Tier},
};

/// What a node works on, as log lines and the status show it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) tier: Tier,
    /// What Tier 3 is doing, unless it fetches.
    pub(crate) stage: Option<&'static str>,
    pub(crate) done: u64,
    pub(crate) total: u64,
    pub(crate) rate: Option<f64>,
    pub(crate) eta: Option<Duration>,
    pub(crate) target: Option<u64>,
    /// Peers that are asked.
    pub(crate) peers: usize,
}

impl Session {
    /// What is worked on: what Tier 2 does is over sooner than a resync, so it comes first.
    pub(crate) fn of<B: BlockT>(
        report: &StatusReport<B>,
        resync: Option<&ResyncProgress>,
    ) -> Option<Self> {
        if let Some(progress) = &report.progress {
            return Some(Self {
                tier: report.tier,
                stage: None,
                done: progress.done,
                total: progress.total,
                rate: progress.rate,
                eta: progress.eta,
                target: report.target.map(|target| target.height()),
                peers: progress.peers,
            });
        }
        let resync = resync?;
        let (stage, is_fetching) = match resync.stage {
            ResyncStage::Preparing => (Some("preparing"), false),
            ResyncStage::Downloading => (None, true),
            ResyncStage::Voting => (Some("asking the voters"), false),
            ResyncStage::Swapping => (Some("exchanging the stores"), false),
        };
        Some(Self {
            tier: Tier::Resync,
            stage,
            done: resync.done,
            total: if is_fetching { resync.total } else { 0 },
            rate: (is_fetching && resync.rate > 0.0).then_some(resync.rate),
            eta: resync.eta,
            target: is_fetching
                .then_some(resync.total)
                .filter(|total| *total > 0),
            peers: resync.sources,
        })
    }
}
