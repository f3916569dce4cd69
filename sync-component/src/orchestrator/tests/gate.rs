use super::*;

with_both_block_types!(
    equal_nodes_are_in_sync_and_cleared,
    silent_peer_keeps_the_gate_shut_until_it_answers,
    peer_whose_first_answer_was_lost_is_heard_long_before_the_time_out,
    nobody_connected_never_clears,
    one_mute_peer_of_ten_costs_no_time,
    wiped_single_authority_waits_for_the_chain_that_others_hold,
    single_authority_without_peers_is_in_sync,
    cached_view_answers_without_asking,
    claim_of_an_impossible_height_stops_nobody,
    whoever_knows_nobody_is_offline,
    gate_takes_no_more_than_its_share_of_the_slot,
);

async fn equal_nodes_are_in_sync_and_cleared<B: TestBlock>() {
    let world = World::<B>::with_chain(24);
    let nodes: Vec<_> = (0..4)
        .map(|n| world.node(&format!("node {n}"), 24))
        .collect();
    for (n, node) in nodes.iter().enumerate() {
        world.link(node, &nodes[n + 1..].iter().collect::<Vec<_>>());
    }
    tokio::time::sleep(SETTLE).await;
    for node in &nodes {
        let answer = node.manager.sync_before_production().await.unwrap();
        let Clearance::Cleared { on, .. } = answer else {
            panic!("{answer:?}")
        };
        assert_eq!(on, node.best());
    }
}

async fn silent_peer_keeps_the_gate_shut_until_it_answers<B: TestBlock>() {
    let world = World::<B>::with_chain(4);
    let (ours, peer) = (world.node("ours", 1), world.node("peer", 4));
    world.network.mute(&ours.id, &peer.id);
    world.link(&ours, &[&peer]);
    for _ in 0..3 {
        assert!(
            !ours
                .manager
                .sync_before_production()
                .await
                .unwrap()
                .is_cleared()
        );
    }
    assert!(
        ours.manager.get_sync_status().is_err(),
        "unverified is never a status"
    );
    world.network.unmute(&ours.id, &peer.id);
    until(3 * MINUTE, "the peer's chain is ours", || {
        ours.best() == peer.best()
    })
    .await;
    until(MINUTE, "in sync", || in_sync(&ours)).await;
    assert!(
        ours.manager
            .sync_before_production()
            .await
            .unwrap()
            .is_cleared()
    );
}

async fn peer_whose_first_answer_was_lost_is_heard_long_before_the_time_out<B: TestBlock>() {
    let world = World::<B>::with_chain(4);
    let (ours, peer) = (world.node("ours", 4), world.node("peer", 4));
    world.network.mute(&ours.id, &peer.id);
    world.link(&ours, &[&peer]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!in_sync(&ours));
    world.network.unmute(&ours.id, &peer.id);
    until(Duration::from_secs(2), "in sync", || in_sync(&ours)).await;
}

async fn nobody_connected_never_clears<B: TestBlock>() {
    let world = World::<B>::with_chain(4);
    let ours = world.node("ours", 4);
    for _ in 0..20 {
        assert!(
            !ours
                .manager
                .sync_before_production()
                .await
                .unwrap()
                .is_cleared()
        );
        tokio::time::sleep(Duration::from_secs(6)).await;
    }
}

async fn one_mute_peer_of_ten_costs_no_time<B: TestBlock>() {
    let world = World::<B>::with_chain(3);
    let ours = world.node("ours", 3);
    let peers: Vec<_> = (0..10)
        .map(|n| world.node(&format!("peer {n}"), 3))
        .collect();
    world.network.mute(&ours.id, &peers[0].id);
    world.link(&ours, &peers.iter().collect::<Vec<_>>());
    tokio::time::sleep(SETTLE).await;
    for round in 0..3 {
        let start = tokio::time::Instant::now();
        assert!(
            ours.manager
                .sync_before_production()
                .await
                .unwrap()
                .is_cleared(),
            "round {round}"
        );
        assert!(
            start.elapsed() < Duration::from_millis(100),
            "round {round} took {:?}",
            start.elapsed()
        );
        tokio::time::sleep(Duration::from_secs(6)).await;
    }
}

async fn wiped_single_authority_waits_for_the_chain_that_others_hold<B: TestBlock>() {
    let mut world = World::<B>::with_chain(1_000);
    world.settings.limits.poll_slots = 1;
    let alone = ProductionMode::SingleAuthority(FirstAnswer::AwaitPeers);
    let alice = world.node_as("alice", &[], alone);
    let full = world.node("full", 1_000);
    assert!(
        !alice
            .manager
            .sync_before_production()
            .await
            .unwrap()
            .is_cleared(),
        "nobody answered yet"
    );
    world.link(&alice, &[&full]);
    loop {
        let answer = alice.manager.sync_before_production().await.unwrap();
        if alice.best() == full.best() {
            break;
        }
        assert!(!answer.is_cleared(), "cleared at {}", alice.best());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn single_authority_without_peers_is_in_sync<B: TestBlock>() {
    let world = World::<B>::with_chain(5);
    let alone = ProductionMode::SingleAuthority(FirstAnswer::NotNeeded);
    let alice = world.node_as("alice", &world.chain, alone);
    assert!(
        alice
            .manager
            .sync_before_production()
            .await
            .unwrap()
            .is_cleared()
    );
    until(MINUTE, "in sync", || in_sync(&alice)).await;
    assert_eq!(alice.manager.report().consensus, Some(alice.best()));
}

async fn cached_view_answers_without_asking<B: TestBlock>() {
    let world = World::<B>::with_chain(5);
    let (ours, peer) = (world.node("ours", 5), world.node("peer", 5));
    world.link(&ours, &[&peer]);
    tokio::time::sleep(SETTLE).await;
    assert!(
        ours.manager
            .sync_before_production()
            .await
            .unwrap()
            .is_cleared()
    );
    let asked = world.network.requests(&ours.id, &peer.id, Protocol::Status);
    let start = tokio::time::Instant::now();
    assert!(
        ours.manager
            .sync_before_production()
            .await
            .unwrap()
            .is_cleared()
    );
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(
        world.network.requests(&ours.id, &peer.id, Protocol::Status),
        asked
    );
}

async fn claim_of_an_impossible_height_stops_nobody<B: TestBlock>() {
    // The liar's chain has more blocks than slots have passed for everybody else.
    let world = World::<B>::with_chain(20);
    let long = World::<B>::with_chain(200);
    let ours = world.node("ours", 20);
    let honest: Vec<_> = (0..3)
        .map(|n| world.node(&format!("honest {n}"), 20))
        .collect();
    let liar = TestNode::start(
        &world.network,
        "liar",
        &world.forge,
        long.wall,
        world.settings.clone(),
        &long.chain,
        ProductionMode::Voted,
    );
    world.link(&ours, &honest.iter().collect::<Vec<_>>());
    world.link(&ours, &[&liar]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(
        ours.manager
            .sync_before_production()
            .await
            .unwrap()
            .is_cleared()
    );
    assert_eq!(
        world
            .network
            .requests(&ours.id, &liar.id, Protocol::Headers),
        0,
        "an impossible claim is not probed"
    );
}

async fn whoever_knows_nobody_is_offline<B: TestBlock>() {
    let world = World::<B>::with_chain(4);
    let (ours, peer) = (world.node("ours", 4), world.node("peer", 4));
    assert!(ours.manager.is_offline());
    world.link(&ours, &[&peer]);
    until(MINUTE, "in sync", || in_sync(&ours)).await;
    assert!(!ours.manager.is_offline());
    world.network.cut(&ours.id, &peer.id);
    until(MINUTE, "offline", || ours.manager.is_offline()).await;
}

/// Whatever it waits for: peers that never answer, some or all of them.
async fn gate_takes_no_more_than_its_share_of_the_slot<B: TestBlock>() {
    for mute in [1, 2, 3] {
        let world = World::<B>::with_chain(24);
        let ours = world.node("ours", 24);
        let peers: Vec<_> = (0..3)
            .map(|n| world.node(&format!("peer {n}"), 24))
            .collect();
        for peer in &peers[..mute] {
            world.network.mute(&ours.id, &peer.id);
        }
        world.link(&ours, &peers.iter().collect::<Vec<_>>());
        let share = ours.manager.height_sync().slot_share();
        for _ in 0..8 {
            let start = tokio::time::Instant::now();
            let answer = ours.manager.sync_before_production().await.unwrap();
            let took = start.elapsed();
            assert!(took <= share, "{mute} mute: {took:?} of {share:?}");
            assert!(!answer.is_cleared() || mute < 3, "{answer:?}");
            tokio::time::sleep(share).await;
        }
    }
}
