use super::{exposition::Page, world::World};
use std::time::Duration;
use sync_component::ports::ImportBlocks;

fn in_sync(page: &Page) -> bool {
    page.get("sync_status") == Some(0.0)
}

#[tokio::test(start_paused = true)]
async fn node_that_catches_up_shows_heights_peers_stages_and_tiers() {
    let world = World::with_chain(12);
    let ours = world.measured("ours", &[]);
    let peers = world.peers(3, 12);
    world.link(&ours, &peers);
    let page = ours
        .until("in sync at 12", |page| {
            in_sync(page) && page.get("substrate_block_height{status=\"best\"}") == Some(12.0)
        })
        .await;
    let expected = [
        ("substrate_block_height{status=\"sync_target\"}", 12.0),
        ("sync_consensus_height", 12.0),
        ("sync_gap", 0.0),
        ("substrate_sub_libp2p_peers_count", 3.0),
        ("substrate_sync_peers", 3.0),
        ("sync_peer_response_ratio", 1.0),
        ("substrate_sub_libp2p_is_major_syncing", 0.0),
        ("substrate_node_roles", 1.0),
        ("substrate_ready_transactions_number", 7.0),
        ("sync_blocks_per_second", 0.0),
        ("sync_stalled_seconds", 0.0),
        (
            "substrate_sub_libp2p_network_bytes_total{direction=\"in\"}",
            1_000.0,
        ),
        (
            "substrate_sub_libp2p_network_bytes_total{direction=\"out\"}",
            2_000.0,
        ),
        ("sync_forks_detected_total", 0.0),
        ("sync_retries_total", 0.0),
    ];
    for (series, value) in expected {
        assert_eq!(page.get(series), Some(value), "{series}");
    }
    assert!(page.value("substrate_block_height{status=\"finalized\"}") > 0.0);
    for series in [
        "sync_stage_seconds_count{stage=\"download\"}",
        "sync_stage_seconds_count{stage=\"decode\"}",
        "sync_tier_duration_seconds_count{tier=\"1\"}",
        "sync_tier_duration_seconds_count{tier=\"2\"}",
        "sync_peer_latency_seconds_count",
        "sync_peer_latency_seconds_sum",
    ] {
        assert!(page.value(series) > 0.0, "{series}");
    }
}

#[tokio::test(start_paused = true)]
async fn node_far_behind_shows_its_gap_and_its_speed_while_it_catches_up() {
    let mut world = World::with_chain(400);
    // Slow enough to be looked at.
    world.settings.strategies.tier2 = Some("sequential".to_owned());
    let ours = world.measured("ours", &[]);
    let peers = world.peers(3, 400);
    world.link(&ours, &peers);
    let page = ours
        .until("a measured session", |page| {
            page.get("sync_blocks_per_second")
                .is_some_and(|speed| speed > 0.0)
        })
        .await;
    assert_eq!(page.get("sync_status"), Some(3.0));
    assert!(page.value("sync_gap") > 100.0);
    assert_eq!(page.get("substrate_sub_libp2p_is_major_syncing"), Some(1.0));
    assert_eq!(
        page.get("substrate_block_height{status=\"sync_target\"}"),
        Some(400.0)
    );
    ours.until("in sync", in_sync).await;
}

#[tokio::test(start_paused = true)]
async fn silent_peer_costs_a_retry_and_a_part_of_the_response_ratio() {
    let world = World::with_chain(12);
    let ours = world.measured("ours", &world.chain[..10]);
    let peers = world.peers(3, 12);
    world.link(&ours, &peers);
    ours.until("in sync", in_sync).await;
    // From now on it is connected and says nothing.
    world.network.mute(&ours.node.id, &peers[0].id);
    ours.until("two of three answer", |page| {
        page.get("sync_peer_response_ratio")
            .is_some_and(|ratio| (0.6..0.7).contains(&ratio))
    })
    .await;

    let late = world.measured("late", &world.chain[..10]);
    for peer in &peers {
        world.network.connect(
            &late.node.id,
            &peer.id,
            sync_component::test_kit::Link::lan(),
        );
    }
    late.until("their claims are known", |page| {
        page.get("substrate_sync_peers") == Some(3.0)
    })
    .await;
    for peer in &peers[..2] {
        world.network.mute(&late.node.id, &peer.id);
    }
    late.until("a request is made again", |page| {
        page.value("sync_retries_total") > 0.0
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn dead_fork_is_counted_once_however_long_it_lasts() {
    let world = World::with_chain(120);
    let ours = world.measured("ours", &world.branch(60, 20));
    let peers = world.peers(4, 100);
    world.link(&ours, &peers);
    let page = ours
        .until("critical", |page| page.get("sync_status") == Some(4.0))
        .await;
    assert_eq!(page.get("sync_forks_detected_total"), Some(1.0));
    assert_eq!(page.get("sync_gap"), None, "a fork is no gap");
    let held = ours.node.manager.sync_before_production().await.unwrap();
    assert!(!held.is_cleared());
    // The network goes on, so that each look finds another tip than the one before.
    for block in &world.chain[100..] {
        for peer in &peers {
            ImportBlocks::import(peer.chain.as_ref(), vec![block.clone()]);
        }
        tokio::time::sleep(Duration::from_secs(6)).await;
        let page = ours.page();
        assert_eq!(page.get("sync_status"), Some(4.0));
        assert_eq!(page.get("sync_forks_detected_total"), Some(1.0));
    }
    let theirs = ours.node.manager.report().consensus;
    assert_eq!(theirs.map(|block| block.height()), Some(120));
    let page = ours.page();
    assert_eq!(page.get("sync_forks_detected_total"), Some(1.0));
    let held = "sync_gate_total{outcome=\"held\",reason=\"critical\"}";
    assert_eq!(page.get(held), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn second_header_for_a_slot_is_counted_once() {
    let world = World::with_chain(12);
    let ours = world.measured("ours", &world.chain[..10]);
    let peers = world.peers(3, 12);
    world.link(&ours, &peers);
    ours.until("in sync", in_sync).await;
    let headers = "sync_equivocations_total{kind=\"headers\"}";
    assert_eq!(ours.page().get(headers), Some(0.0));
    for _ in 0..2 {
        let twin = world.twin_of_the_last();
        world.announce(&peers[0], &ours, &twin, None).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let page = ours.page();
        assert_eq!(page.get(headers), Some(1.0));
        let attestations = "sync_equivocations_total{kind=\"attestations\"}";
        assert_eq!(page.get(attestations), Some(0.0));
    }
}

#[tokio::test(start_paused = true)]
async fn second_attestation_with_one_counter_is_counted_once() {
    let world = World::with_chain(12);
    let ours = world.measured("ours", &world.chain);
    let peers = world.peers(3, 12);
    world.link(&ours, &peers);
    ours.until("in sync", in_sync).await;
    let series = "sync_equivocations_total{kind=\"attestations\"}";
    let [.., lower, last] = world.chain.as_slice() else {
        panic!("a chain of two blocks at least");
    };
    let one = world.attested(last);
    let other = world.attested(lower);
    // The same twice is one attestation.
    for (attestation, found) in [(&one, 0.0), (&one, 0.0), (&other, 1.0), (&other, 1.0)] {
        world
            .announce(&peers[0], &ours, last, Some(attestation.clone()))
            .await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(ours.page().get(series), Some(found));
    }
    let headers = "sync_equivocations_total{kind=\"headers\"}";
    assert_eq!(ours.page().get(headers), Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn lone_node_stalls_and_invents_no_values() {
    let world = World::with_chain(5);
    let ours = world.measured("ours", &world.chain[..5]);
    let held = ours.node.manager.sync_before_production().await.unwrap();
    assert!(!held.is_cleared());
    // Slots are 6 s, and 20 of them without a block are a stall.
    let page = ours
        .until("a stall", |page| page.value("sync_stalled_seconds") > 0.0)
        .await;
    assert_eq!(page.get("sync_stalled_seconds"), Some(120.0));
    assert_eq!(page.get("sync_status"), Some(5.0));
    for unknown in [
        "sync_consensus_height",
        "sync_gap",
        "sync_peer_response_ratio",
        "substrate_block_height{status=\"sync_target\"}",
    ] {
        assert_eq!(page.get(unknown), None, "{unknown}");
    }
    let held = "sync_gate_total{outcome=\"held\",reason=\"no_peers\"}";
    assert_eq!(page.get(held), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn cleared_slot_is_counted() {
    let world = World::with_chain(12);
    let ours = world.measured("ours", &world.chain);
    let peers = world.peers(3, 12);
    world.link(&ours, &peers);
    ours.until("in sync", in_sync).await;
    let cleared = ours.node.manager.sync_before_production().await.unwrap();
    assert!(cleared.is_cleared());
    let cleared = "sync_gate_total{outcome=\"cleared\",reason=\"in_sync\"}";
    assert_eq!(ours.page().get(cleared), Some(1.0));
}
