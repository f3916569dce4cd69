use crate::telemetry::{AlertEvent, AlertWatch, Alerts, Metrics};
use sp_consensus_aura::Slot;
use sp_runtime::traits::Block as _;
use std::{sync::Arc, time::Duration};
use sync_component::{
    SyncSettings,
    orchestrator::ProductionMode,
    ports::{Clock, UnixMillis},
    test_kit::{Forge, MemoryNetwork, SmallBlock, TestNode, VirtualClock},
};
use tokio::sync::broadcast::Receiver;

/// When block 1 was made; slots are 6 s.
const FIRST_SLOT: u64 = 1_000;

/// A watched node with five blocks and no peers, and what is told of it.
fn lone_node() -> (TestNode<SmallBlock>, Receiver<AlertEvent>) {
    let forge = Forge::new(3);
    let genesis: SmallBlock = Forge::genesis();
    let chain = forge.chain(genesis.header(), Slot::from(FIRST_SLOT), 5, 0);
    let wall = UnixMillis((FIRST_SLOT + 6) * 6_000);
    let node = TestNode::start(
        &MemoryNetwork::default(),
        "lone",
        &forge,
        wall,
        SyncSettings::default(),
        &chain,
        ProductionMode::Voted,
    );
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::starting_at(wall));
    let metrics = Arc::new(Metrics::new("testnet", "lone"));
    let alerts = Alerts::new("lone", "testnet", metrics, Arc::clone(&clock));
    let events = alerts.events();
    let watch = AlertWatch {
        manager: Arc::clone(&node.manager),
        alerts: Arc::new(alerts),
        clock,
    };
    tokio::spawn(watch.run());
    (node, events)
}

#[tokio::test(start_paused = true)]
async fn node_without_new_blocks_is_told_as_stalled_and_behind_schedule_once() {
    let (_node, mut events) = lone_node();
    tokio::time::sleep(Duration::from_mins(20)).await;
    let first = events.recv().await.unwrap();
    assert_eq!(first.alert, "stalled");
    assert!(first.message.contains("20 slots"), "{}", first.message);
    assert_eq!(events.recv().await.unwrap().alert, "behind_schedule");
    assert!(events.try_recv().is_err(), "it lasts");
}

#[tokio::test(start_paused = true)]
async fn authority_without_peers_is_told_as_paused_after_a_minute() {
    let (node, mut events) = lone_node();
    for _ in 0..12 {
        let held = node.manager.sync_before_production().await.unwrap();
        assert!(!held.is_cleared());
        tokio::time::sleep(Duration::from_secs(6)).await;
    }
    let paused = events.recv().await.unwrap();
    assert_eq!(paused.alert, "production_paused");
    assert_eq!(paused.reason, Some("no_peers"));
    assert!(paused.message.contains("--bootnodes"), "{}", paused.message);
}
