//! Forks.

use super::{
    authorities::{by_authorities, highest},
    *,
};
use sp_runtime::traits::Block as _;
use sync_component::{
    BlockId, NetworkError,
    error::{Apart, NoConsensus},
    orchestrator::{Clearance, SyncEvent},
    ports::{Protocol, ReadChain},
    status::{CriticalReason, Note},
    test_kit::{Link, SLOT},
};

/// The critical fork that a node reports: both tips and the ancestor.
fn fork_of(node: &Node) -> Option<[BlockId<SmallBlock>; 3]> {
    match verdict(node) {
        Verdict::Known(SyncStatus::Critical(CriticalReason::Fork {
            ours,
            theirs,
            ancestor,
        })) => Some([ours, theirs, ancestor]),
        _ => None,
    }
}

#[test]
fn k01_deep_fork_is_critical_and_a_minority_is_marked() {
    run(Setup::chain(100).authorities(4).idle(60), async |sim| {
        let dead = sim.dead_fork(90, 10);
        let peers = sim.servers(4, "A", 100);
        let mut ours = sim.validator("O", 0, &dead);
        ours.start();
        sim.connect(&ours.id, ids(&peers));
        let expected = [
            ours.best(),
            peers[0].chain.best(),
            BlockId::of(sim.chain(90)[89].header()),
        ];
        sim.until(5 * MINUTE, "critical, with both tips and 90", || {
            fork_of(&ours) == Some(expected)
        })
        .await;
        sim.slots(20).await;
        assert!(nobody_sealed(sim));
        assert_eq!(ours.best(), expected[0], "nothing is rolled back");

        let mut right = sim.node("R", sim.chain(100));
        let stray = sim.peer("stray", &dead, Misbehaviour::Nothing);
        right.start();
        sim.connect(&right.id, ids(&peers[..3]).chain([&stray.id]));
        sim.until(5 * MINUTE, "in sync, the stray marked", || {
            let notes = right.manager().report().notes;
            let marks_stray = |note: &Note<SmallBlock>| {
                matches!(note, Note::Minority { tip, voters: 1 } if *tip == stray.chain.best())
            };
            right.is_in_sync() && notes.iter().any(marks_stray)
        })
        .await;
    });
}

#[test]
fn k01_fork_is_critical_although_the_voters_differ_by_their_last_blocks() {
    run(Setup::chain(100).authorities(4).idle(60), async |sim| {
        let one = sim.servers(2, "A", 100);
        let tie = sim.branch(98, 2, 2, 7);
        let two = ["C 0", "C 1"].map(|name| sim.peer(name, &tie, Misbehaviour::Nothing));
        let mut ours = sim.validator("O", 0, &sim.dead_fork(90, 10));
        ours.start();
        sim.connect(&ours.id, ids(&one).chain(ids(&two)));
        let ancestor = BlockId::of(sim.chain(90)[89].header());
        sim.until(5 * MINUTE, "critical, with 90", || {
            fork_of(&ours).is_some_and(|[_, _, below]| below == ancestor)
        })
        .await;
    });
}

#[test]
fn k01_fork_older_than_a_window_of_headers_stays_critical_while_the_network_goes_on() {
    run(Setup::chain(1_200).authorities(4).idle(3), async |sim| {
        by_authorities(sim);
        let mut nodes: Vec<_> = (1..4)
            .map(|n| sim.validator(&format!("V{n}"), n, sim.chain(1_200)))
            .collect();
        nodes.iter_mut().for_each(Node::start);
        sim.mesh(node_ids(&nodes));
        let mut ours = sim.validator("O", 0, &sim.dead_fork(100, 20));
        ours.start();
        sim.connect(&ours.id, node_ids(&nodes));
        let ancestor = BlockId::of(sim.chain(100)[99].header());
        let knows = || fork_of(&ours).is_some_and(|[_, _, below]| below == ancestor);
        sim.until(5 * MINUTE, "critical, with the ancestor", knows)
            .await;
        let height = highest(&nodes);
        // What a lossy network has not brought for that long is no voter's tip any more.
        let mut unknown = Duration::ZERO;
        for _ in 0..80 {
            sim.run_for(SLOT.as_duration() / 4).await;
            unknown = if knows() {
                Duration::ZERO
            } else {
                unknown + SLOT.as_duration() / 4
            };
            assert!(
                unknown <= SLOT.as_duration() * if sim.is_calm() { 0 } else { 2 },
                "{:?}",
                verdict(&ours)
            );
        }
        assert!(highest(&nodes) > height + 10, "the network goes on");
    });
}

#[test]
fn k01_halves_that_cannot_come_together_are_told_so() {
    run(Setup::chain(100).authorities(4).idle(60), async |sim| {
        by_authorities(sim);
        let dead = sim.dead_fork(90, 10);
        let chains = [&dead, &dead, sim.chain(100), sim.chain(100)];
        let mut nodes: Vec<_> = chains
            .iter()
            .enumerate()
            .map(|(n, chain)| sim.validator(&format!("V{n}"), n, chain))
            .collect();
        nodes.iter_mut().for_each(Node::start);
        sim.mesh(node_ids(&nodes));
        let apart = Some(Apart {
            voters: 2,
            ancestor: 90,
        });
        let knows = |node: &Node| match verdict(node) {
            Verdict::Unverified(NetworkError::NoConsensusReached(NoConsensus::Attestations {
                apart: known,
                ..
            })) => known == apart,
            _ => false,
        };
        sim.until(5 * MINUTE, "all know that waiting is no use", || {
            nodes.iter().all(knows)
        })
        .await;
        assert!(nobody_sealed(sim));
    });
}

#[test]
fn k02_four_hashes_become_one_before_anybody_builds_on_them() {
    run(Setup::chain(20).authorities(4).idle(9), async |sim| {
        let mut nodes: Vec<_> = (0..4_u64)
            .map(|n| {
                let mut blocks = sim.chain(20).to_vec();
                let parent = blocks[19].header().clone();
                let slot = sim::FIRST_SLOT + 20 + n;
                blocks.push(sim.forge.block(&parent, slot.into(), &n.to_le_bytes()));
                sim.oracle.knows(&blocks[20..]);
                sim.validator(&format!("V{n}"), usize::try_from(n).unwrap(), &blocks)
            })
            .collect();
        nodes.iter_mut().for_each(Node::start);
        let linked = sim.elapsed();
        sim.mesh(node_ids(&nodes));
        // That at least three held it when a gate was cleared is what the oracle checks (I3).
        sim.until(5 * MINUTE, "one 21 at all four", || {
            let first = nodes[0].chain.canonical_hash(21).unwrap();
            nodes
                .iter()
                .all(|node| node.chain.canonical_hash(21).unwrap() == first)
        })
        .await;
        // One round of exchange: what a gate has for it. Where messages are lost, the round is that of the time-out.
        let took = sim.elapsed().saturating_sub(linked);
        let round = if sim.is_calm() {
            nodes[0].manager().height_sync().slot_share()
        } else {
            sim.settings.tier1.timeout
        };
        assert!(took <= round, "{took:?}");
        sim.until(5 * MINUTE, "and blocks above it", || {
            agree(&nodes) && nodes[0].best().height() >= 23
        })
        .await;
    });
}

#[test]
fn k03_lost_probes_are_unknown_and_tried_again() {
    run(Setup::chain(23).idle(4), async |sim| {
        let fork = sim.branch(20, 1, 1, 5);
        let lost = Misbehaviour::SilentOn(Protocol::Headers);
        let peers: Vec<_> = (0..4)
            .map(|n| sim.peer(&format!("A{n}"), sim.chain(23), lost.clone()))
            .collect();
        let mut ours = sim.node("O", &fork);
        let before = ours.best();
        ours.start();
        sim.connect(&ours.id, ids(&peers));
        sim.slots(30).await;
        assert_eq!(ours.best(), before);
        assert!(
            matches!(
                verdict(&ours),
                Verdict::Unverified(NetworkError::NoConsensusReached(
                    NoConsensus::NoVotes { .. } | NoConsensus::TooFewResponses { .. }
                ))
            ),
            "{}",
            ours.health()
        );
        let probes = || {
            let requests =
                ids(&peers).map(|peer| sim.network.requests(&ours.id, peer, Protocol::Headers));
            requests.sum::<usize>()
        };
        let so_far = probes();
        // A probe waits two slots for its answer and the next one four more at most.
        sim.slots(24).await;
        assert!(probes() >= so_far + 3, "{so_far} before, {} now", probes());
        for peer in &peers {
            peer.turns_to(Misbehaviour::Nothing);
        }
        let so_far = probes();
        // What is under way ends unanswered after two slots, and the pause after it is four at most.
        sim.until(SLOT.as_duration() * 7, "the next probe", || {
            probes() > so_far
        })
        .await;
        let round = if sim.is_calm() {
            ours.manager().height_sync().slot_share()
        } else {
            sim.settings.tier1.timeout * 2
        };
        sim.until(round, "in sync on the network's chain", || {
            ours.best() == peers[0].chain.best() && ours.is_in_sync()
        })
        .await;
    });
}

#[test]
fn k04_ancestor_of_a_fork_500_deep_is_found_with_few_questions_over_a_long_way() {
    run(Setup::chain(600).authorities(4).idle(1_500), async |sim| {
        let peer = sim.peer("A", sim.chain(600), Misbehaviour::Nothing);
        let mut ours = sim.node("O", &sim.dead_fork(100, 500));
        ours.start();
        let link = Link::with_latency(Duration::from_millis(200));
        sim.network.connect(&ours.id, &peer.id, link);
        let expected = Some(BlockId::of(sim.chain(100)[99].header()));
        sim.until(MINUTE, "the ancestor", || {
            fork_of(&ours).map(|[_, _, ancestor]| ancestor) == expected
        })
        .await;
        // Where the peer stands is asked on the same protocol.
        let questions = sim.network.requests(&ours.id, &peer.id, Protocol::Status);
        assert!(questions <= 2 * 9 + 8, "{questions} questions");
    });
}

#[test]
fn k05_shallow_fork_heals_in_one_switch() {
    run(Setup::chain(26).idle(4), async |sim| {
        let peers = sim.servers(3, "A", 26);
        let depth = 2 + sim.seed % 4;
        let mut ours = sim.node("O", &sim.branch(20, depth, 1, 5));
        let mut switches = ours.chain.events();
        ours.start();
        sim.connect(&ours.id, ids(&peers));
        sim.until(5 * MINUTE, "on the network's chain", || {
            ours.best() == peers[0].chain.best()
        })
        .await;
        let event = switches.try_recv().unwrap();
        assert_eq!(event.best, ours.best());
        assert_eq!(event.retracted.unwrap().common_ancestor.height(), 20);
        assert!(
            switches.try_recv().is_err(),
            "one switch and nothing between"
        );
    });
}

#[test]
fn k05_fork_deeper_than_the_limit_is_the_operators() {
    run(Setup::chain(30).idle(30), async |sim| {
        // Depth 6 under the default of 5, and depth 1 under a limit of 0.
        let (limit, depth) = if sim.seed % 2 == 0 { (5, 6) } else { (0, 1) };
        sim.settings.tier2.max_reorg = limit;
        let at = 30 - usize::try_from(depth).unwrap();
        let peers = sim.servers(4, "A", 30);
        let mut ours = sim.node("O", &sim.dead_fork(at, depth));
        let before = ours.best();
        ours.start();
        sim.connect(&ours.id, ids(&peers));
        sim.until(5 * MINUTE, "critical", || fork_of(&ours).is_some())
            .await;
        let gate = ours.manager().sync_before_production().await.unwrap();
        let Clearance::Held(hold) = gate else {
            panic!("{gate:?}");
        };
        assert!(hold.to_string().contains("node-template resync"), "{hold}");
        sim.slots(10).await;
        assert_eq!(ours.best(), before);
    });
}

/// Replies overtake each other and get lost, and one peer sends each item twice, in reverse, or cuts its replies short.
#[test]
fn k07_the_ancestor_that_is_found_is_the_true_one() {
    run(Setup::chain(350).idle(900), async |sim| {
        let depth = sim.pick(301);
        let at = 350 - usize::try_from(depth).unwrap();
        let length = if depth == 0 { 0 } else { 1 + sim.pick(depth) };
        let dead = sim.dead_fork(at, length);
        let peers = sim.servers(4, "A", 350);
        let bent = [
            Misbehaviour::Duplicates,
            Misbehaviour::Reverses,
            Misbehaviour::Trickles,
        ];
        let bent = bent[usize::try_from(sim.seed % 3).unwrap()].clone();
        let bent = sim.peer("bent", sim.chain(350), bent);
        let mut ours = sim.node("O", &dead);
        ours.start();
        let shuffling = Link {
            jitter: Duration::from_millis(600),
            loss: 0.03,
            ..sim.link()
        };
        for peer in ids(&peers).chain([&bent.id]) {
            sim.network.connect(&ours.id, peer, shuffling);
        }
        let ancestor = BlockId::of(sim.chain(at)[at - 1].header());
        let limit = sim.settings.tier2.max_reorg;
        if length > limit {
            sim.until(10 * MINUTE, "the ancestor is named", || {
                fork_of(&ours).is_some()
            })
            .await;
            assert_eq!(fork_of(&ours).map(|[_, _, found]| found), Some(ancestor));
        } else {
            sim.until(10 * MINUTE, "healed", || {
                ours.best() == peers[0].chain.best()
            })
            .await;
        }
    });
}

/// A chain that leaves ours below our final block and is final by its own seals: no vote outweighs that.
#[test]
fn conflicting_finality_is_critical_whoever_votes_with_us() {
    run(Setup::chain(30).authorities(4).idle(60), async |sim| {
        let mut other = sim.chain(10).to_vec();
        for n in 0..12 {
            let parent = other.last().unwrap().header().clone();
            let slot = sim::FIRST_SLOT + 40 + n;
            other.push(sim.forge.block(&parent, slot.into(), b"other"));
        }
        sim.oracle.knows(&other);
        let peers = sim.servers(4, "A", 30);
        let mut ours = sim.validator("O", 0, sim.chain(30));
        assert!(ours.chain.finalized().height() > 10);
        ours.start();
        sim.connect(&ours.id, ids(&peers));
        sim.until(2 * MINUTE, "in sync", || ours.is_in_sync()).await;
        let mut events = ours.manager().events();
        let bearer = sim.peer("B", &other, Misbehaviour::Nothing);
        sim.connect(&ours.id, [&bearer.id]);
        // Five blocks of the others lie above it.
        let theirs = BlockId::of(other[16].header());
        sim.until(5 * MINUTE, "critical, with both final blocks", || {
            matches!(
                verdict(&ours),
                Verdict::Known(SyncStatus::Critical(CriticalReason::FinalityConflict {
                    ours: final_here,
                    theirs: shown,
                })) if final_here == ours.chain.finalized() && shown == theirs
            )
        })
        .await;
        // What alerts are made of.
        let mut told = std::iter::from_fn(|| events.try_recv().ok());
        assert!(told.any(|event| matches!(
            event,
            SyncEvent::StatusChanged(report) if matches!(
                report.verdict,
                Verdict::Known(SyncStatus::Critical(CriticalReason::FinalityConflict { .. }))
            )
        )));
        let (sealed, best) = (sim.oracle.seals(), ours.best());
        sim.slots(20).await;
        assert_eq!((sim.oracle.seals(), ours.best()), (sealed, best));
        let gate = ours.manager().sync_before_production().await.unwrap();
        let Clearance::Held(hold) = gate else {
            panic!("{gate:?}");
        };
        assert!(hold.to_string().contains("finality conflict"), "{hold}");
        assert!(peers.iter().all(|peer| !refuses(sim, &ours, &peer.id)));
        assert!(!refuses(sim, &ours, &bearer.id));

        // Its operator took it to our chain, or away.
        sim.network.cut(&ours.id, &bearer.id);
        sim.until(MINUTE, "in sync again", || ours.is_in_sync())
            .await;
    });
}
