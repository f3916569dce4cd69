use crate::telemetry::{Alert, AlertKind, Alerts, Metrics};
use std::{sync::Arc, time::Duration};
use sync_component::{observer::HoldKind, ports::UnixMillis, test_kit::VirtualClock};

fn alerts() -> Alerts {
    let clock = VirtualClock::starting_at(UnixMillis(1_000));
    let metrics = Arc::new(Metrics::new("testnet", "a node"));
    Alerts::new("a node", "testnet", metrics, Arc::new(clock))
}

#[tokio::test(start_paused = true)]
async fn same_alert_is_told_once_a_minute_and_every_time_counted() {
    let alerts = alerts();
    let mut events = alerts.events();
    let fork = || Alert::new(AlertKind::Fork, "forked");
    for _ in 0..3 {
        alerts.raise(fork());
    }
    let first = events.try_recv().unwrap();
    assert_eq!(
        (first.alert, first.times, first.unix_ms),
        ("fork", 1, 1_000)
    );
    assert_eq!(
        (first.node.as_str(), first.chain.as_str()),
        ("a node", "testnet")
    );
    assert!(events.try_recv().is_err(), "the same within a minute");
    tokio::time::sleep(Duration::from_mins(1)).await;
    alerts.raise(fork());
    assert_eq!(events.try_recv().unwrap().times, 3);
}

#[tokio::test(start_paused = true)]
async fn other_alerts_and_other_reasons_are_told_at_once() {
    let alerts = alerts();
    let mut events = alerts.events();
    let paused = |hold| Alert {
        kind: AlertKind::ProductionPaused,
        hold: Some(hold),
        message: "paused".into(),
    };
    alerts.raise(Alert::new(AlertKind::Stalled, "stalled"));
    alerts.raise(paused(HoldKind::NoPeers));
    alerts.raise(paused(HoldKind::Critical));
    let reasons: Vec<_> = (0..3).map(|_| events.try_recv().unwrap().reason).collect();
    assert_eq!(reasons, [None, Some("no_peers"), Some("critical")]);
}
