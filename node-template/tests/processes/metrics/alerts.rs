use super::{address, page_at, until_page};
use crate::{
    dead_fork::{World, critical, in_sync},
    harness::{client, run, serving, until, until_logged, until_status},
};
use std::{fs, io::Write, net::TcpStream, path::Path};

/// The alerts that the command was given.
pub(crate) fn told(file: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_fork_is_an_event_a_metric_and_a_line_and_its_resync_is_measured() {
    let world = World::new().await;
    let base = world.copy_of_daves_files("alerted");
    let file = base.join("alerts");
    let args = format!(
        "{} --alert-cmd cat>>{}",
        world.connected_args(),
        file.display()
    );
    let node = serving(&base, "quick", &args).await;
    until_status(&client(&node), "a dead fork", critical).await;

    let alerts = "sync_alerts_total{alert=\"fork\"}";
    let page = until_page(&node, "a fork that is counted", |page| {
        page.value(alerts) > 0.0
    })
    .await;
    assert_eq!(page.get("sync_status"), Some(4.0));
    assert_eq!(page.get("sync_forks_detected_total"), Some(1.0));
    let is_fork = |event: &serde_json::Value| event["alert"] == "fork";
    until("the command", || told(&file).iter().any(is_fork));
    let event = told(&file).into_iter().find(is_fork).unwrap();
    assert_eq!(event["chain"], "quick");
    let message = event["message"].as_str().unwrap();
    assert!(message.contains("node-template resync"), "{message}");
    until_logged(&node, &format!("🔔 {message}"));

    // A resync that does not come to its end: a block of the fork as checkpoint.
    let old = client(&node).status().await.unwrap().best;
    let peer = world.alice_id();
    let off = format!(
        "resync -y --peer {peer} --checkpoint {}:{}",
        old.number, old.hash
    );
    assert!(!run(&world.line(&off, &base)).status.success());
    let has_failed = |event: &serde_json::Value| event["alert"] == "resync_failed";
    until("an alert", || told(&file).iter().any(has_failed));

    // Somebody who reads slowly does not keep the stores from being exchanged.
    let served_at = address(&node);
    let mut slow = TcpStream::connect(&served_at).unwrap();
    slow.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n")
        .unwrap();
    let done = run(&world.line(&format!("resync -y --peer {peer}"), &base));
    assert!(done.status.success(), "{done:?}");
    until_status(&client(&node), "in sync on the new chain", in_sync).await;
    drop(slow);
    let page = until_page(&node, "in sync", |page| {
        page.get("sync_status") == Some(0.0)
    })
    .await;
    assert_eq!(address(&node), served_at, "where it was");
    assert_eq!(page.get("sync_backups"), Some(1.0));
    for (series, least) in [
        ("sync_forks_detected_total", 1.0),
        (alerts, 1.0),
        ("sync_alerts_total{alert=\"resync_failed\"}", 1.0),
        ("sync_tier_duration_seconds_count{tier=\"3\"}", 1.0),
        ("sync_chain_validation_seconds_count", 1.0),
        ("sync_stage_seconds_count{stage=\"verify\"}", 1.0),
        ("sync_stage_seconds_count{stage=\"commit\"}", 1.0),
    ] {
        let value = page_at(&served_at).value(series);
        assert!(value >= least, "{series}: {value}");
    }
}
