//! Clocks under `authority-quorum`: what free identities make of one authority's header, and what a clock that is really behind
//! shows.

use super::{
    authorities::{authorities, by_authorities, highest, next_slot, one_chain},
    *,
};
use sp_runtime::traits::Block as _;
use sync_component::{BlockId, NetworkError, test_kit::SLOT};

fn suspects_its_clock(node: &Node) -> bool {
    matches!(
        verdict(node),
        Verdict::Unverified(NetworkError::ClockSuspect { .. })
    )
}

#[test]
fn h17_header_of_the_future_that_a_crowd_claims_stops_nobody() {
    run(Setup::chain(8).authorities(4), async |sim| {
        by_authorities(sim);
        let nodes = authorities(sim, &[8; 4][..3]);
        // The fourth key seals for a slot of its own that is far away.
        let far = sim::FIRST_SLOT + 100;
        let mut turns = far..far + 4;
        let slot = turns
            .find(|slot| sim.forge.turn((*slot).into()) == 3)
            .unwrap();
        let mut chain = sim.chain(8).to_vec();
        let parent = chain[7].header().clone();
        let block: SmallBlock = sim.forge.block(&parent, slot.into(), b"far away");
        sim.oracle.knows(std::slice::from_ref(&block));
        let tip = BlockId::of(block.header());
        chain.push(block);
        let branch = Misbehaviour::ServesBranch(chain.clone());
        let crowd = sim.crowd(40, "F", sim.chain(8), &branch);
        for member in &crowd {
            member.claims(tip);
        }
        for node in &nodes {
            sim.connect(&node.id, ids(&crowd));
        }
        sim.until(2 * MINUTE, "the first block", || highest(&nodes) > 8)
            .await;
        for _ in 0..24 {
            next_slot(sim).await;
            assert!(!nodes.iter().any(suspects_its_clock));
        }
        // Three of four, of 24 slots, but for those that the network costs.
        assert!(highest(&nodes) >= 8 + 12, "{}", highest(&nodes));
    });
}

#[test]
fn clock_that_is_behind_shows_and_is_mended_by_being_set() {
    run(Setup::chain(8).authorities(4), async |sim| {
        by_authorities(sim);
        let nodes = authorities(sim, &[8; 4]);
        sim.until(2 * MINUTE, "the first blocks", || highest(&nodes) > 10)
            .await;
        nodes[0]
            .clock
            .set_by(-3 * i64::try_from(SLOT.as_millis()).unwrap());
        sim.until(SLOT.as_duration() * 4, "its clock is suspect", || {
            suspects_its_clock(&nodes[0])
        })
        .await;
        sim.slots(6).await;
        assert!(nodes[1..].iter().all(|node| !suspects_its_clock(node)));
        nodes[0]
            .clock
            .set_by(3 * i64::try_from(SLOT.as_millis()).unwrap());
        sim.until(2 * MINUTE, "in sync again", || {
            nodes[0].is_in_sync() && one_chain(&nodes)
        })
        .await;
    });
}

#[test]
fn clocks_that_were_ahead_for_a_moment_cost_nothing_once_they_are_set() {
    run(Setup::chain(8).authorities(4), async |sim| {
        by_authorities(sim);
        let nodes = authorities(sim, &[8; 4]);
        sim.until(2 * MINUTE, "the first blocks", || highest(&nodes) > 10)
            .await;
        let hour = i64::try_from(Duration::from_hours(1).as_millis()).unwrap();
        for node in &nodes[..2] {
            node.clock.set_by(hour);
        }
        sim.slots(2).await;
        for node in &nodes[..2] {
            node.clock.set_by(-hour);
        }
        sim.until(SLOT.as_duration() * 4, "no clock is suspect", || {
            !nodes.iter().any(suspects_its_clock)
        })
        .await;
        sim.until(2 * MINUTE, "one chain that goes on", || {
            nodes.iter().all(Node::is_in_sync) && one_chain(&nodes)
        })
        .await;
        // Of three rounds each keeps its slots, those two included.
        let slots = super::authorities::play(sim, 12).await;
        for authority in 0..4 {
            let kept =
                super::authorities::kept(sim, &nodes[0], slots.clone(), |of| of == authority);
            assert!(kept >= 2, "{kept} of 3 slots of {authority}");
        }
    });
}
