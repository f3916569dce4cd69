use super::*;
use crate::{
    NetworkError,
    headers::{Beyond, VerifiedTip},
    settings::JoinWindows,
};

with_both_block_types!(
    newcomer_reaches_the_network_in_windows,
    nothing_is_estimated_while_the_end_of_the_chain_is_only_claimed,
    one_call_covers_no_more_blocks_than_the_settings_say,
    one_honest_peer_is_enough_beside_two_silent_ones,
    only_peers_that_claim_a_block_are_asked_for_it,
    failing_store_costs_no_peer_anything_and_recovers,
    block_that_cannot_be_read_keeps_no_other_from_being_known_as_stored,
    block_that_fails_in_execution_is_parked_and_nobody_charged,
    new_block_travels_by_announcement,
);

async fn newcomer_reaches_the_network_in_windows<B: TestBlock>() {
    let mut world = World::<B>::with_chain(2_300);
    world.settings.tier2.max_gap = 1_000;
    let ours = world.node("ours", 0);
    let peers: Vec<_> = (0..3)
        .map(|n| world.node(&format!("peer {n}"), 2_300))
        .collect();
    world.link(&ours, &peers.iter().collect::<Vec<_>>());
    until(MINUTE, "a gap is seen", || {
        ours.manager.get_sync_status().is_ok()
    })
    .await;
    let status = ours.manager.get_sync_status().unwrap();
    assert!(
        matches!(status, SyncStatus::Critical(CriticalReason::Gap { .. })),
        "{status:?}"
    );
    while ours.best() != peers[0].best() {
        assert!(
            !ours
                .manager
                .sync_before_production()
                .await
                .unwrap()
                .is_cleared()
        );
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    until(MINUTE, "in sync", || in_sync(&ours)).await;
}

async fn nothing_is_estimated_while_the_end_of_the_chain_is_only_claimed<B: TestBlock>() {
    let mut world = World::<B>::with_chain(2_300);
    world.settings.tier2.max_gap = 150;
    world.settings.limits.headers_per_request = 100;
    world.settings.limits.headers_ahead = 400;
    let ours = world.node("ours", 0);
    let peers: Vec<_> = (0..3)
        .map(|n| world.node(&format!("peer {n}"), 2_300))
        .collect();
    world.link(&ours, &peers.iter().collect::<Vec<_>>());
    let (mut open, mut ends, mut bytes) = (0, Vec::new(), 0);
    while ours.best() != peers[0].best() {
        if let Some(progress) = ours.manager.report().progress {
            match progress.total {
                None => open += 1,
                Some(_) => ends.push(ours.best().height()),
            }
            assert!(progress.total.is_some() || progress.eta.is_none());
            bytes = progress.bytes.max(bytes);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(open > 0, "the end was known at once");
    assert!(bytes > 0, "none of the blocks is counted");
    // 400 headers ahead at most, and as many that are on their way.
    assert!(ends.iter().all(|best| *best >= 1_500), "{ends:?}");
}

async fn one_call_covers_no_more_blocks_than_the_settings_say<B: TestBlock>() {
    for windows in [JoinWindows::Successive, JoinWindows::Operator] {
        let mut world = World::<B>::with_chain(12);
        world.settings.tier2.max_gap = 11;
        world.settings.tier2.join_windows = windows;
        let ours = world.node("ours", 0);
        let headers = world.chain.iter().map(|block| block.header().clone());
        let genesis = ours.best();
        let run = VerifiedTip::new(genesis, genesis, headers.collect(), Beyond::Nothing).unwrap();
        let blocks = ours.manager.block_sync();
        let error = blocks.catch_up_to_consensus(&run).await.unwrap_err();
        let is_right = match windows {
            JoinWindows::Successive => matches!(error, NetworkError::SyncGapTooLarge(12)),
            JoinWindows::Operator => {
                matches!(error, NetworkError::CriticalSyncRequired { gap: 12 })
            }
        };
        assert!(is_right, "{error:?}");
    }
}

async fn one_honest_peer_is_enough_beside_two_silent_ones<B: TestBlock>() {
    let world = World::<B>::with_chain(12);
    let ours = world.node("ours", 10);
    let peers: Vec<_> = (0..3)
        .map(|n| world.node(&format!("peer {n}"), 12))
        .collect();
    world.network.mute(&ours.id, &peers[0].id);
    world.network.mute(&ours.id, &peers[1].id);
    world.link(&ours, &peers.iter().collect::<Vec<_>>());
    until(3 * MINUTE, "caught up", || ours.best() == peers[2].best()).await;
}

async fn only_peers_that_claim_a_block_are_asked_for_it<B: TestBlock>() {
    let world = World::<B>::with_chain(43);
    let ours = world.node("ours", 41);
    let (low, high) = (world.node("low", 41), world.node("high", 43));
    world.link(&ours, &[&low, &high]);
    until(MINUTE, "caught up", || ours.best() == high.best()).await;
    assert_eq!(
        world.network.requests(&ours.id, &low.id, Protocol::Blocks),
        0
    );
    assert_eq!(
        world.network.requests(&ours.id, &high.id, Protocol::Blocks),
        1
    );
}

async fn failing_store_costs_no_peer_anything_and_recovers<B: TestBlock>() {
    let world = World::<B>::with_chain(12);
    let ours = world.node("ours", 4);
    let peer = world.node("peer", 12);
    ours.chain.break_store();
    world.link(&ours, &[&peer]);
    tokio::time::sleep(MINUTE).await;
    assert_eq!(ours.best().height(), 4);
    assert!(
        !world.network.is_refused(&ours.id, &peer.id),
        "a fault of ours never costs a peer"
    );
    ours.chain.repair_store();
    until(2 * MINUTE, "caught up", || ours.best() == peer.best()).await;
}

async fn block_that_cannot_be_read_keeps_no_other_from_being_known_as_stored<B: TestBlock>() {
    let world = World::<B>::with_chain(12);
    let ours = world.node("ours", 4);
    let peer = world.node("peer", 12);
    let branch = world.branch(4, 6);
    let rival = world.node_with("rival", &branch);
    let far = Link::with_latency(Duration::from_millis(200));
    for other in [&peer, &rival] {
        world.network.connect(&ours.id, &other.id, far);
    }
    let height = &ours.manager.height;
    let both = || {
        [&peer, &rival]
            .iter()
            .all(|node| height.is_verified(&node.best()))
    };
    until(MINUTE, "both branches are verified", both).await;
    for block in &branch[4..] {
        ours.chain.make_unreadable(block.hash());
    }
    until(MINUTE, "caught up", || ours.best() == peer.best()).await;
    assert!(!height.is_verified(&peer.best()));
}

async fn block_that_fails_in_execution_is_parked_and_nobody_charged<B: TestBlock>() {
    let world = World::<B>::with_chain(4);
    let good = world.node("good", 4);
    let ours = world.node("ours", 4);
    world.link(&ours, &[&good]);
    until(MINUTE, "in sync", || in_sync(&ours)).await;
    // Its seal holds; only executing it shows that it is bad.
    let parent = world.chain[3].header();
    let bad: B = world
        .forge
        .block(parent, Slot::from(FIRST_SLOT + 4), &[0xff]);
    let announcement = crate::wire::Announcement {
        header: bad.header().clone(),
        place: crate::wire::AnnouncedPlace::Best,
        attestation: None,
    };
    ours.manager
        .height_sync()
        .announced(&good.id, &announcement)
        .unwrap();
    tokio::time::sleep(MINUTE).await;
    assert_eq!(ours.best(), good.best());
    assert!(!world.network.is_refused(&ours.id, &good.id));
}

async fn new_block_travels_by_announcement<B: TestBlock>() {
    let world = World::<B>::with_chain(6);
    let nodes: Vec<_> = (0..3)
        .map(|n| world.node(&format!("node {n}"), 5))
        .collect();
    // A line: the news has to pass through the middle.
    world.link(&nodes[1], &[&nodes[0], &nodes[2]]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    crate::ports::ImportBlocks::import(nodes[0].chain.as_ref(), vec![world.chain[5].clone()]);
    until(Duration::from_secs(1), "both others have it", || {
        nodes.iter().all(|node| node.best() == nodes[0].best())
    })
    .await;
}
