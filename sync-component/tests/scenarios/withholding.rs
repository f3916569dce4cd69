//! H19 once more: the other ways to show a header and keep its body. Whatever the peers answer, or whether they answer at all, the
//! honest keep all their slots but one in 4a.

use super::{
    malicious::{Costs, Stage, begin, begin_with, play, withhold},
    *,
};
use futures::future::join_all;
use sp_runtime::traits::Block as _;
use sync_component::ports::Protocol;

async fn withheld_by(sim: &mut Sim, ids: usize, how: Misbehaviour) {
    let mut stage = begin(sim, ids).await;
    stage.turn_to(&how);
    let slots = play(sim, &mut stage, withhold).await;
    stage.ends_well(sim, slots, Costs::OneSlotIn4a).await;
}

#[test]
fn h19_author_whose_peer_is_always_busy_costs_few_slots() {
    run(Setup::chain(12).authorities(10), async |sim| {
        withheld_by(sim, 1, Misbehaviour::BusyOn(Protocol::Blocks)).await;
    });
}

#[test]
fn h19_author_whose_peers_say_that_they_do_not_have_it_costs_few_slots() {
    run(Setup::chain(12).authorities(10), async |sim| {
        withheld_by(sim, 5, Misbehaviour::Lacks((0..500).collect())).await;
    });
}

#[test]
fn h19_wrong_bodies_under_fifty_ids_cost_few_slots() {
    run(Setup::chain(12).authorities(10), async |sim| {
        let mut stage = begin_with(sim, 50, &Misbehaviour::SwapsBodies).await;
        let slots = play(sim, &mut stage, withhold).await;
        stage.keeps_its_slots(sim, slots, Costs::OneSlotIn4a).await;
    });
}

#[test]
fn h19_header_that_nobody_claims_costs_few_slots() {
    run(Setup::chain(12).authorities(10), async |sim| {
        let mut stage = begin(sim, 1).await;
        // It stays connected, says nothing of itself any more, and shows its headers as those of a branch.
        stage.turn_to(&Misbehaviour::Silent);
        let slots = play(sim, &mut stage, async |sim, stage| {
            if stage.has_its_turn(sim)
                && let Some(chain) = stage.sealed(sim, b"nobody's")
            {
                let header = chain.last().unwrap().header();
                let pushes = stage
                    .nodes
                    .iter()
                    .map(|node| stage.evil[0].announce_fork(&node.id, header.clone()));
                join_all(pushes).await;
            }
        })
        .await;
        stage.ends_well(sim, slots, Costs::OneSlotIn4a).await;
    });
}

#[test]
fn h19_author_that_is_gone_after_its_announcement_costs_few_slots() {
    run(Setup::chain(12).authorities(10), async |sim| {
        let mut stage = begin(sim, 1).await;
        let slots = play(sim, &mut stage, async |sim, stage| {
            if !stage.has_its_turn(sim) {
                return;
            }
            show_and_leave(sim, stage).await;
        })
        .await;
        stage.ends_well(sim, slots, Costs::OneSlotIn4a).await;
    });
}

async fn show_and_leave(sim: &mut Sim, stage: &mut Stage) {
    let evil = stage.evil[0].id.clone();
    for node in &stage.nodes {
        sim.connect(&node.id, [&evil]);
    }
    withhold(sim, stage).await;
    for node in &stage.nodes {
        sim.network.cut(&node.id, &evil);
    }
}

#[test]
fn h19_invalid_block_from_two_carriers_costs_few_slots_and_halts_nobody() {
    run(Setup::chain(12).authorities(10), async |sim| {
        let mut stage = begin(sim, 2).await;
        stage.turn_to(&Misbehaviour::Nothing);
        let slots = play(sim, &mut stage, async |sim, stage| {
            if !stage.has_its_turn(sim) {
                return;
            }
            let Some(chain) = stage.seal(sim, b"fails in execution") else {
                return;
            };
            for node in &stage.nodes {
                node.chain.refuse_in_execution(chain.last().unwrap().hash());
            }
            let word = stage.word(sim, &chain);
            let header = chain.last().unwrap().header();
            stage.push(&stage.nodes, header, &word, 4 * SECOND).await;
        })
        .await;
        stage.ends_well(sim, slots, Costs::OneSlotIn4a).await;
        assert!(!stage.nodes.iter().any(is_critical));
    });
}
