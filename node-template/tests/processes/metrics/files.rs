//! The files of `monitoring/` against what a real node serves.

use super::{expressions, until_page};
use crate::{exposition::Page, harness::serving};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

fn monitoring() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("monitoring")
}

/// The expressions of the rules. Each stands on a line of its own, which spares a reader of YAML.
fn of_rules() -> Vec<String> {
    let text = fs::read_to_string(monitoring().join("alert-rules.yml")).unwrap();
    let lines = text.lines().map(str::trim);
    let rules = lines.clone().filter(|line| line.starts_with("- alert: "));
    let found: Vec<_> = lines
        .filter_map(|line| line.strip_prefix("expr: "))
        .map(str::to_owned)
        .collect();
    assert_eq!(found.len(), rules.count(), "one expression for each rule");
    assert!(found.len() > 10);
    found
}

/// The expressions of the dashboard, and the metrics that its variables ask for.
fn of_dashboard() -> Vec<String> {
    let text = fs::read_to_string(monitoring().join("grafana-dashboard.json")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut found = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let targets = panel["targets"].as_array().into_iter().flatten();
        found.extend(targets.map(|target| target["expr"].as_str().unwrap().to_owned()));
    }
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        let query = variable["query"].as_str().unwrap();
        if let Some(inside) = query.strip_prefix("label_values(") {
            let (series, _) = inside.rsplit_once(',').unwrap();
            found.push(series.to_owned());
        }
    }
    assert!(found.len() > 20);
    found
}

/// Labels that Prometheus adds itself.
const OF_PROMETHEUS: [&str; 2] = ["instance", "job"];

/// Panics unless the page has every series that the expression asks for.
fn check(expression: &str, page: &Page) {
    let read = expressions::read(expression);
    assert!(!read.selectors.is_empty(), "{expression} names no metric");
    let mut labels = Vec::new();
    for selector in &read.selectors {
        // Prometheus' own.
        if selector.metric == "up" {
            continue;
        }
        let samples = page.all(&selector.metric);
        assert!(
            !samples.is_empty(),
            "{} is not served, and {expression} asks for it",
            selector.metric
        );
        labels.extend(samples.iter().flat_map(|sample| sample.labels.keys()));
        for matcher in &selector.matchers {
            if OF_PROMETHEUS.contains(&matcher.label.as_str()) {
                continue;
            }
            let values: Vec<_> = samples
                .iter()
                .filter_map(|sample| sample.labels.get(&matcher.label))
                .collect();
            assert!(
                !values.is_empty(),
                "no label {} in {expression}",
                matcher.label
            );
            // A variable of the dashboard stands for what is there.
            if matcher.value.starts_with('$') {
                continue;
            }
            for wanted in matcher.value.split('|') {
                let is_served = values.iter().any(|value| *value == wanted);
                assert!(is_served, "{}={wanted} in {expression}", matcher.label);
            }
        }
    }
    for label in &read.labels {
        let is_served = labels.contains(&label) || OF_PROMETHEUS.contains(&label.as_str());
        assert!(is_served, "no label {label} in {expression}");
    }
}

#[tokio::test]
async fn every_expression_asks_for_series_that_a_node_serves() {
    let folder = tempfile::tempdir().unwrap();
    let base = |name: &str| {
        let base = folder.path().join(name);
        fs::create_dir_all(&base).unwrap();
        base
    };
    let author = serving(&base("author"), "dev", "--dev").await;
    let address = author.node_file().unwrap().listen_addresses[0].clone();
    let args = format!("--chain dev --bootnodes {address}");
    let follower = serving(&base("follower"), "dev", &args).await;
    let page = until_page(&follower, "a follower in sync", |page| {
        page.get("sync_status") == Some(0.0)
            && page.value("substrate_import_queue_processed_total{result=\"success\"}") >= 2.0
            && page.value("sync_stage_seconds_count{stage=\"download\"}") > 0.0
            && page.value("sync_tier_duration_seconds_count{tier=\"1\"}") > 0.0
            && page.value("sync_tier_duration_seconds_count{tier=\"2\"}") > 0.0
    })
    .await;
    for expression in of_rules().iter().chain(&of_dashboard()) {
        check(expression, &page);
    }
    // While it is here: what only a network moves.
    for moved in [
        "sync_stage_seconds_sum{stage=\"verify\"}",
        "sync_stage_seconds_sum{stage=\"execute\"}",
        "sync_stage_seconds_sum{stage=\"commit\"}",
        "substrate_block_verification_time_sum{result=\"success\"}",
        "substrate_sub_libp2p_network_bytes_total{direction=\"in\"}",
        "substrate_sub_libp2p_network_bytes_total{direction=\"out\"}",
        "sync_peer_latency_seconds_sum",
    ] {
        assert!(page.value(moved) > 0.0, "{moved}");
    }
    assert_eq!(page.get("substrate_node_roles"), Some(1.0));
    assert_eq!(page.get("substrate_sub_libp2p_peers_count"), Some(1.0));
}

#[test]
#[should_panic(expected = "is not served")]
fn checker_refuses_a_metric_that_is_not_served() {
    let page = Page::read("sync_gap{chain=\"x\"} 1");
    check("increase(sync_gaps[5m]) > 0", &page);
}

#[test]
#[should_panic(expected = "outcome=hold")]
fn checker_refuses_a_label_value_that_is_not_served() {
    let page = Page::read("sync_gate_total{chain=\"x\",outcome=\"held\"} 1");
    check("rate(sync_gate_total{outcome=\"hold\"}[5m]) > 0", &page);
}

/// Runs `promtool` on a file of `monitoring/`; says so where it is not installed.
fn promtool(words: &[&str], file: &str) {
    let checked = Command::new("promtool")
        .args(words)
        .arg(monitoring().join(file))
        .output();
    let Ok(output) = checked else {
        // Not `println`, which the test runner would hide.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: promtool is not installed; it comes with the package prometheus"
        );
        return;
    };
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn promtool_finds_nothing_wrong_with_the_rules() {
    promtool(&["check", "rules"], "alert-rules.yml");
    promtool(&["check", "config"], "prometheus.yml");
}

#[test]
fn rules_fire_when_they_should_and_not_otherwise() {
    promtool(&["test", "rules"], "alert-rules-test.yml");
}
