//! H19 once more: at genesis, and after everybody was down for long, one authority has any number of past slots of its own to seal
//! in. Whatever it makes of them, the others author on.

use super::{
    authorities::{authorities, by_authorities, highest, one_chain},
    *,
};
use sp_core::H256;
use sp_runtime::traits::Block as _;
use sync_component::{BlockId, ports::Protocol, test_kit::SLOT};

/// All but the last of 4, 5 or 7 authorities, which are to hold `height` blocks; the last one's key is malicious.
fn cast(sim: &mut Sim) -> usize {
    by_authorities(sim);
    let count = [4, 5, 7][usize::try_from(sim.seed % 3).unwrap()];
    sim.authorities(count);
    count - 1
}

/// Past slots of the authority `thief` above the chain of `height` blocks, the first ones.
fn own_slots(sim: &Sim, thief: usize, height: usize) -> impl Iterator<Item = u64> {
    let turns = sim.forge.clone();
    // The chain's own slots begin at the first one.
    let from = if height == 0 {
        1
    } else {
        sim::FIRST_SLOT + height as u64
    };
    let now = sim.oracle.wall_slot();
    (from..now).filter(move |slot| turns.turn((*slot).into()) == thief)
}

/// The chain of `height` blocks, and `length` more that `thief` sealed in its past slots.
pub(super) fn own_chain(sim: &Sim, thief: usize, height: usize, length: usize) -> Vec<SmallBlock> {
    let slots: Vec<_> = own_slots(sim, thief, height).take(length).collect();
    assert_eq!(slots.len(), length, "there are so many slots");
    chain_in(sim, height, &slots)
}

/// The chain of `height` blocks, and one more for each of these slots.
pub(super) fn chain_in(sim: &Sim, height: usize, slots: &[u64]) -> Vec<SmallBlock> {
    let genesis: SmallBlock = sync_component::test_kit::Forge::genesis();
    let mut chain = sim.chain(height).to_vec();
    for slot in slots {
        let parent = chain.last().unwrap_or(&genesis).header().clone();
        chain.push(sim.forge.block(&parent, (*slot).into(), b"own"));
    }
    sim.oracle.knows(&chain[height..]);
    chain
}

/// The honest author: within some slots of the start, and on.
async fn author_on(sim: &Sim, nodes: &[Node], above: u64) {
    let start = sim.oracle.wall_slot();
    let turns = nodes.len() as u64 + 1;
    sim.until(5 * MINUTE, "the honest author", || {
        highest(nodes) >= above + 2 * turns
    })
    .await;
    // Two rounds of slots have as many blocks, but for the thief's own, what it may cost, and what a rough network costs.
    let took = sim.oracle.wall_slot() - start;
    assert!(took <= 6 * turns, "{took} slots of {turns} authorities");
}

/// A single header, of a chain that is said to be long, and no body.
async fn one_header_of_a_long_claim(sim: &mut Sim, height: usize) {
    let thief = cast(sim);
    let chain = own_chain(sim, thief, height, 1);
    let evil = sim.peer("evil", &chain, Misbehaviour::Nothing);
    evil.keeps_bodies();
    evil.claims(BlockId::new(2_000, H256::repeat_byte(0xee)));
    let nodes = authorities(sim, &vec![height; thief]);
    for node in &nodes {
        sim.connect(&node.id, [&evil.id]);
    }
    author_on(sim, &nodes, height as u64).await;
}

#[test]
fn h19_one_header_of_a_long_claim_halts_no_fresh_network() {
    run(Setup::chain(1).authorities(10).idle(2_500), async |sim| {
        one_header_of_a_long_claim(sim, 0).await;
    });
}

#[test]
fn h19_one_header_of_a_long_claim_halts_nobody_after_an_outage() {
    run(Setup::chain(12).authorities(10).idle(2_500), async |sim| {
        one_header_of_a_long_claim(sim, 12).await;
    });
}

#[test]
fn h19_window_of_own_headers_without_bodies_halts_nobody() {
    run(Setup::chain(12).authorities(10).idle(9_000), async |sim| {
        let thief = cast(sim);
        let chain = own_chain(sim, thief, 12, 1_200);
        let evil = sim.peer("evil", &chain, Misbehaviour::Nothing);
        evil.keeps_bodies();
        // What it shows is all there is: a window that goes on for ever.
        evil.claims(BlockId::new(5_000, H256::repeat_byte(0xee)));
        let nodes = authorities(sim, &vec![12; thief]);
        for node in &nodes {
            sim.connect(&node.id, [&evil.id]);
        }
        author_on(sim, &nodes, 12).await;
    });
}

/// Many headers on the best block, each in another slot, and no body.
async fn many_headers(sim: &mut Sim, height: usize) {
    let thief = cast(sim);
    let parent = own_chain(sim, thief, height, 0);
    let genesis: SmallBlock = sync_component::test_kit::Forge::genesis();
    let parent = parent.last().unwrap_or(&genesis).header().clone();
    let slots: Vec<_> = own_slots(sim, thief, height).take(30).collect();
    let blocks: Vec<SmallBlock> = slots
        .iter()
        .map(|slot| sim.forge.block(&parent, (*slot).into(), b"one of many"))
        .collect();
    sim.oracle.knows(&blocks);
    let evil = sim.peer("evil", sim.chain(height), Misbehaviour::Nothing);
    evil.keeps_bodies();
    let nodes = authorities(sim, &vec![height; thief]);
    for node in &nodes {
        sim.connect(&node.id, [&evil.id]);
        for block in &blocks {
            evil.announce_fork(&node.id, block.header().clone()).await;
        }
    }
    author_on(sim, &nodes, height as u64).await;
}

#[test]
fn h19_headers_of_many_past_slots_halt_no_fresh_network() {
    run(Setup::chain(1).authorities(10), async |sim| {
        many_headers(sim, 0).await;
    });
}

#[test]
fn h19_headers_of_many_past_slots_halt_nobody_after_an_outage() {
    run(Setup::chain(12).authorities(10).idle(600), async |sim| {
        many_headers(sim, 12).await;
    });
}

/// A long chain of its own, dealt out block by block, each after so much of a slot: of this many slots the others keep one at least.
async fn trickled(sim: &mut Sim, pause: f64, one_in: usize) {
    let thief = cast(sim);
    let chain = own_chain(sim, thief, 12, 300);
    let evil = sim.crowd(thief, "evil", &chain, &Misbehaviour::Trickles);
    let nodes = authorities(sim, &vec![12; thief]);
    for (node, evil) in nodes.iter().zip(&evil) {
        evil.deals_bodies(SLOT.as_duration().mul_f64(pause)).await;
        sim.connect(&node.id, [&evil.id]);
    }
    let from = sim.oracle.wall_slot() + 1;
    let slots = 8 * (thief as u64 + 1);
    sim.slots(u32::try_from(slots).unwrap()).await;
    let is_honest = |slot: &u64| sim.forge.turn((*slot).into()) != thief;
    let turns = (from..from + slots).filter(is_honest).count();
    let sealed = sim.oracle.seals();
    assert!(sealed * one_in >= turns, "{sealed} blocks in {turns} slots");
}

/// None of them so late that it would count as withheld.
#[test]
fn h19_trickled_chain_of_past_slots_halts_nobody() {
    run(Setup::chain(12).authorities(10).idle(2_600), async |sim| {
        trickled(sim, 0.2, 2).await;
    });
}

#[test]
fn h19_chain_of_past_slots_in_quick_drops_halts_nobody() {
    run(Setup::chain(12).authorities(10).idle(2_600), async |sim| {
        // What is taken in parts may leave two of the others on different parts. Where messages get lost that may last until whoever
        // never attested anything is waited for no more: four rounds of slots.
        let one_in = if sim.is_calm() { 2 } else { 4 };
        trickled(sim, 0.05, one_in).await;
    });
}

/// On a fresh network it has any number of past slots, and deals out quickly enough for none of its blocks to count as withheld.
#[test]
fn h19_endless_chain_of_past_slots_halts_no_fresh_network() {
    run(Setup::chain(1).authorities(4).idle(24_000), async |sim| {
        by_authorities(sim);
        let thief = 3;
        // A part at a time, and quickly enough for whoever goes ahead, too.
        sim.settings.limits.blocks_per_request = 5;
        let chain = own_chain(sim, thief, 0, 6_000);
        let evil = sim.crowd(thief, "evil", &chain, &Misbehaviour::Nothing);
        let nodes = authorities(sim, &vec![0; thief]);
        for (node, evil) in nodes.iter().zip(&evil) {
            evil.deals_bodies(SLOT.as_duration() / 32).await;
            sim.connect(&node.id, [&evil.id]);
        }
        // As long as its author is suspect, and a while for the others to find each other: over long ways they take what another took.
        let turns = u32::try_from(thief).unwrap() + 1;
        let rounds = if sim.is_calm() { 6 } else { 12 };
        sim.slots(rounds * turns).await;
        let before = sim.oracle.seals();
        sim.slots(2 * turns).await;
        let sealed = sim.oracle.seals() - before;
        assert!(
            sealed >= thief,
            "{sealed} blocks in two turns of {thief}, {before} before"
        );
    });
}

/// Where the others stand when they start.
#[derive(Clone, Copy)]
enum Start {
    /// All at this height.
    Together(usize),
    /// A block higher, in the middle of a tie: each half has a block of one of them.
    Tied(usize),
}

/// Two chains of its own, one for each half of the others, before they hear of each other: these nodes, and who serves the chains.
async fn two_halves(sim: &mut Sim, start: Start, length: usize) -> (Vec<Node>, [Peer; 2]) {
    let thief = cast(sim);
    let (height, tie) = match start {
        Start::Together(height) => (height, 0),
        Start::Tied(height) => (height, 1),
    };
    let (below, now) = (sim::FIRST_SLOT + height as u64, sim.oracle.wall_slot());
    let turns = sim.forge.clone();
    let first_of = |author| (below..now).find(|slot| turns.turn((*slot).into()) == author);
    let rounds = below + 2 * (thief as u64 + 1);
    let own = own_slots(sim, thief, height).filter(|slot| tie == 0 || *slot > rounds);
    let own: Vec<_> = own.take(2 * length).collect();
    let halves = [0, 1].map(|half| {
        let tied = first_of(half).filter(|_| tie == 1);
        let own = &own[half * length..][..length];
        let slots: Vec<_> = tied.into_iter().chain(own.iter().copied()).collect();
        chain_in(sim, height, &slots)
    });
    let names = ["evil one", "evil two"];
    let evil = [0, 1].map(|n| sim.peer(names[n], &halves[n], Misbehaviour::Nothing));
    let mut nodes: Vec<_> = (0..thief)
        .map(|n| sim.validator(&format!("V{n}"), n, &halves[n % 2][..height + tie]))
        .collect();
    nodes.iter_mut().for_each(Node::start);
    for (n, node) in nodes.iter().enumerate() {
        sim.connect(&node.id, [&evil[n % 2].id]);
    }
    sim.slots(2).await;
    (nodes, evil)
}

async fn two_own_chains(sim: &mut Sim, start: Start, length: usize) {
    let (nodes, _evil) = two_halves(sim, start, length).await;
    sim.mesh(node_ids(&nodes));
    let (Start::Together(height) | Start::Tied(height)) = start;
    author_on(sim, &nodes, height as u64).await;
    sim.until(5 * MINUTE, "one chain", || one_chain(&nodes))
        .await;
}

#[test]
fn h19_two_chains_of_past_slots_split_no_fresh_network() {
    run(Setup::chain(1).authorities(10).idle(600), async |sim| {
        two_own_chains(sim, Start::Together(0), 8).await;
    });
}

#[test]
fn h19_two_chains_of_past_slots_split_nobody_after_an_outage() {
    run(Setup::chain(12).authorities(10).idle(600), async |sim| {
        two_own_chains(sim, Start::Together(12), 20).await;
    });
}

/// A block of a tie and as many as may be taken back above it would be one too many.
#[test]
fn h19_two_chains_of_past_slots_on_both_sides_of_a_tie_split_nobody_after_an_outage() {
    run(Setup::chain(12).authorities(10).idle(600), async |sim| {
        two_own_chains(sim, Start::Tied(12), 5).await;
    });
}

/// Whoever goes ahead is put off until others may go ahead, too.
#[test]
fn h19_two_chains_of_past_slots_that_are_held_back_for_a_while_split_nobody() {
    run(Setup::chain(12).authorities(10).idle(600), async |sim| {
        let (nodes, evil) = two_halves(sim, Start::Together(12), 20).await;
        for evil in &evil {
            evil.turns_to(Misbehaviour::BusyOn(Protocol::Blocks, SECOND / 2));
        }
        sim.mesh(node_ids(&nodes));
        sim.slots(u32::try_from(nodes.len()).unwrap() + 1).await;
        for evil in &evil {
            evil.turns_to(Misbehaviour::Nothing);
        }
        let above = 12 + 2 * (nodes.len() as u64 + 1);
        sim.until(10 * MINUTE, "one chain that goes on", || {
            highest(&nodes) > above && one_chain(&nodes)
        })
        .await;
    });
}

/// One has more of a chain than it may take back; the others have as much of another as all take, which wins the tie. Whoever made both has
/// gone.
#[test]
fn h19_who_took_more_of_one_of_two_chains_than_it_may_take_back_is_followed() {
    run(Setup::chain(12).authorities(10).idle(600), async |sim| {
        by_authorities(sim);
        let thief = [3, 4][usize::try_from(sim.seed % 2).unwrap()];
        sim.authorities(thief + 1);
        let slots: Vec<_> = own_slots(sim, thief, 12).take(15).collect();
        let (one, two) = slots.split_at(5);
        let (of_all, of_one) = (chain_in(sim, 12, one), chain_in(sim, 12, two));
        let mut nodes: Vec<_> = (0..thief)
            .map(|n| {
                let chain = if n == 1 { &of_one } else { &of_all };
                sim.validator(&format!("V{n}"), n, chain)
            })
            .collect();
        nodes.iter_mut().for_each(Node::start);
        sim.mesh(node_ids(&nodes));
        // At the start whoever was never heard is waited for: four rounds of slots.
        let above = 22 + 2 * (thief as u64 + 1);
        sim.until(6 * MINUTE, "one chain that goes on", || {
            highest(&nodes) > above && one_chain(&nodes)
        })
        .await;
    });
}
