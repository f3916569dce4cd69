//! Knowing the height, as authors need it.

use super::{
    authorities::{assert_kept, play},
    *,
};
use sp_runtime::traits::Block as _;
use std::collections::BTreeSet;
use sync_component::{
    NetworkError,
    error::NoConsensus,
    orchestrator::{FirstAnswer, Hold, ProductionMode, SyncEvent},
    ports::{ImportBlocks, Presence, Protocol, ReadChain},
    status::CriticalReason,
    test_kit::{Link, SLOT},
};

/// Four authorities, each on the first so many blocks of the chain, linked with each other.
fn four(sim: &Sim, heights: [usize; 4]) -> Vec<Node> {
    let nodes = heights.into_iter().enumerate();
    let mut nodes: Vec<_> = nodes
        .map(|(n, height)| sim.validator(&format!("V{n}"), n, sim.chain(height)))
        .collect();
    nodes.iter_mut().for_each(Node::start);
    sim.mesh(node_ids(&nodes));
    nodes
}

fn all_at_least(nodes: &[Node], height: u64) -> bool {
    nodes.iter().all(|node| node.best().height() >= height)
}

#[test]
fn h01_nothing_is_authored_before_the_height_is_known() {
    run(Setup::chain(4), async |sim| {
        let peers = sim.full_nodes(1, "P", 4);
        let mut ours = sim.validator("O", 0, sim.chain(1));
        sim.network.mute(&ours.id, &peers[0].id);
        ours.start();
        let mut events = ours.manager().events();
        sim.connect(&ours.id, node_ids(&peers));
        sim.slots(7).await;
        assert!(nobody_sealed(sim));
        assert!(matches!(verdict(&ours), Verdict::Unverified(_)));
        let mut refusals = Vec::new();
        while let Ok(event) = events.try_recv() {
            if let SyncEvent::GateHeld(hold) = event {
                refusals.push(hold);
            }
        }
        let is_unverified = |hold: &Hold<_>| matches!(hold, Hold::Unverified(_));
        assert!(!refusals.is_empty() && refusals.iter().all(is_unverified));
        let tip = peers[0].best();
        sim.network.unmute(&ours.id, &peers[0].id);
        sim.until(3 * MINUTE, "the peer's block 4", || {
            ours.chain.canonical_hash(4).unwrap() == Some(tip.hash)
        })
        .await;
        sim.until(5 * MINUTE, "O authors block 5", || {
            ours.best().height() >= 5
        })
        .await;
        assert!((1..=4).all(|height| sim.oracle.sealed_at(height).is_empty()));
    });
}

#[test]
fn h04_unequal_nodes_of_one_chain_meet_at_its_top_and_go_on() {
    run(Setup::chain(24).authorities(4), async |sim| {
        let nodes = four(sim, [1, 21, 24, 24]);
        let top = sim.chain(24)[23].hash();
        sim.until(3 * MINUTE, "all hold the same 24", || {
            let holds = |node: &Node| node.chain.canonical_hash(24).unwrap() == Some(top);
            nodes.iter().all(holds)
        })
        .await;
        sim.until(5 * MINUTE, "all hold the same 25", || {
            all_at_least(&nodes, 25) && agree(&nodes)
        })
        .await;
        assert!((1..=24).all(|height| sim.oracle.sealed_at(height).is_empty()));
        if sim.is_calm() {
            assert_eq!(sim.oracle.sealed_at(25).len(), 1);
        }
    });
}

#[test]
fn h10_equal_nodes_that_restart_together_go_on() {
    run(Setup::chain(1_185).authorities(4), async |sim| {
        let nodes = four(sim, [1_185; 4]);
        if sim.is_calm() {
            sim.until(SECOND, "all are cleared within a round", || {
                nodes.iter().all(Node::is_in_sync)
            })
            .await;
            sim.slots(2).await;
            assert!(all_at_least(&nodes, 1_186), "{:?}", nodes[0].best());
            assert!(
                nodes
                    .iter()
                    .all(|node| node.chain.block(node.best().hash).unwrap().is_some())
            );
        }
        sim.until(3 * MINUTE, "five blocks more, on one chain", || {
            all_at_least(&nodes, 1_190) && agree(&nodes)
        })
        .await;
    });
}

#[test]
fn h11_wiped_node_makes_no_block_1_and_joins_again() {
    run(Setup::chain(12).authorities(4), async |sim| {
        let peers = sim.full_nodes(4, "P", 12);
        let mut ours = sim.validator("O", 1, sim.chain(12));
        ours.wipe();
        for peer in &peers {
            sim.network.mute(&ours.id, &peer.id);
        }
        ours.start();
        sim.connect(&ours.id, node_ids(&peers));
        sim.slots(9).await;
        assert!(nobody_sealed(sim));
        assert_eq!(ours.best().height(), 0);
        for peer in &peers {
            sim.network.unmute(&ours.id, &peer.id);
        }
        sim.until(3 * MINUTE, "O at 12", || ours.best().height() >= 12)
            .await;
        assert!((1..=12).all(|height| sim.oracle.sealed_at(height).is_empty()));
    });
}

#[test]
fn h13_builds_on_the_peers_tip_and_not_beside_a_block_that_came_first() {
    run(Setup::chain(13).idle(2), async |sim| {
        let peers = sim.servers(3, "P", 13);
        let mut ours = sim.validator("O", 0, sim.chain(10));
        ours.build_takes(2 * SECOND);
        ours.start();
        sim.connect(&ours.id, ids(&peers));
        // Blocks of the two other authorities, one of which comes while O builds its own.
        let rival: SmallBlock = {
            let parent = sim.chain(13)[12].header().clone();
            let slot = sim::FIRST_SLOT + 13;
            sim.forge.block(&parent, slot.into(), b"rival")
        };
        sim.oracle.knows(std::slice::from_ref(&rival));
        sim.until(5 * MINUTE, "O may build on 13", || {
            sim.oracle.may_build(&ours.id, 13)
        })
        .await;
        sim.run_for(SECOND).await;
        let tip = ours.chain.best();
        assert_eq!(tip.height(), 13, "O is still building");
        let report = ours.chain.import(vec![rival.clone()]);
        assert!(report.failure.is_none(), "{report:?}");
        sim.run_for(3 * SECOND).await;
        let own = sim.oracle.sealed_at(14);
        assert_eq!(own.len(), 1, "O sealed its 14 before it saw the other");
        assert_eq!(ours.best().hash, rival.hash());
        assert_eq!(
            ours.chain.presence(own[0]).unwrap(),
            Presence::Absent,
            "its own is dropped"
        );
    });
}

#[test]
fn h22_no_second_seal_through_restarts_wipes_and_clock_jumps() {
    run(Setup::chain(8).authorities(4), async |sim| {
        let mut nodes = four(sim, [8; 4]);
        for _ in 0..12 {
            let pause = Duration::from_millis(sim.pick(9_000));
            sim.run_for(pause).await;
            let victim = usize::try_from(sim.pick(4)).unwrap();
            match sim.pick(3) {
                0 => nodes[victim].restart(),
                1 => {
                    nodes[victim].wipe();
                    nodes[victim].start();
                }
                _ => {
                    let back = i64::try_from(sim.pick(18_000)).unwrap();
                    nodes[victim].clock.set_by(-back);
                    sim.run_for(7 * SECOND).await;
                    nodes[victim].clock.set_by(back);
                }
            }
        }
        sim.calm_down();
        // A lost answer may hold a node up and cost it a slot; the chain still goes on.
        let sealed = sim.oracle.seals();
        sim.until(10 * MINUTE, "one chain that goes on", || {
            sim.oracle.seals() > sealed + 3 && agree(&nodes)
        })
        .await;
    });
}

#[test]
fn chain_that_nobody_has_any_more_holds_nobody_up() {
    run(Setup::chain(10).authorities(4).idle(6), async |sim| {
        let nodes = four(sim, [10; 4]);
        // Three blocks by three authorities, so that no suspicion of single ones lets the others go on.
        let lost = sim.branch(10, 3, 1, 5);
        let ghost = sim.peer("ghost", &lost, Misbehaviour::SilentOn(Protocol::Blocks));
        for node in &nodes {
            sim.connect(&node.id, [&ghost.id]);
        }
        sim.until(2 * MINUTE, "the first knows of it", || {
            nodes.iter().any(|node| node.health().contains("Gap"))
        })
        .await;
        sim.slots(1).await;
        for node in &nodes {
            sim.network.cut(&node.id, &ghost.id);
        }
        sim.until(10 * MINUTE, "the chain goes on", || {
            all_at_least(&nodes, 13) && agree(&nodes)
        })
        .await;
    });
}

#[test]
fn h22_key_used_elsewhere_stops_the_node_and_says_so() {
    run(Setup::chain(8), async |sim| {
        let peers = sim.full_nodes(3, "P", 8);
        let mut ours = sim.validator("O", 0, sim.chain(8));
        ours.start();
        sim.connect(&ours.id, node_ids(&peers));
        sim.until(3 * MINUTE, "O authors", || {
            !sim.oracle.sealed_at(9).is_empty()
        })
        .await;
        let evidence = ours.best();
        ours.manager()
            .height_sync()
            .own_key_used_elsewhere(evidence);
        sim.until(MINUTE, "O says so", || {
            ours.health().contains("own key used elsewhere") && is_critical(&ours)
        })
        .await;
        let sealed = sim.oracle.seals();
        sim.slots(9).await;
        assert_eq!(sim.oracle.seals(), sealed);
    });
}

#[test]
fn h23_wiped_single_authority_makes_no_block_1() {
    run(Setup::chain(1_000).authorities(1), async |sim| {
        let peers = sim.full_nodes(3, "P", 1_000);
        let alone = ProductionMode::SingleAuthority(FirstAnswer::NotNeeded);
        let mut alice = sim.lone_validator("Alice", sim.chain(1_000), alone);
        alice.wipe();
        alice.start();
        // She is alone for a while; a peer that comes within the time-out is heard first.
        sim.slots(3).await;
        assert!(nobody_sealed(sim));
        sim.connect(&alice.id, node_ids(&peers));
        sim.until(60 * MINUTE, "Alice goes on above 1000", || {
            alice.best().height() > 1_000
        })
        .await;
        let heights: BTreeSet<u64> = (1..=1_000).collect();
        assert!(
            heights
                .into_iter()
                .all(|height| sim.oracle.sealed_at(height).is_empty())
        );
    });
}

/// A wiped single authority meets one peer alone, which at first misbehaves like that.
async fn meets_one_peer(sim: &mut Sim, at_first: Misbehaviour) {
    let strategy = ["tip-quorum", "authority-quorum"][usize::try_from(sim.seed % 2).unwrap()];
    sim.settings.strategies.tier1 = Some(strategy.to_owned());
    let peer = sim.peer("P", sim.chain(100), at_first);
    let alone = ProductionMode::SingleAuthority(FirstAnswer::NotNeeded);
    let mut alice = sim.lone_validator("Alice", sim.chain(100), alone);
    alice.wipe();
    alice.start();
    // Were its first word lost, nobody would have answered within the time-out.
    let link = Link {
        loss: 0.0,
        ..sim.link()
    };
    sim.network.connect(&alice.id, &peer.id, link);
    // Longer than the time-out with some seeds; eight probes that showed nothing make the claim void after some 50 seconds.
    let busy = Duration::from_secs(10 + sim.pick(35));
    sim.run_for(busy).await;
    peer.turns_to(Misbehaviour::Nothing);
    sim.until(10 * MINUTE, "Alice goes on above 100", || {
        alice.best().height() > 100
    })
    .await;
    assert!((1..=100).all(|height| sim.oracle.sealed_at(height).is_empty()));
}

#[test]
fn h23_wiped_single_authority_waits_for_a_peer_that_is_busy() {
    run(Setup::chain(100).authorities(1), async |sim| {
        meets_one_peer(sim, Misbehaviour::BusyOn(Protocol::Headers, SECOND / 10)).await;
    });
}

#[test]
fn h23_wiped_single_authority_waits_for_a_peer_that_is_syncing_itself() {
    run(Setup::chain(100).authorities(1), async |sim| {
        meets_one_peer(sim, Misbehaviour::SaysSyncing).await;
    });
}

#[test]
fn h24_even_split_is_named_and_ends_by_the_tie_rule() {
    run(Setup::chain(21).authorities(4).idle(3), async |sim| {
        let fork = sim.branch(20, 1, 1, 5);
        let mut nodes = sim.full_nodes(2, "A", 21);
        for n in 0..2 {
            let mut node = sim.node(&format!("B {n}"), &fork);
            node.start();
            nodes.push(node);
        }
        let mut ours = sim.validator("O", 0, sim.chain(21));
        // The sides do not see each other, so that only O can end it for itself.
        sim.mesh([&nodes[0].id, &nodes[1].id]);
        sim.mesh([&nodes[2].id, &nodes[3].id]);
        ours.start();
        sim.connect(&ours.id, node_ids(&nodes));
        let split = |node: &Node| {
            matches!(
                verdict(node),
                Verdict::Unverified(NetworkError::NoConsensusReached(NoConsensus::Split { .. }))
            )
        };
        // On a rough network the answers may come so late that O has both tips, and the tie rule ended it, by then.
        let over = |node: &Node| node.chain.presence(fork[20].hash()).unwrap() != Presence::Absent;
        sim.until(2 * MINUTE, "the split is named, or over", || {
            split(&ours) || (!sim.is_calm() && over(&ours))
        })
        .await;
        assert!(nobody_sealed(sim));
        nodes.push(ours);
        sim.mesh(node_ids(&nodes));
        let keys = [sim.chain(21)[20].hash(), fork[20].hash()];
        let winner = keys.into_iter().min().unwrap();
        sim.until(5 * MINUTE, "all on the winner of the tie", || {
            let on = |node: &Node| node.chain.canonical_hash(21).unwrap() == Some(winner);
            nodes.iter().all(on)
        })
        .await;
        sim.until(5 * MINUTE, "and the chain goes on", || {
            all_at_least(&nodes, 22) && agree(&nodes)
        })
        .await;
    });
}

#[test]
fn authors_and_a_partition_that_heals_end_on_one_chain() {
    run(Setup::chain(6).authorities(4), async |sim| {
        let nodes = four(sim, [6; 4]);
        sim.slots(4).await;
        sim.network.partition([&nodes[3].id]);
        sim.slots(8).await;
        sim.network.heal();
        sim.calm_down();
        let sealed = sim.oracle.seals();
        sim.until(10 * MINUTE, "one chain that goes on", || {
            sim.oracle.seals() > sealed + 3 && agree(&nodes)
        })
        .await;
    });
}

/// Row 4: our tip far above more than half of the voters is doubtful for a slot, and critical after that, until they are there.
#[test]
fn tip_far_above_most_voters_is_critical_after_a_slot() {
    run(Setup::chain(30), async |sim| {
        // Where an answer is lost, whoever is left decides.
        sim.calm_down();
        let peers: Vec<_> = [20, 20, 30]
            .into_iter()
            .enumerate()
            .map(|(n, height)| sim.peer(&format!("P{n}"), sim.chain(height), Misbehaviour::Nothing))
            .collect();
        let mut ours = sim.validator("O", 0, sim.chain(30));
        ours.start();
        sim.connect(&ours.id, ids(&peers));
        sim.until(2 * MINUTE, "it is doubtful", || {
            matches!(
                verdict(&ours),
                Verdict::Unverified(NetworkError::NoConsensusReached(NoConsensus::Ahead {
                    behind: 2,
                    voters: 3,
                    ..
                }))
            )
        })
        .await;
        let since = sim.elapsed();
        sim.until(2 * MINUTE, "it is critical", || {
            matches!(
                verdict(&ours),
                Verdict::Known(SyncStatus::Critical(CriticalReason::Ahead {
                    behind: 2,
                    voters: 3,
                    ..
                }))
            )
        })
        .await;
        let took = sim.elapsed().saturating_sub(since);
        assert!(took <= SLOT.as_duration() * 3, "{took:?}");
        sim.slots(9).await;
        assert!(nobody_sealed(sim), "{}", ours.health());
        // One of the two catches up: no longer more than half.
        let report = peers[0].chain.import(sim.chain(30)[20..].to_vec());
        assert!(report.failure.is_none());
        sim.until(3 * MINUTE, "O authors", || !nobody_sealed(sim))
            .await;
    });
}

#[test]
fn h15_one_stuck_of_three_ninety_behind_has_no_effect() {
    run(Setup::chain(100), async |sim| {
        let full = sim.full_nodes(2, "P", 100);
        let stuck = sim.peer("stuck", sim.chain(10), Misbehaviour::Nothing);
        let mut ours = sim.validator("O", 0, sim.chain(100));
        ours.start();
        sim.mesh(node_ids(&full).chain([&ours.id]));
        sim.connect(&ours.id, [&stuck.id]);
        sim.until(2 * MINUTE, "in sync", || ours.is_in_sync()).await;
        let slots = play(sim, 30).await;
        assert_kept(sim, sim.link(), &ours, slots, |authority| authority == 0);
        assert!(ours.is_in_sync(), "{}", ours.health());
    });
}
