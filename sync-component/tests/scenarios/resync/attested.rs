//! Resyncs where authorities vote: what peers say of themselves counts for nothing.

use super::*;
use crate::authorities::{authorities, by_authorities};

/// Four authorities at 60 that go on, and O on a dead fork, linked with all of them.
async fn network(sim: &mut Sim) -> (Vec<Node>, Node) {
    by_authorities(sim);
    let nodes = authorities(sim, &[60; 4]);
    let fork = sim.dead_fork(10, 12);
    let mut ours = sim.node("O", &fork);
    ours.start();
    sim.connect(&ours.id, node_ids(&nodes));
    sim.until(5 * MINUTE, "they go on", || nodes[0].best().height() > 62)
        .await;
    (nodes, ours)
}

/// A peer with these blocks that has connected, and said where it stands.
async fn joined_by(sim: &Sim, ours: &Node, name: &str, blocks: &[SmallBlock]) -> Peer {
    let peer = sim.peer(name, blocks, Misbehaviour::Nothing);
    sim.connect(&ours.id, [&peer.id]);
    sim.slots(2).await;
    peer
}

/// Whether all of `staging`'s chain is that of `node`, but for the newest blocks.
fn is_of(staging: &InMemory, node: &Node) -> bool {
    let height = u32::try_from(staging.height() - 5).unwrap();
    let at = |chain: &ReferenceBridge<SmallBlock>| chain.canonical_hash(height).unwrap();
    height >= 50 && at(&staging.chain) == at(&node.chain)
}

#[test]
fn r04_free_identities_and_full_nodes_on_a_dead_fork_decide_nothing_where_authorities_vote() {
    run(Setup::chain(60).authorities(4).idle(400), async |sim| {
        let (nodes, ours) = network(sim).await;
        // As long as the network's chain, so that they have hashes wherever the staged one ends.
        let invented = sim.branch(20, 300, 1, 77);
        let crowd = sim.crowd(40, "E", &invented, &Misbehaviour::Nothing);
        let fork = sim.branch(10, 300, 1, 9);
        let own = sim.crowd(9, "F", &fork, &Misbehaviour::Nothing);
        sim.connect(&ours.id, ids(&crowd).chain(ids(&own)));
        sim.slots(2).await;
        for kind in Kind::ALL {
            let staging = InMemory::by(sim, &ours, kind);
            let named = order(&[&nodes[0].id, &nodes[1].id], None);
            insist(&ours, &named, &staging).await.unwrap();
            assert!(is_of(&staging, &nodes[0]), "{kind:?}");
            // Nor do they make their own chain the voted one.
            let staging = InMemory::by(sim, &ours, kind);
            let named = order(&[&crowd[0].id, &crowd[1].id], None);
            let refused = insist(&ours, &named, &staging).await.unwrap_err();
            assert!(is_refusal(&refused), "{kind:?}: {refused}");
            assert!(!staging.stages().contains(&"validated"), "{kind:?}");
        }
    });
}

#[test]
fn r04_too_few_authorities_make_no_vote_and_only_a_checkpoint_will_do() {
    run(Setup::chain(60).authorities(4).idle(60), async |sim| {
        let (mut nodes, ours) = network(sim).await;
        nodes[2].stop();
        nodes[3].stop();
        // What they attested before counts for three slots.
        sim.slots(5).await;
        let staging = InMemory::beside(sim, &ours);
        let named = |checkpoint| order(&[&nodes[0].id, &nodes[1].id], checkpoint);
        let refused = insist(&ours, &named(None), &staging).await.unwrap_err();
        assert!(refused.is_resumable(), "{refused}");
        assert!(
            matches!(
                refused,
                ResyncError::NotVoted(NotVoted::TooFewAttest {
                    authorities: 4,
                    need: 3,
                    ..
                })
            ),
            "{refused}"
        );
        assert!(!staging.stages().contains(&"validated"));
        let tip = staging.chain.best();
        let staged = insist(&ours, &named(Some(tip)), &staging).await.unwrap();
        assert!(staged.number >= tip.number);
        assert!(staging.stages().contains(&"validated"));
    });
}

/// The key of the node that is resynced attests the dead fork all the while.
#[test]
fn r04_own_key_on_the_dead_fork_has_no_word_and_no_veto() {
    for (count, is_enough) in [(4, true), (3, false)] {
        run(Setup::chain(60).authorities(count).idle(60), async |sim| {
            by_authorities(sim);
            let mut others = Vec::new();
            for authority in 0..count - 1 {
                let mut node = sim.validator(&format!("V{authority}"), authority, sim.chain(60));
                node.start();
                others.push(node);
            }
            let fork = sim.dead_fork(10, 12);
            let mut ours = sim.validator("O", count - 1, &fork);
            ours.start();
            sim.mesh(node_ids(&others).chain([&ours.id]));
            sim.slots(4).await;
            let staging = InMemory::beside(sim, &ours);
            let named = |checkpoint| order(&[&others[0].id, &others[1].id], checkpoint);
            let end = insist(&ours, &named(None), &staging).await;
            assert_eq!(end.is_ok(), is_enough, "{end:?}");
            if let Err(refused) = end {
                assert!(
                    matches!(
                        refused,
                        ResyncError::NotVoted(NotVoted::TooFewAttest { heard: ..=2, .. })
                    ),
                    "{refused}"
                );
                let tip = staging.chain.best();
                insist(&ours, &named(Some(tip)), &staging).await.unwrap();
            }
        });
    }
}

/// With a long reach the signed hashes end above the block that all authorities share.
#[test]
fn r04_voted_block_below_the_signed_hashes_is_found_by_headers() {
    run(Setup::chain(60).authorities(4).idle(100), async |sim| {
        by_authorities(sim);
        sim.settings.tier1.max_gap = 40;
        let fork = sim.dead_fork(10, 12);
        let mut ours = sim.node("O", &fork);
        ours.start();
        let source = sim.servers(1, "S", 60).remove(0);
        // Two go on above the source's tip, and one of them on a branch of its own.
        let (straight, aside) = (sim.branch(60, 15, 1, 5), sim.branch(50, 25, 1, 6));
        let carriers = [
            sim.peer("A", &straight, Misbehaviour::Nothing),
            sim.peer("B", &aside, Misbehaviour::Nothing),
        ];
        sim.connect(&ours.id, ids(&carriers).chain([&source.id]));
        let mut relay = sim.node("R", &[]);
        relay.fetching = Fetching::Tier3;
        relay.start();
        sim.connect(&ours.id, [&relay.id]);
        sim.slots(2).await;
        let staging = InMemory::by(sim, &ours, Kind::MultiSource);
        let named = order(&[&source.id], None);
        let attests = async {
            loop {
                let slot = sim.oracle.wall_slot();
                for (authority, chain) in [(0, &straight), (1, &straight), (2, &aside)] {
                    let word = sim.attestation(authority, slot, 0, chain);
                    let header = sim.chain(60)[59].header().clone();
                    source.announce_attested(&relay.id, header, word).await;
                }
                sim.slots(1).await;
            }
        };
        sim.connect(&relay.id, [&source.id]);
        let run = resume(&ours, &named, &staging);
        tokio::select! {
            biased;
            staged = run => assert_eq!(staged.height(), 60),
            () = attests => {}
        }
    });
}

/// What authorities attest lies far above what is staged.
#[test]
fn r05_chain_of_a_stray_source_that_is_lost_gives_way_to_the_attested_one() {
    run(Setup::chain(60).authorities(4).idle(400), async |sim| {
        let (nodes, ours) = network(sim).await;
        let nobody = PeerId::from_bytes(b"lost");
        for kind in Kind::ALL {
            let staging = InMemory::by(sim, &ours, kind);
            let half = sim.branch(20, 10, 1, 77);
            assert!(staging.chain.import(half).failure.is_none());
            let named = order(&[&nobody, &nodes[0].id], None);
            insist(&ours, &named, &staging).await.unwrap();
            assert!(is_of(&staging, &nodes[0]), "{kind:?}");
        }
    });
}

/// The stray source is still there. What it showed ends far below what authorities attest.
#[test]
fn r05_stray_source_far_below_what_is_attested_is_left() {
    run(Setup::chain(60).authorities(4).idle(400), async |sim| {
        let (nodes, ours) = network(sim).await;
        let other = sim.branch(20, 10, 1, 77);
        let stray = joined_by(sim, &ours, "S", &other).await;
        for kind in Kind::ALL {
            let staging = InMemory::by(sim, &ours, kind);
            assert!(staging.chain.import(other.clone()).failure.is_none());
            let named = order(&[&stray.id, &nodes[0].id], None);
            insist(&ours, &named, &staging).await.unwrap();
            assert!(is_of(&staging, &nodes[0]), "{kind:?}");
        }
        // One that is on the attested chain, and only behind, is waited for.
        let behind = joined_by(sim, &ours, "B", sim.chain(40)).await;
        let staging = InMemory::beside(sim, &ours);
        let named = order(&[&behind.id], None);
        let end = insist(&ours, &named, &staging).await.unwrap_err();
        let is_behind = matches!(end, ResyncError::NotVoted(NotVoted::Behind { .. }));
        assert!(is_behind && end.is_resumable(), "{end}");
        assert_eq!(staging.height(), 40);
    });
}

/// The attested chain is half staged, and whoever is left is on another one.
#[test]
fn r05_attested_chain_that_is_half_staged_stays_where_only_a_stray_source_is_left() {
    run(Setup::chain(60).authorities(4).idle(400), async |sim| {
        let (_nodes, ours) = network(sim).await;
        let other = sim.branch(20, 300, 1, 77);
        let stray = joined_by(sim, &ours, "S", &other).await;
        for kind in Kind::ALL {
            let staging = InMemory::by(sim, &ours, kind);
            let half = sim.chain(40).to_vec();
            assert!(staging.chain.import(half).failure.is_none());
            let named = order(&[&stray.id], None);
            let end = resync(&ours, &named, &staging).await.unwrap_err();
            assert!(end.is_resumable(), "{kind:?}: {end}");
            let tip = BlockId::of(sim.chain(40)[39].header());
            assert_eq!(staging.chain.best(), tip, "{kind:?}");
        }
    });
}
