use super::counts::{add, registry};
use prometheus::{CounterVec, Gauge, GaugeVec, Opts, Registry, proto::MetricFamily};
use sp_consensus::SyncOracle;
use sp_runtime::traits::Block as BlockT;
use std::time::Duration;
use sync_component::{
    NetworkSyncManager, SyncStatus,
    net::Bandwidth,
    status::{CriticalReason, Note, StatusReport, Verdict},
    wire::Roles,
};

const CONSTANT: &str = "names and labels are constants, well formed and used once";

/// What is true at one moment. A value that is not known is `None`, and is left out of the answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Moment {
    best: u64,
    finalized: u64,
    target: Option<u64>,
    consensus: Option<u64>,
    gap: Option<u64>,
    status: u8,
    peers: usize,
    heard: usize,
    is_major_syncing: bool,
    blocks_per_second: Option<f64>,
    stalled: Duration,
}

/// What of a moment is not the component's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beside {
    pub(super) roles: Roles,
    pub(super) traffic: Bandwidth,
    /// Extrinsics that may go into the next block.
    pub(super) ready: usize,
}

impl Moment {
    pub(super) fn of<B: BlockT>(manager: &NetworkSyncManager<B>) -> Self {
        let report = manager.report();
        let height = manager.height_sync();
        // The same age below which an answer counts for the status.
        let horizon = height.horizon();
        let peers = manager.peers();
        let heard = peers.iter().filter(|peer| peer.age <= horizon).count();
        Self {
            best: report.best.height(),
            finalized: report.finalized.height(),
            target: target(&report),
            consensus: report.consensus.map(|block| block.height()),
            gap: gap(&report.verdict),
            status: status(&report.verdict),
            peers: report.peers,
            heard,
            is_major_syncing: manager.is_major_syncing(),
            blocks_per_second: match &report.progress {
                Some(progress) => progress.rate,
                None => Some(0.0),
            },
            stalled: stalled(&report, height.slot()),
        }
    }

    /// Its series.
    pub(super) fn families(&self, beside: Beside, chain: &str) -> Vec<MetricFamily> {
        let page = Page(registry(chain));
        self.substrates(&page, beside);
        self.ours(&page);
        page.0.gather()
    }

    fn substrates(&self, page: &Page, beside: Beside) {
        let heights = [
            ("best", Some(self.best)),
            ("finalized", Some(self.finalized)),
            ("sync_target", self.target),
        ];
        page.gauges(
            "substrate_block_height",
            "Block height info of the chain",
            "status",
            heights.map(|(label, height)| (label, height.map(number))),
        );
        page.gauge(
            "substrate_sub_libp2p_peers_count",
            "Connected peers of our chain",
            number(self.peers),
        );
        page.gauge(
            "substrate_sync_peers",
            "Peers that have said where they stand",
            number(self.heard),
        );
        page.gauge(
            "substrate_sub_libp2p_is_major_syncing",
            "Whether the node is performing a major sync or not",
            number(u8::from(self.is_major_syncing)),
        );
        page.gauge(
            "substrate_node_roles",
            "The roles the node is running as: 1 full, 4 authority",
            match beside.roles {
                Roles::Full => 1.0,
                Roles::Authority => 4.0,
            },
        );
        page.gauge(
            "substrate_ready_transactions_number",
            "Number of transactions in the ready queue",
            number(beside.ready),
        );
        let Bandwidth { received, sent } = beside.traffic;
        page.counters(
            "substrate_sub_libp2p_network_bytes_total",
            "Bytes of message bodies, without the transport's own",
            "direction",
            [("in", number(received)), ("out", number(sent))],
        );
    }

    fn ours(&self, page: &Page) {
        page.known(
            "sync_consensus_height",
            "Highest block that enough voters hold; left out while there is none",
            self.consensus.map(number),
        );
        page.known(
            "sync_gap",
            "Blocks behind the verified tip that holds this node up; left out while unknown or forked",
            self.gap.map(number),
        );
        page.gauge(
            "sync_status",
            "0 in sync, 1 small, 2 medium, 3 large gap, 4 critical, 5 unknown",
            number(self.status),
        );
        page.known(
            "sync_peer_response_ratio",
            "Connected peers whose last answer still counts, of all; left out without peers",
            (self.peers > 0).then(|| number(self.heard) / number(self.peers)),
        );
        page.known(
            "sync_blocks_per_second",
            "Speed of the session of tier 2 under way: 0 without one, left out until measured",
            self.blocks_per_second,
        );
        page.gauge(
            "sync_stalled_seconds",
            "Time without a new block once that is longer than stalled_slots, else 0",
            self.stalled.as_secs_f64(),
        );
    }
}

/// How many chains of a resync are kept as backups.
pub(super) fn backups(count: usize, chain: &str) -> Vec<MetricFamily> {
    let page = Page(registry(chain));
    page.gauge(
        "sync_backups",
        "Chains that a resync or a restore has kept",
        number(count),
    );
    page.0.gather()
}

/// What is being fetched; without such a block a verdict says that there is nothing above our own.
fn target<B: BlockT>(report: &StatusReport<B>) -> Option<u64> {
    match (report.target, &report.verdict) {
        (Some(target), _) => Some(target.height()),
        (None, Verdict::Known(_)) => Some(report.best.height()),
        (None, Verdict::Unverified(_)) => None,
    }
}

fn gap<B: BlockT>(verdict: &Verdict<B>) -> Option<u64> {
    match verdict {
        Verdict::Known(SyncStatus::InSync) => Some(0),
        Verdict::Known(
            SyncStatus::SmallGap(gap)
            | SyncStatus::MediumGap(gap)
            | SyncStatus::LargeGap(gap)
            | SyncStatus::Critical(CriticalReason::Gap { gap, .. }),
        ) => Some(*gap),
        Verdict::Known(SyncStatus::Critical(_)) | Verdict::Unverified(_) => None,
    }
}

fn status<B: BlockT>(verdict: &Verdict<B>) -> u8 {
    match verdict {
        Verdict::Known(SyncStatus::InSync) => 0,
        Verdict::Known(SyncStatus::SmallGap(_)) => 1,
        Verdict::Known(SyncStatus::MediumGap(_)) => 2,
        Verdict::Known(SyncStatus::LargeGap(_)) => 3,
        Verdict::Known(SyncStatus::Critical(_)) => 4,
        Verdict::Unverified(_) => 5,
    }
}

fn stalled<B: BlockT>(report: &StatusReport<B>, slot: Duration) -> Duration {
    let slots = report.notes.iter().find_map(|note| match note {
        Note::Stalled { slots } => Some(*slots),
        _ => None,
    });
    let slots = u32::try_from(slots.unwrap_or(0)).unwrap_or(u32::MAX);
    slot.saturating_mul(slots)
}

/// Prometheus knows no other numbers.
#[allow(
    clippy::cast_precision_loss,
    reason = "exact up to 2^53, which no height, count or traffic reaches"
)]
fn number(value: impl TryInto<u64>) -> f64 {
    value.try_into().unwrap_or(u64::MAX) as f64
}

/// The series of one answer.
struct Page(Registry);

impl Page {
    fn gauge(&self, name: &str, help: &str, value: f64) {
        let gauge = Gauge::new(name, help).expect(CONSTANT);
        gauge.set(value);
        add(&self.0, gauge);
    }

    fn known(&self, name: &str, help: &str, value: Option<f64>) {
        if let Some(value) = value {
            self.gauge(name, help, value);
        }
    }

    fn gauges<const N: usize>(
        &self,
        name: &str,
        help: &str,
        label: &str,
        values: [(&str, Option<f64>); N],
    ) {
        let gauges = GaugeVec::new(Opts::new(name, help), &[label]).expect(CONSTANT);
        for (value_of, value) in values {
            if let Some(value) = value {
                gauges.with_label_values(&[value_of]).set(value);
            }
        }
        add(&self.0, gauges);
    }

    fn counters<const N: usize>(
        &self,
        name: &str,
        help: &str,
        label: &str,
        values: [(&str, f64); N],
    ) {
        let counters = CounterVec::new(Opts::new(name, help), &[label]).expect(CONSTANT);
        for (value_of, value) in values {
            counters.with_label_values(&[value_of]).inc_by(value);
        }
        add(&self.0, counters);
    }
}
