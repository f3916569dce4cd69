use super::{super::board::same, *};
use crate::{
    error::{Apart, NetworkError, NoConsensus},
    status::{Note, Verdict},
};

with_both_block_types!(
    deep_fork_is_critical_and_names_both_tips_and_the_ancestor,
    shallow_fork_heals_in_one_switch,
    whoever_is_far_behind_switches_with_the_first_better_block,
    single_peer_on_another_branch_is_a_minority,
    even_split_ends_by_the_tie_rule,
);

async fn deep_fork_is_critical_and_names_both_tips_and_the_ancestor<B: TestBlock>() {
    let world = World::<B>::with_chain(100);
    let fork = world.branch(60, 20);
    let ours = world.node_with("ours", &fork);
    let peers: Vec<_> = (0..4)
        .map(|n| world.node(&format!("peer {n}"), 100))
        .collect();
    world.link(&ours, &peers.iter().collect::<Vec<_>>());
    let old_best = ours.best();
    until(MINUTE, "critical", || {
        matches!(ours.manager.get_sync_status(), Ok(SyncStatus::Critical(_)))
    })
    .await;
    let Ok(SyncStatus::Critical(CriticalReason::Fork {
        ours: tip,
        theirs,
        ancestor,
    })) = ours.manager.get_sync_status()
    else {
        panic!("{:?}", ours.manager.get_sync_status());
    };
    assert_eq!((tip, theirs), (old_best, peers[0].best()));
    assert_eq!(ancestor, crate::BlockId::of(world.chain[59].header()));
    assert!(
        !ours
            .manager
            .sync_before_production()
            .await
            .unwrap()
            .is_cleared()
    );
    tokio::time::sleep(MINUTE).await;
    assert_eq!(ours.best(), old_best, "nothing is rolled back by itself");
}

async fn shallow_fork_heals_in_one_switch<B: TestBlock>() {
    let world = World::<B>::with_chain(28);
    let fork = world.branch(20, 3);
    let ours = world.node_with("ours", &fork);
    let mut events = crate::ports::ReadChain::events(ours.chain.as_ref());
    let peers: Vec<_> = (0..3)
        .map(|n| world.node(&format!("peer {n}"), 28))
        .collect();
    world.link(&ours, &peers.iter().collect::<Vec<_>>());
    until(MINUTE, "on the network's chain", || {
        ours.best() == peers[0].best()
    })
    .await;
    let event = events.try_recv().unwrap();
    assert_eq!(event.best, peers[0].best());
    assert_eq!(event.retracted.unwrap().common_ancestor.height(), 20);
    assert!(
        events.try_recv().is_err(),
        "one switch, and no state between"
    );
}

async fn whoever_is_far_behind_switches_with_the_first_better_block<B: TestBlock>() {
    let world = World::<B>::with_chain(60);
    let ours = world.node_with("ours", &world.branch(20, 3));
    let mut events = crate::ports::ReadChain::events(ours.chain.as_ref());
    let peers: Vec<_> = (0..3)
        .map(|n| world.node(&format!("peer {n}"), 60))
        .collect();
    world.link(&ours, &peers.iter().collect::<Vec<_>>());
    until(MINUTE, "on the network's chain", || {
        ours.best() == peers[0].best()
    })
    .await;
    let switch = events.try_recv().unwrap();
    assert!((24..60).contains(&switch.best.height()), "{switch:?}");
    assert_eq!(switch.retracted.unwrap().common_ancestor.height(), 20);
    while let Ok(event) = events.try_recv() {
        assert_eq!(event.retracted, None);
    }
}

async fn single_peer_on_another_branch_is_a_minority<B: TestBlock>() {
    let world = World::<B>::with_chain(40);
    let ours = world.node("ours", 40);
    let peers: Vec<_> = (0..3)
        .map(|n| world.node(&format!("peer {n}"), 40))
        .collect();
    let stray = world.node_with("stray", &world.branch(20, 20));
    world.link(&ours, &peers.iter().collect::<Vec<_>>());
    world.link(&ours, &[&stray]);
    until(MINUTE, "in sync", || in_sync(&ours)).await;
    let is_marked = || {
        let notes = ours.manager.report().notes;
        notes
            .iter()
            .any(|note| matches!(note, Note::Minority { tip, .. } if *tip == stray.best()))
    };
    until(MINUTE, "the stray is marked", is_marked).await;
    assert!(in_sync(&ours));
}

async fn even_split_ends_by_the_tie_rule<B: TestBlock>() {
    let world = World::<B>::with_chain(21);
    let fork = world.branch(20, 1);
    let a: Vec<_> = (0..2).map(|n| world.node(&format!("a {n}"), 21)).collect();
    let b: Vec<_> = (0..2)
        .map(|n| world.node_with(&format!("b {n}"), &fork))
        .collect();
    let nodes: Vec<_> = a.iter().chain(&b).collect();
    for (n, node) in nodes.iter().enumerate() {
        world.link(node, &nodes[n + 1..]);
    }
    until(MINUTE, "one chain", || {
        nodes.iter().all(|node| node.best() == nodes[0].best())
    })
    .await;
    for node in &nodes {
        until(MINUTE, "in sync", || in_sync(node)).await;
    }
}

#[test]
fn that_waiting_no_longer_ends_a_split_is_a_change_of_status_and_one_vote_more_is_none() {
    let split = |with_us, apart| {
        let split = NoConsensus::Split {
            with_us,
            voters: 4,
            need: 3,
            apart,
        };
        Verdict::<SmallBlock>::Unverified(NetworkError::NoConsensusReached(split))
    };
    let apart = Some(Apart {
        voters: 2,
        ancestor: 7,
    });
    assert!(same(&split(1, None), &split(2, None)));
    assert!(!same(&split(2, None), &split(2, apart)));
}
