//! H19: a malicious authority that seals more than one block for its slot, and chooses who gets which. The honest keep all their slots
//! but one in 4a.

use super::{
    malicious::{Costs, KEEPS, SERVES, begin, begin_among, play, play_rounds},
    *,
};
use futures::future::join_all;
use sp_runtime::traits::Block;
use sync_component::{ports::ImportBlocks, status::Note};

#[test]
fn h19_two_blocks_for_one_slot_cost_few_slots_and_are_reported() {
    run(Setup::chain(12).authorities(10), async |sim| {
        let mut stage = begin(sim, 1).await;
        stage.turn_to(&SERVES);
        // The second block is served by another peer in the same hand.
        let twin = sim.crowd(1, "twin", sim.chain(12), &SERVES);
        for node in &stage.nodes {
            sim.connect(&node.id, ids(&twin));
        }
        let slots = play(sim, &mut stage, async |sim, stage| {
            if !stage.has_its_turn(sim) {
                return;
            }
            let Some(first) = stage.seal(sim, b"one") else {
                return;
            };
            let other = twin_of(sim, &first, b"two");
            let report = twin[0].chain.import(other.clone());
            assert!(report.failure.is_none(), "{report:?}");
            let (word, other_word) = (stage.word(sim, &first), stage.word(sim, &other));
            let half = stage.nodes.len() / 2;
            let top = first.last().unwrap().header();
            let one = stage.push(&stage.nodes[..half], top, &word, 4 * SECOND);
            let two = stage.nodes[half..].iter().map(|node| {
                let header = other.last().unwrap().header().clone();
                twin[0].announce_attested(&node.id, header, other_word.clone())
            });
            futures::join!(one, join_all(two));
        })
        .await;
        stage.ends_well(sim, slots, Costs::OneSlotIn4a).await;
        let shows = |node: &Node| {
            let shown = node.manager().report().notes;
            shown
                .iter()
                .any(|note| matches!(note, Note::Equivocation(_)))
        };
        assert!(stage.nodes.iter().any(shows));
    });
}

#[test]
fn h19_two_blocks_for_one_slot_in_few_honest_hands_cost_few_slots() {
    run(Setup::chain(12).authorities(10), async |sim| {
        // So many get the first block, and one more the second; all others hear of both at once, and leave them. Too few are left to
        // go on without these, and too few attest either to be sure that one of them is honest.
        let (count, first_hands) =
            [(7, 1), (10, 2), (5, 1)][usize::try_from(sim.seed % 3).unwrap()];
        let mut stage = begin_among(sim, count, 1, &KEEPS).await;
        let holders = ["one", "two"].map(|name| sim.peer(name, sim.chain(12), SERVES));
        // The next slot is that of none of these.
        for node in &stage.nodes[1..=first_hands] {
            sim.connect(&node.id, [&holders[0].id]);
        }
        let last_hand = first_hands + 1;
        sim.connect(&stage.nodes[last_hand].id, [&holders[1].id]);
        // Nobody has started lately, and so would let a block of its own go for the sake of the votes.
        sim.slots(u32::try_from(4 * count).unwrap()).await;
        let slots = play_rounds(sim, &mut stage, 4, async |sim, stage| {
            if !stage.has_its_turn(sim) {
                return;
            }
            let Some(first) = stage.sealed(sim, b"one") else {
                return;
            };
            let second = twin_of(sim, &first, b"two");
            for (holder, chain) in holders.iter().zip([&first, &second]) {
                let report = holder.chain.import(chain.clone());
                assert!(report.failure.is_none(), "{report:?}");
            }
            let [one, two] = [&first, &second].map(|chain| chain.last().unwrap().header().clone());
            let hand_out = stage.nodes[1..=first_hands]
                .iter()
                .map(|node| holders[0].announce(&node.id, one.clone()));
            let last = holders[1].announce(&stage.nodes[last_hand].id, two.clone());
            let hand_out = async { futures::join!(join_all(hand_out), last) };
            let others = stage.nodes[..1].iter().chain(&stage.nodes[last_hand + 1..]);
            let cries = others.flat_map(|node| {
                let cry = |header: &<SmallBlock as Block>::Header| {
                    stage.evil[0].announce(&node.id, header.clone())
                };
                [&one, &two].map(cry)
            });
            let all = async { futures::join!(hand_out, join_all(cries)) };
            let _ = tokio::time::timeout(4 * SECOND, all).await;
        })
        .await;
        stage.keeps_its_slots(sim, slots, Costs::OneSlotIn4a).await;
    });
}

#[test]
fn h19_one_of_many_blocks_for_one_slot_in_few_honest_hands_costs_few_slots() {
    run(Setup::chain(12).authorities(10), async |sim| {
        // All others hear of more blocks for this slot than anybody keeps in mind, and then of one more that so many hold: the others
        // are too few without these.
        let (count, hands) = [(4, 1), (7, 2), (10, 3)][usize::try_from(sim.seed % 3).unwrap()];
        let mut stage = begin_among(sim, count, 1, &KEEPS).await;
        let holder = sim.peer("holder", sim.chain(12), SERVES);
        // The next slot is that of none of these.
        for node in &stage.nodes[1..=hands] {
            sim.connect(&node.id, [&holder.id]);
        }
        sim.slots(u32::try_from(4 * count).unwrap()).await;
        let slots = play_rounds(sim, &mut stage, 4, async |sim, stage| {
            if !stage.has_its_turn(sim) {
                return;
            }
            let Some(chain) = stage.sealed(sim, b"held") else {
                return;
            };
            let report = holder.chain.import(chain.clone());
            assert!(report.failure.is_none(), "{report:?}");
            let twins: Vec<_> = (0..30_u8)
                .map(|salt| twin_of(sim, &chain, &[salt]).pop().unwrap())
                .collect();
            let others = stage.nodes[..1].iter().chain(&stage.nodes[hands + 1..]);
            let cries = others.flat_map(|node| {
                let cry =
                    |twin: &SmallBlock| stage.evil[0].announce(&node.id, twin.header().clone());
                twins.iter().map(cry).collect::<Vec<_>>()
            });
            let header = chain.last().unwrap().header();
            let later = &*sim;
            let hand_out = stage.nodes[1..=hands].iter().map(|node| async {
                later.run_for(SECOND / 2).await;
                holder.announce(&node.id, header.clone()).await;
            });
            let all = async { futures::join!(join_all(cries), join_all(hand_out)) };
            let _ = tokio::time::timeout(4 * SECOND, all).await;
        })
        .await;
        stage.keeps_its_slots(sim, slots, Costs::OneSlotIn4a).await;
    });
}

/// `chain` with another block for its last one, of the same slot.
fn twin_of(sim: &Sim, chain: &[SmallBlock], body: &[u8]) -> Vec<SmallBlock> {
    let below = &chain[..chain.len() - 1];
    let slot = sim.oracle.wall_slot();
    let parent = below.last().unwrap().header();
    let twin: SmallBlock = sim.forge.block(parent, slot.into(), body);
    sim.oracle.knows(std::slice::from_ref(&twin));
    [below, &[twin]].concat()
}
