//! H22 under `authority-quorum`: keys that sign twice, and keys of ours that are used elsewhere.

use super::{
    authorities::{
        assert_kept, authorities, by_authorities, highest, kept, next_slot, one_chain, play,
    },
    *,
};
use sp_runtime::traits::{Block as _, Header as _};
use sync_component::{
    orchestrator::SyncEvent,
    ports::{AttestationCounter, ReadChain, VerifyHeaders},
    status::Note,
};

#[test]
fn two_headers_for_one_slot_are_kept_as_evidence() {
    run(Setup::chain(8).authorities(4), async |sim| {
        by_authorities(sim);
        let nodes = authorities(sim, &[8; 4]);
        let carrier = sim.peer("C", sim.chain(8), Misbehaviour::Nothing);
        for node in &nodes {
            sim.connect(&node.id, [&carrier.id]);
        }
        sim.slots(1).await;
        let parent = sim.chain(8)[7].header().clone();
        let slot = sim::FIRST_SLOT + 8;
        for body in [b"one", b"two"] {
            let block: SmallBlock = sim.forge.block(&parent, slot.into(), body);
            sim.oracle.knows(std::slice::from_ref(&block));
            for node in &nodes {
                carrier.announce(&node.id, block.header().clone()).await;
            }
        }
        sim.until(2 * MINUTE, "somebody shows the evidence", || {
            nodes.iter().any(|node| {
                let shown = node.manager().report().notes;
                shown
                    .iter()
                    .any(|note| matches!(note, Note::Equivocation(_)))
            })
        })
        .await;
        assert!(nodes.iter().all(|node| !refuses(sim, node, &carrier.id)));

        // It outlives the exchange of a store, and nobody is told of it twice.
        let evidence = |node: &Node| node.manager().evidence();
        let kept = nodes.iter().map(evidence).find(|kept| !kept.is_empty());
        let kept = kept.expect("it is shown");
        let mut after = sim.node("after", sim.chain(8));
        after.start();
        let mut events = after.manager().events();
        after.manager().remember(kept.clone());
        sim.slots(1).await;
        assert_eq!(evidence(&after), kept);
        while let Ok(event) = events.try_recv() {
            assert!(!matches!(event, SyncEvent::Equivocation(_)));
        }
    });
}

/// A word in the name of `V0` that `V0` did not sign, above its counter: it stops and says so, and the others go on.
#[test]
fn h22_key_that_attests_elsewhere_stops_its_node_and_says_so() {
    run(Setup::chain(8).authorities(4), async |sim| {
        let (nodes, carrier) = four_and_a_carrier(sim).await;
        for _ in 0..10 {
            let word = sim.attestation(0, sim.oracle.wall_slot(), 60_000, sim.chain(8));
            let top = sim.chain(8)[7].header().clone();
            // It reaches V0 by way of another, as everybody passes attestations on.
            carrier.announce_attested(&nodes[1].id, top, word).await;
            next_slot(sim).await;
        }
        stopped_for_its_key(sim, &nodes, &carrier).await;
    });
}

#[test]
fn h22_second_attestation_with_a_counter_of_our_own_stops_the_node_too() {
    run(Setup::chain(8).authorities(4), async |sim| {
        let (nodes, carrier) = four_and_a_carrier(sim).await;
        let key = sim.forge.public(0);
        for _ in 0..10 {
            let held = nodes[0].manager().height_sync().attestations();
            let own = held.iter().find(|word| word.authority == key).unwrap();
            let nth = own.tip.counter - AttestationCounter::lowest_of(own.tip.slot.into()).0;
            let word = sim.attestation(0, own.tip.slot, nth, sim.chain(8));
            let top = sim.chain(8)[7].header().clone();
            carrier.announce_attested(&nodes[0].id, top, word).await;
            next_slot(sim).await;
        }
        stopped_for_its_key(sim, &nodes, &carrier).await;
    });
}

/// Two nodes with one key and equal clocks seal in the same slots, so that no slot is above the last one.
#[test]
fn h22_second_block_for_a_slot_of_our_own_stops_the_node_too() {
    run(Setup::chain(8).authorities(4), async |sim| {
        let (nodes, carrier) = four_and_a_carrier(sim).await;
        let chain = &nodes[0].chain;
        let own = |block: &SmallBlock| {
            let slot = chain.slot_of(block.header()).unwrap();
            (sim.forge.turn(slot) == 0).then_some(slot)
        };
        let second = loop {
            let blocks = chain.blocks();
            let mut sealed_here = blocks[8..].iter().rev();
            if let Some((block, slot)) = sealed_here.find_map(|block| Some((block, own(block)?))) {
                let parent = chain.header(*block.header().parent_hash()).unwrap();
                break sim
                    .forge
                    .block::<SmallBlock>(&parent.unwrap(), slot, b"second");
            }
            next_slot(sim).await;
        };
        sim.oracle.knows(std::slice::from_ref(&second));
        for _ in 0..10 {
            carrier
                .announce_fork(&nodes[0].id, second.header().clone())
                .await;
            next_slot(sim).await;
        }
        stopped_for_its_key(sim, &nodes, &carrier).await;
    });
}

/// On a branch that is not taken, too: whoever seals that may seal for a slot of ours next.
#[test]
fn h22_block_with_our_key_beside_the_best_chain_stops_the_node_too() {
    run(Setup::chain(8).authorities(4), async |sim| {
        by_authorities(sim);
        let mut nodes = authorities(sim, &[8; 4]);
        let carrier = sim.peer("C", sim.chain(8), Misbehaviour::Nothing);
        // Too few are left to author, so that V0's last slot is not one of those that follow.
        for node in &mut nodes[2..] {
            node.stop();
        }
        sim.connect(&carrier.id, node_ids(&nodes[..2]));
        sim.slots(6).await;
        let now = sim.oracle.wall_slot() - 1;
        let is_v0s = |slot: &u64| sim.forge.turn((*slot).into()) == 0;
        let slot = (now - 3..=now).find(is_v0s).unwrap();
        // The tip's sibling of a later slot.
        let parent = sim.chain(8)[6].header();
        let block: SmallBlock = sim.forge.block(parent, slot.into(), b"elsewhere");
        sim.oracle.knows(std::slice::from_ref(&block));
        for _ in 0..10 {
            carrier
                .announce_fork(&nodes[0].id, block.header().clone())
                .await;
            next_slot(sim).await;
        }
        for node in &mut nodes[2..] {
            node.start();
        }
        sim.mesh(node_ids(&nodes));
        stopped_for_its_key(sim, &nodes, &carrier).await;
    });
}

async fn four_and_a_carrier(sim: &mut Sim) -> (Vec<Node>, Peer) {
    by_authorities(sim);
    let nodes = authorities(sim, &[8; 4]);
    let carrier = sim.peer("C", sim.chain(8), Misbehaviour::Nothing);
    sim.connect(&carrier.id, node_ids(&nodes));
    sim.until(2 * MINUTE, "the first blocks", || highest(&nodes) > 10)
        .await;
    (nodes, carrier)
}

async fn stopped_for_its_key(sim: &Sim, nodes: &[Node], carrier: &Peer) {
    assert!(is_critical(&nodes[0]), "{}", nodes[0].health());
    assert!(nodes[0].health().contains("own key used elsewhere"));
    let slots = play(sim, 12).await;
    sim.until(2 * MINUTE, "the others are on one chain", || {
        one_chain(&nodes[1..])
    })
    .await;
    assert_eq!(kept(sim, &nodes[1], slots.clone(), |n| n == 0), 0);
    assert_kept(sim, sim.link(), &nodes[1], slots, |n| n != 0);
    assert!(nodes.iter().all(|node| !refuses(sim, node, &carrier.id)));
}
