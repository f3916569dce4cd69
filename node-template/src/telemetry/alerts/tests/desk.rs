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
        hold: Some(hold),
        ..Alert::new(AlertKind::ProductionPaused, "paused")
    };
    alerts.raise(Alert::new(AlertKind::Stalled, "stalled"));
    alerts.raise(paused(HoldKind::NoPeers));
    alerts.raise(paused(HoldKind::Critical));
    let reasons: Vec<_> = (0..3).map(|_| events.try_recv().unwrap().reason).collect();
    assert_eq!(reasons, [None, Some("no_peers"), Some("critical")]);
}

#[tokio::test(start_paused = true)]
async fn other_lines_of_a_kind_are_told_at_once_up_to_a_few() {
    let alerts = alerts();
    let mut events = alerts.events();
    for n in 0..20 {
        alerts.raise(Alert::new(AlertKind::LocalFault, format!("fault {n}")));
        alerts.raise(Alert::new(AlertKind::LocalFault, "fault 0"));
    }
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        told.push(event.message);
    }
    let expected: Vec<_> = (0..5).map(|n| format!("fault {n}")).collect();
    assert_eq!(told, expected);
    tokio::time::sleep(Duration::from_mins(1)).await;
    alerts.raise(Alert::new(AlertKind::LocalFault, "another"));
    assert_eq!(events.try_recv().unwrap().times, 36, "none is lost");
}
