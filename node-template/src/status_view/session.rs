use sp_runtime::traits::Block as BlockT;
use std::time::Duration;
use sync_component::{
    chain_sync::{Counted, Progress as ResyncProgress, ResyncStage},
    status::{StatusReport, Tier},
};

/// What a node works on, as log lines and the status show it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) tier: Tier,
    /// What Tier 3 is doing, unless it fetches blocks.
    pub(crate) stage: Option<&'static str>,
    /// 0 where nothing is counted.
    pub(crate) done: u64,
    /// 0 where nobody knows.
    pub(crate) total: u64,
    pub(crate) rate: Option<f64>,
    pub(crate) eta: Option<Duration>,
    pub(crate) target: Option<u64>,
    /// Peers that are asked.
    pub(crate) peers: usize,
    /// Of good blocks that came; where they are counted.
    pub(crate) bytes: Option<u64>,
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
                total: progress.total.unwrap_or(0),
                rate: progress.rate,
                eta: progress.eta,
                target: report.target.map(|target| target.height()),
                peers: progress.peers,
                bytes: Some(progress.bytes),
            });
        }
        let resync = resync?;
        let (stage, total) = match resync.stage {
            ResyncStage::Preparing => (Some("preparing"), None),
            ResyncStage::Downloading => match resync.counted {
                Counted::Blocks => (None, resync.total),
                Counted::Headers => (Some("fetching headers"), resync.total),
                Counted::Entries => (Some("fetching the state"), resync.total),
            },
            ResyncStage::Voting => (Some("asking the voters"), None),
            ResyncStage::Swapping => (Some("exchanging the stores"), None),
        };
        let is_of_blocks = stage.is_none();
        let is_fetching = resync.stage == ResyncStage::Downloading;
        Some(Self {
            tier: Tier::Resync,
            stage,
            done: if is_fetching { resync.done } else { 0 },
            total: total.unwrap_or(0),
            rate: (is_of_blocks && resync.rate > 0.0).then_some(resync.rate),
            eta: resync.eta,
            target: total.filter(|total| *total > 0),
            peers: resync.sources,
            bytes: None,
        })
    }
}
