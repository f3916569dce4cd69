//! `authority-quorum`: what authorities attest decides, and nothing else.

use super::*;
use sp_runtime::traits::Block as _;
use std::ops::Range;
use sync_component::{
    BlockId,
    ports::{ImportBlocks, ReadChain, VerifyHeaders},
    test_kit::{Link, SLOT},
};

/// Chooses the strategy for all nodes made from now on.
pub(super) fn by_authorities(sim: &mut Sim) {
    sim.settings.strategies.tier1 = Some("authority-quorum".to_owned());
    sim.settings.limits.max_peers = 300;
}

/// The authorities with these indices, each on the first so many blocks of the chain, started and linked.
pub(super) fn authorities(sim: &Sim, heights: &[usize]) -> Vec<Node> {
    let mut nodes: Vec<_> = heights
        .iter()
        .enumerate()
        .map(|(n, height)| sim.validator(&format!("V{n}"), n, sim.chain(*height)))
        .collect();
    nodes.iter_mut().for_each(Node::start);
    sim.mesh(node_ids(&nodes));
    nodes
}

/// Lets slots pass until one begins, and a moment more.
pub(super) async fn next_slot(sim: &Sim) {
    let length = SLOT.as_millis();
    let passed = u64::try_from(sim.elapsed().as_millis()).unwrap() % length;
    sim.run_for(Duration::from_millis(length - passed + 20))
        .await;
}

pub(super) fn highest(nodes: &[Node]) -> u64 {
    nodes.iter().map(|node| node.best().height()).max().unwrap()
}

/// Whether all agree on everything but what was sealed in this very moment.
pub(super) fn one_chain(nodes: &[Node]) -> bool {
    let lowest = nodes.iter().map(|node| node.best().height()).min().unwrap();
    let at = |node: &Node| {
        node.chain
            .canonical_hash(u32::try_from(lowest).unwrap())
            .unwrap()
    };
    let first = at(&nodes[0]);
    nodes.iter().all(|node| at(node) == first)
}

/// How many of these slots the nodes with the keys that `whose` names have kept: their blocks on the chain of `node`.
pub(super) fn kept(
    sim: &Sim,
    node: &Node,
    slots: Range<u64>,
    whose: impl Fn(usize) -> bool,
) -> usize {
    let blocks = node.chain.blocks();
    let kept = blocks.iter().filter(|block| {
        let slot = node.chain.slot_of(block.header()).unwrap();
        slots.contains(&*slot) && whose(sim.forge.turn(slot))
    });
    kept.count()
}

/// Lets so many whole slots pass, from the next one on.
pub(super) async fn play(sim: &Sim, slots: u32) -> Range<u64> {
    next_slot(sim).await;
    let from = sim.oracle.wall_slot();
    for _ in 0..slots {
        next_slot(sim).await;
    }
    // What was sealed last is to arrive.
    sim.run_for(SECOND).await;
    from..from + u64::from(slots)
}

/// The authorities that `whose` names have kept all of these slots, but for what a network of such links itself costs.
pub(super) fn assert_kept(
    sim: &Sim,
    link: Link,
    node: &Node,
    slots: Range<u64>,
    whose: impl Fn(usize) -> bool,
) {
    let turns = slots.clone();
    let turns = turns.filter(|slot| whose(sim.forge.turn((*slot).into())));
    let turns = turns.count();
    let kept = kept(sim, node, slots, whose);
    let most = lost_to_the_network(link, turns);
    assert!(
        kept + most >= turns,
        "{kept} of {turns} slots kept, {most} may be lost"
    );
}

/// How many of so many slots the network itself costs at most: none if nothing is lost on its links. Elsewhere a slot is lost
/// where the question for the block before it gets lost, or the answer, as the next attempt begins after the slot.
pub(super) fn lost_to_the_network(link: Link, turns: usize) -> usize {
    let mean = f64::from(u32::try_from(turns).unwrap()) * 2.0 * link.loss;
    // So few exceed four standard deviations that none of some thousand runs does.
    let most = mean + 4.0 * mean.sqrt();
    (0..turns)
        .find(|lost| f64::from(u32::try_from(*lost).unwrap()) >= most)
        .unwrap_or(turns)
}

#[test]
fn authors_keep_every_slot_of_a_calm_network() {
    run(Setup::chain(12).authorities(4), async |sim| {
        by_authorities(sim);
        let nodes = authorities(sim, &[12; 4]);
        sim.until(2 * MINUTE, "the first block", || highest(&nodes) > 12)
            .await;
        let slots = play(sim, 40).await;
        sim.until(2 * MINUTE, "one chain", || one_chain(&nodes))
            .await;
        assert_kept(sim, sim.link(), &nodes[0], slots, |_| true);
    });
}

#[test]
fn h04_unequal_authorities_meet_at_the_top_and_go_on() {
    run(Setup::chain(24).authorities(4), async |sim| {
        by_authorities(sim);
        let nodes = authorities(sim, &[1, 21, 24, 24]);
        sim.until(5 * MINUTE, "all hold the same 26", || {
            nodes.iter().all(|node| node.best().height() >= 26) && one_chain(&nodes)
        })
        .await;
        assert!((1..=24).all(|height| sim.oracle.sealed_at(height).is_empty()));
    });
}

#[test]
fn h16_half_a_network_stops_and_both_halves_go_on_together() {
    run(Setup::chain(8).authorities(4), async |sim| {
        by_authorities(sim);
        let nodes = authorities(sim, &[8; 4]);
        sim.until(2 * MINUTE, "the first blocks", || highest(&nodes) > 10)
            .await;
        sim.network.partition([&nodes[0].id, &nodes[1].id]);
        // What was attested before counts for three slots.
        sim.slots(5).await;
        let sealed = sim.oracle.seals();
        sim.slots(15).await;
        assert_eq!(sim.oracle.seals(), sealed, "half of four is not enough");
        sim.network.heal();
        sim.calm_down();
        let healed = sim.elapsed();
        sim.until(3 * MINUTE, "a block more", || sim.oracle.seals() > sealed)
            .await;
        let took = sim.elapsed().saturating_sub(healed);
        assert!(
            took <= SLOT.as_duration() * 2,
            "the first block after {took:?}"
        );
        sim.until(3 * MINUTE, "one chain that goes on", || {
            sim.oracle.seals() > sealed + 4 && one_chain(&nodes)
        })
        .await;
    });
}

#[test]
fn h16_three_of_four_go_on_and_the_fourth_joins_again() {
    run(Setup::chain(8).authorities(4), async |sim| {
        by_authorities(sim);
        let nodes = authorities(sim, &[8; 4]);
        sim.until(2 * MINUTE, "the first blocks", || highest(&nodes) > 10)
            .await;
        let link = sim.link();
        sim.network.partition([&nodes[3].id]);
        sim.slots(5).await;
        let alone = nodes[3].best().height();
        let slots = play(sim, 16).await;
        assert_eq!(nodes[3].best().height(), alone, "one of four stops");
        sim.network.heal();
        sim.calm_down();
        let sealed = sim.oracle.seals();
        sim.until(3 * MINUTE, "one chain, with blocks of all", || {
            sim.oracle.seals() > sealed + 8
                && one_chain(&nodes)
                && nodes.iter().all(Node::is_in_sync)
        })
        .await;
        // Three of four go on.
        assert_kept(sim, link, &nodes[0], slots, |authority| authority != 3);
    });
}

#[test]
fn h16_author_that_leaves_with_the_body_of_its_block_holds_nobody_up_for_long() {
    run(Setup::chain(8).authorities(4), async |sim| {
        by_authorities(sim);
        let nodes = authorities(sim, &[8; 4]);
        sim.until(2 * MINUTE, "the first blocks", || highest(&nodes) > 10)
            .await;
        next_slot(sim).await;
        while sim.forge.turn((sim.oracle.wall_slot() + 1).into()) != 3 {
            next_slot(sim).await;
        }
        // Its header is there, and the question for the body on its way.
        let moment = sim.link().latency.mul_f64(1.4);
        let before_the_end = SLOT.as_duration().saturating_sub(Duration::from_millis(20));
        sim.run_for(before_the_end + moment).await;
        sim.network.partition([&nodes[3].id]);
        let slots = play(sim, 12).await;
        sim.until(2 * MINUTE, "the three are on one chain", || {
            one_chain(&nodes[..3])
        })
        .await;
        assert_kept(sim, sim.link(), &nodes[0], slots, |authority| {
            authority != 3
        });
    });
}

#[test]
fn h17_free_identities_have_no_effect() {
    run(Setup::chain(8).authorities(4), async |sim| {
        by_authorities(sim);
        let nodes = authorities(sim, &[8; 4]);
        let invented = BlockId::new(11, sp_core::H256::repeat_byte(0xee));
        let crowd: Vec<_> = (0..200)
            .map(|n| {
                let misbehaviour = match n % 4 {
                    0 => Misbehaviour::ClaimsTip(invented),
                    1 => Misbehaviour::Silent,
                    2 => Misbehaviour::SaysSyncing,
                    _ => Misbehaviour::ClaimsTip(BlockId::new(1_000_000, invented.hash)),
                };
                sim.peer(&format!("F{n}"), sim.chain(8), misbehaviour)
            })
            .collect();
        for node in &nodes {
            sim.connect(&node.id, ids(&crowd));
        }
        sim.until(2 * MINUTE, "the first block", || highest(&nodes) > 8)
            .await;
        let slots = play(sim, 12).await;
        sim.until(2 * MINUTE, "one chain", || one_chain(&nodes))
            .await;
        assert_kept(sim, sim.link(), &nodes[0], slots, |_| true);
    });
}

#[test]
fn h21_cold_and_unequal_starts_go_on_with_newcomers() {
    run(Setup::chain(20).authorities(7), async |sim| {
        by_authorities(sim);
        let count = [1, 2, 3, 4, 7][usize::try_from(sim.seed % 5).unwrap()];
        sim.authorities(count);
        let top = if sim.seed / 5 % 2 == 0 { 0 } else { 20 };
        let heights: Vec<_> = (0..count)
            .map(|_| top - usize::try_from(sim.pick(4)).unwrap().min(top))
            .collect();
        let nodes = authorities(sim, &heights);
        let newcomers = sim.full_nodes(20, "N", 0);
        for newcomer in &newcomers {
            sim.connect(&newcomer.id, node_ids(&nodes));
        }
        let start = sim.elapsed();
        // A single authority is not asked for votes where it is the node's mode; here it votes for itself.
        sim.until(3 * MINUTE, "the first block", || sim.oracle.seals() > 0)
            .await;
        let took = sim.elapsed().saturating_sub(start);
        assert!(
            took <= SLOT.as_duration() * 2,
            "{count} authorities: {took:?}"
        );
        sim.until(20 * MINUTE, "all on one chain that goes on", || {
            sim.oracle.seals() > 4
                && one_chain(&nodes)
                && newcomers
                    .iter()
                    .all(|node| node.best().height() + 2 >= highest(&nodes))
        })
        .await;
    });
}

#[test]
fn h25_chain_of_one_authority_takes_back_nothing_that_was_voted() {
    run(Setup::chain(40).authorities(10), thief_comes_back);
}

/// There, somebody's own block made its vote fall below what is needed, and with that the longer chain came in.
#[test]
fn h25_own_block_that_nobody_takes_lets_no_other_chain_in() {
    run(Setup::chain(40).authorities(10).seed(149), thief_comes_back);
}

async fn thief_comes_back(sim: &mut Sim) {
    by_authorities(sim);
    let count = [4, 5, 7, 10][usize::try_from(sim.seed % 4).unwrap()];
    sim.authorities(count);
    let all = u64::try_from(count).unwrap();
    // Everybody holds 40; the malicious one, with the last key, has sealed a longer chain in its own slots since.
    let thief = count - 1;
    sim.run_for(SLOT.as_duration() * u32::try_from(15 * all).unwrap())
        .await;
    let depth = 1 + usize::try_from(sim.pick(5)).unwrap();
    let mut fork = sim.chain(40 - depth).to_vec();
    let mut slot = sim::FIRST_SLOT + 40;
    while fork.len() < 40 + 8 {
        if sim.forge.turn(slot.into()) == thief {
            let parent = fork.last().unwrap().header().clone();
            fork.push(sim.forge.block(&parent, slot.into(), b"thief"));
        }
        slot += 1;
    }
    sim.oracle.knows(&fork);
    let mut nodes: Vec<_> = (0..thief)
        .map(|n| sim.validator(&format!("V{n}"), n, sim.chain(40)))
        .collect();
    let evil = sim.peer("evil", &fork, Misbehaviour::Nothing);
    let voted = sim.chain(40)[39].hash();
    // It is there before all others, and they come one after the other.
    for n in 0..nodes.len() {
        nodes[n].start();
        sim.connect(&nodes[n].id, [&evil.id]);
        for other in 0..n {
            sim.connect(&nodes[n].id, [&nodes[other].id]);
        }
        let pause = Duration::from_millis(sim.pick(9_000));
        sim.run_for(pause).await;
        let word = sim.attestation(thief, sim.oracle.wall_slot(), n as u64, &fork);
        let top = fork.last().unwrap().header().clone();
        for node in nodes.iter().take(n + 1) {
            evil.announce_attested(&node.id, top.clone(), word.clone())
                .await;
        }
    }
    sim.slots(4).await;
    for node in &nodes {
        let holds = node.chain.canonical_hash(40).unwrap() == Some(voted);
        assert!(
            holds,
            "{} left the voted chain: {}",
            node.name,
            node.health()
        );
    }
    sim.until(3 * MINUTE, "the voted chain goes on", || {
        highest(&nodes) > 40 && one_chain(&nodes)
    })
    .await;
}

#[test]
fn k08_authors_that_fork_at_the_tip_end_on_one_chain() {
    run(Setup::chain(6).authorities(4), async |sim| {
        by_authorities(sim);
        let nodes = authorities(sim, &[6; 4]);
        let followers = sim.full_nodes(2, "F", 6);
        for follower in &followers {
            sim.connect(&follower.id, node_ids(&nodes));
        }
        sim.slots(2).await;
        // Each message takes nearly a slot: most authors build before they hear of the block before.
        sim.network
            .change_links(|link| link.latency = SLOT.as_duration().mul_f64(0.9));
        sim.slots(200).await;
        sim.calm_down();
        let sealed = sim.oracle.seals();
        sim.until(5 * MINUTE, "one chain that goes on", || {
            let all = nodes.iter().chain(&followers);
            sim.oracle.seals() > sealed + 4
                && one_chain(&nodes)
                && all.clone().all(Node::is_in_sync)
        })
        .await;
        for node in nodes.iter().chain(&followers) {
            assert!(!sp_consensus::SyncOracle::is_major_syncing(
                node.manager().as_ref()
            ));
        }
    });
}

/// The power fails while the last block has reached some only, and one authority does not come back: whoever has fewer on its
/// side gives way, whichever block the tie rule prefers.
#[test]
fn h21_tie_at_the_restart_with_one_authority_down_is_settled_at_once() {
    run(Setup::chain(20).authorities(4).idle(4), async |sim| {
        by_authorities(sim);
        let [early, aside, late] =
            [20, 21, 22].map(|slot| above(sim, sim.chain(20), slot..slot + 1));
        let sides = [early, late];
        // The tie rule prefers the first of them: in every other run it is that of the one.
        let turn = usize::try_from(sim.seed % 2).unwrap();
        let mut nodes: Vec<_> = [turn, turn, 1 - turn]
            .iter()
            .enumerate()
            .map(|(n, side)| sim.validator(&format!("V{n}"), n, &sides[*side]))
            .collect();
        // It has one more, which the tie rule puts between the two: where its own is the early one it may give way to the wrong one.
        assert!(nodes[2].chain.import(aside).failure.is_none());
        goes_on_soon(sim, &mut nodes).await;
    });
}

/// Starts them. They author within three slots, and all are on one chain.
async fn goes_on_soon(sim: &mut Sim, nodes: &mut [Node]) {
    let asleep = nodes.iter_mut().filter(|node| !node.is_running());
    asleep.for_each(Node::start);
    sim.mesh(node_ids(nodes));
    let start = sim.elapsed();
    sim.until(3 * MINUTE, "the first block", || sim.oracle.seals() > 0)
        .await;
    let took = sim.elapsed().saturating_sub(start);
    // The slot of the one that is down may come first, and in a bad network an answer is lost.
    let most = if sim.is_calm() { 3 } else { 6 };
    assert!(took <= SLOT.as_duration() * most, "{took:?}");
    sim.until(3 * MINUTE, "one chain", || one_chain(nodes))
        .await;
}

/// `blocks`, and one above for each of these slots after the first.
fn above(sim: &Sim, blocks: &[SmallBlock], slots: Range<u64>) -> Vec<SmallBlock> {
    let mut blocks = blocks.to_vec();
    for slot in slots {
        let parent = blocks.last().unwrap().header().clone();
        let slot = sim::FIRST_SLOT + slot;
        blocks.push(sim.forge.block(&parent, slot.into(), b"above"));
    }
    sim.oracle.knows(&blocks);
    blocks
}

/// O has two branches at one height. One authority is on one of them, and two attest what is far above the other one and not known to
/// O yet: whether they outvote its tip depends on which of the two that is.
#[test]
fn h21_tie_of_two_branches_below_what_others_attest_is_no_circle() {
    run(Setup::chain(18).authorities(4).idle(14), async |sim| {
        by_authorities(sim);
        let first = above(sim, sim.chain(18), 18..19);
        let ours = above(sim, &first, 19..20);
        let aside = above(sim, sim.chain(18), 19..21);
        let theirs = above(sim, &first, 20..28);
        let mut nodes: Vec<_> = [&theirs, &theirs, &aside]
            .into_iter()
            .enumerate()
            .map(|(n, chain)| sim.validator(&format!("V{n}"), n, chain))
            .collect();
        nodes.push(sim.node("O", &ours));
        assert!(nodes[3].chain.import(aside).failure.is_none());
        assert_eq!(nodes[3].best(), BlockId::of(ours[19].header()));
        nodes[2..].iter_mut().for_each(Node::start);
        sim.mesh(node_ids(&nodes[2..]));
        sim.slots(1).await;
        goes_on_soon(sim, &mut nodes).await;
    });
}
