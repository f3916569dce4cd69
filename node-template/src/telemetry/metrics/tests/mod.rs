//! Every metric is moved by what it counts: whole nodes in virtual time.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on should stop where it is"
)]

#[path = "../../../../tests/processes/exposition.rs"]
#[allow(dead_code, reason = "shared with the tests of whole processes")]
mod exposition;
mod nodes;
mod world;

use super::Metrics;
use crate::telemetry::AlertKind;
use exposition::Page;
use prometheus::TextEncoder;
use sync_component::{Observer, observer::*};

fn page(families: &[prometheus::proto::MetricFamily]) -> Page {
    Page::read(&TextEncoder::new().encode_to_string(families).unwrap())
}

#[test]
fn every_series_with_known_labels_begins_at_zero() {
    let metrics = Metrics::new("testnet", "a node");
    let page = page(&metrics.families());
    for stage in BlockStage::ALL {
        let series = format!("sync_stage_seconds_count{{stage=\"{}\"}}", stage.name());
        assert_eq!(page.get(&series), Some(0.0), "{series}");
    }
    for kind in AlertKind::ALL {
        let series = format!("sync_alerts_total{{alert=\"{}\"}}", kind.name());
        assert_eq!(page.get(&series), Some(0.0), "{series}");
    }
    for outcome in ImportOutcome::ALL {
        let series = format!(
            "substrate_import_queue_processed_total{{result=\"{}\"}}",
            outcome.name()
        );
        assert_eq!(page.get(&series), Some(0.0), "{series}");
    }
    for kind in EquivocationKind::ALL {
        let series = format!("sync_equivocations_total{{kind=\"{}\"}}", kind.name());
        assert_eq!(page.get(&series), Some(0.0), "{series}");
    }
    let gate = page.all("sync_gate_total");
    assert_eq!(gate.len(), HoldKind::ALL.len() + ClearedBy::ALL.len() + 1);
}

#[test]
fn every_series_carries_the_chain_and_the_build_is_named() {
    let metrics = Metrics::new("testnet", "a node");
    let page = page(&metrics.families());
    for sample in page.samples() {
        assert_eq!(sample.labels["chain"], "testnet", "{sample:?}");
    }
    let build = page.all("substrate_build_info");
    assert_eq!(build[0].labels["name"], "a node");
    assert_eq!(build[0].labels["version"], env!("CARGO_PKG_VERSION"));
    assert!(page.value("substrate_process_start_time_seconds") > 1.6e9);
}

#[test]
fn outcomes_are_counted_apart() {
    let metrics = Metrics::new("testnet", "a node");
    metrics.imported(ImportOutcome::Success);
    metrics.imported(ImportOutcome::Success);
    metrics.imported(ImportOutcome::BadBlock);
    metrics.gate(GateDecision::Failed);
    metrics.stage(
        BlockStage::Verify,
        StageEnd::Failed,
        std::time::Duration::from_millis(5),
    );
    let page = page(&metrics.families());
    let imported = |result: &str| {
        page.get(&format!(
            "substrate_import_queue_processed_total{{result=\"{result}\"}}"
        ))
    };
    assert_eq!(imported("success"), Some(2.0));
    assert_eq!(imported("bad_block"), Some(1.0));
    assert_eq!(imported("unknown_parent"), Some(0.0));
    let failed = "sync_gate_total{outcome=\"failed\",reason=\"fault\"}";
    assert_eq!(page.get(failed), Some(1.0));
    let verification = "substrate_block_verification_time_count{result=\"verification_failed\"}";
    assert_eq!(page.get(verification), Some(1.0));
    let seconds = page.value("sync_stage_seconds_sum{stage=\"verify\"}");
    assert!((seconds - 0.005).abs() < 1e-9, "{seconds}");
}
