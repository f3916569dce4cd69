use super::pool::PoolCounts;
use crate::telemetry::AlertKind;
use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts,
    Registry, core::Collector, exponential_buckets, proto::MetricFamily,
};
use std::{
    collections::HashMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use sync_component::{
    Observer,
    observer::{
        BlockStage, ClearedBy, EquivocationKind, GateDecision, HoldKind, ImportOutcome, StageEnd,
    },
    ports::Protocol,
    status::Tier,
};

const CONSTANT: &str = "names, labels and buckets are constants, well formed and used once";

/// Counts and times since the start of the process. They go on through an exchange of the stores.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    chain: String,
    stages: HistogramVec,
    verification: HistogramVec,
    imports: IntCounterVec,
    latency: Histogram,
    tiers: HistogramVec,
    validation: Histogram,
    forks: IntCounter,
    equivocations: IntCounterVec,
    retries: IntCounter,
    gate: IntCounterVec,
    alerts: IntCounterVec,
    pub(super) pool: PoolCounts,
}

impl Metrics {
    /// Nothing has happened yet to the node `name` on the chain with the id `chain`. Every series with a known set of
    /// labels begins at 0, so that its first increase is seen as one.
    pub fn new(chain: &str, name: &str) -> Self {
        let registry = registry(chain);
        constants(&registry, name);
        let metrics = Self {
            chain: chain.to_owned(),
            // 10 µs to 42 s.
            stages: histograms(
                &registry,
                "sync_stage_seconds",
                "Time of one stage of the work on blocks: for a reply (download, decode), a block (verify, execute), or a write (commit)",
                "stage",
                buckets(0.000_01, 4.0, 12),
            ),
            // 100 µs to 1.6 s.
            verification: histograms(
                &registry,
                "substrate_block_verification_time",
                "Time taken to verify blocks",
                "result",
                buckets(0.000_1, 2.0, 15),
            ),
            imports: counters(
                &registry,
                "substrate_import_queue_processed_total",
                "Blocks of others that were imported, or were not",
                &["result"],
            ),
            // 1 ms to 16 s.
            latency: histogram(
                &registry,
                "sync_peer_latency_seconds",
                "Round trip of status requests to peers",
                buckets(0.001, 2.0, 15),
            ),
            // 10 ms to 12 h.
            tiers: histograms(
                &registry,
                "sync_tier_duration_seconds",
                "Time of a round of tier 1, a session of tier 2, a run of tier 3 up to the exchange",
                "tier",
                buckets(0.01, 4.0, 12),
            ),
            // 10 ms to 5 min.
            validation: histogram(
                &registry,
                "sync_chain_validation_seconds",
                "Time in which the voters were asked whether a staged chain is theirs",
                buckets(0.01, 2.0, 16),
            ),
            forks: counter(
                &registry,
                "sync_forks_detected_total",
                "Forks that only the operator can leave",
            ),
            equivocations: counters(
                &registry,
                "sync_equivocations_total",
                "Times that an authority signed two headers for one slot, or two attestations with one counter",
                &["kind"],
            ),
            retries: counter(
                &registry,
                "sync_retries_total",
                "Requests for blocks that failed and are made again, with another peer where there is one",
            ),
            gate: counters(
                &registry,
                "sync_gate_total",
                "Decisions of the gate about slots of ours",
                &["outcome", "reason"],
            ),
            alerts: counters(
                &registry,
                "sync_alerts_total",
                "Alerts, those included that were not logged again within a minute",
                &["alert"],
            ),
            pool: PoolCounts::new(&registry),
            registry,
        };
        metrics.begin_at_zero();
        metrics
    }

    fn begin_at_zero(&self) {
        for stage in BlockStage::ALL {
            self.stages.with_label_values(&[stage.name()]);
        }
        for tier in [Tier::HeightCheck, Tier::CatchUp, Tier::Resync] {
            self.tiers.with_label_values(&[tier_label(tier)]);
        }
        for end in [StageEnd::Passed, StageEnd::Failed] {
            self.verification.with_label_values(&[result_label(end)]);
        }
        for outcome in ImportOutcome::ALL {
            self.imports.with_label_values(&[outcome.name()]);
        }
        for kind in EquivocationKind::ALL {
            self.equivocations.with_label_values(&[kind.name()]);
        }
        for kind in AlertKind::ALL {
            self.alerts.with_label_values(&[kind.name()]);
        }
        let cleared = ClearedBy::ALL.map(GateDecision::Cleared);
        let held = HoldKind::ALL.map(GateDecision::Held);
        for decision in cleared
            .into_iter()
            .chain(held)
            .chain([GateDecision::Failed])
        {
            self.gate.with_label_values(&gate_labels(decision));
        }
    }

    /// Counts an alert.
    pub fn alert(&self, kind: AlertKind) {
        self.alerts.with_label_values(&[kind.name()]).inc();
    }

    /// The id of the chain, which every series carries as its label `chain`.
    pub(super) fn chain(&self) -> &str {
        &self.chain
    }

    pub(super) fn families(&self) -> Vec<MetricFamily> {
        self.registry.gather()
    }
}

impl Observer for Metrics {
    fn stage(&self, stage: BlockStage, end: StageEnd, took: Duration) {
        let seconds = took.as_secs_f64();
        let of_stage = self.stages.with_label_values(&[stage.name()]);
        of_stage.observe(seconds);
        if stage == BlockStage::Verify {
            let of_result = self.verification.with_label_values(&[result_label(end)]);
            of_result.observe(seconds);
        }
    }

    fn imported(&self, outcome: ImportOutcome) {
        self.imports.with_label_values(&[outcome.name()]).inc();
    }

    fn answered(&self, protocol: Protocol, took: Duration) {
        // The others' times depend on what was asked for.
        if protocol == Protocol::Status {
            self.latency.observe(took.as_secs_f64());
        }
    }

    fn retried(&self) {
        self.retries.inc();
    }

    fn tier_ended(&self, tier: Tier, took: Duration) {
        let of_tier = self.tiers.with_label_values(&[tier_label(tier)]);
        of_tier.observe(took.as_secs_f64());
    }

    fn chain_validated(&self, took: Duration) {
        self.validation.observe(took.as_secs_f64());
    }

    fn fork_detected(&self) {
        self.forks.inc();
    }

    fn equivocation_found(&self, kind: EquivocationKind) {
        self.equivocations.with_label_values(&[kind.name()]).inc();
    }

    fn gate(&self, decision: GateDecision) {
        self.gate.with_label_values(&gate_labels(decision)).inc();
    }
}

const fn tier_label(tier: Tier) -> &'static str {
    match tier {
        Tier::HeightCheck => "1",
        Tier::CatchUp => "2",
        Tier::Resync => "3",
    }
}

/// Substrate's words.
const fn result_label(end: StageEnd) -> &'static str {
    match end {
        StageEnd::Passed => ImportOutcome::Success.name(),
        StageEnd::Failed => ImportOutcome::VerificationFailed.name(),
    }
}

const fn gate_labels(decision: GateDecision) -> [&'static str; 2] {
    match decision {
        GateDecision::Cleared(by) => ["cleared", by.name()],
        GateDecision::Held(kind) => ["held", kind.name()],
        GateDecision::Failed => ["failed", "fault"],
    }
}

/// An empty registry whose series all carry the chain's id.
pub(super) fn registry(chain: &str) -> Registry {
    let labels = HashMap::from([("chain".to_owned(), chain.to_owned())]);
    Registry::new_custom(None, Some(labels)).expect(CONSTANT)
}

/// Adds a metric whose name is a constant.
pub(super) fn add(registry: &Registry, metric: impl Collector + 'static) {
    registry.register(Box::new(metric)).expect(CONSTANT);
}

fn constants(registry: &Registry, name: &str) {
    let build = Opts::new(
        "substrate_build_info",
        "A metric with a constant '1' value labeled by name and version",
    )
    .const_label("name", name)
    .const_label("version", env!("CARGO_PKG_VERSION"));
    let build = Gauge::with_opts(build).expect(CONSTANT);
    build.set(1.0);
    add(registry, build);
    let start = Gauge::new(
        "substrate_process_start_time_seconds",
        "Number of seconds between the UNIX epoch and the moment the process started",
    )
    .expect(CONSTANT);
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    // A clock before 1970 is a broken clock.
    start.set(since_epoch.unwrap_or_default().as_secs_f64().floor());
    add(registry, start);
}

fn buckets(first: f64, factor: f64, count: usize) -> Vec<f64> {
    exponential_buckets(first, factor, count).expect(CONSTANT)
}

fn histogram(registry: &Registry, name: &str, help: &str, buckets: Vec<f64>) -> Histogram {
    let options = HistogramOpts::new(name, help).buckets(buckets);
    let metric = Histogram::with_opts(options).expect(CONSTANT);
    add(registry, metric.clone());
    metric
}

fn histograms(
    registry: &Registry,
    name: &str,
    help: &str,
    label: &str,
    buckets: Vec<f64>,
) -> HistogramVec {
    let options = HistogramOpts::new(name, help).buckets(buckets);
    let metric = HistogramVec::new(options, &[label]).expect(CONSTANT);
    add(registry, metric.clone());
    metric
}

pub(super) fn gauge(registry: &Registry, name: &str, help: &str) -> IntGauge {
    let metric = IntGauge::new(name, help).expect(CONSTANT);
    add(registry, metric.clone());
    metric
}

pub(super) fn counter(registry: &Registry, name: &str, help: &str) -> IntCounter {
    let metric = IntCounter::new(name, help).expect(CONSTANT);
    add(registry, metric.clone());
    metric
}

pub(super) fn counters(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> IntCounterVec {
    let metric = IntCounterVec::new(Opts::new(name, help), labels).expect(CONSTANT);
    add(registry, metric.clone());
    metric
}
