//! Networks in which anything goes wrong at any time, and which then must be whole again: every invariant after every
//! event, and liveness once the faults end. `SIM_SEEDS` and `SIM_SEED` as for the scenarios.
#![allow(
    clippy::unwrap_used,
    reason = "a simulation that cannot go on should say where"
)]

use std::time::Duration;
use sync_component::{
    ports::PeerId,
    registry::defaults,
    test_kit::{
        BigBlock, SmallBlock, TestBlock,
        sim::{Misbehaviour, Setup, Sim, SimNode, SimPeer, run},
    },
};

const MINUTE: Duration = Duration::from_mins(1);

/// Blocks of the chain at the start.
const LENGTH: u64 = 14;

#[test]
fn three_authorities_survive_anything() {
    run(&Setup::chain(LENGTH), &by_default::<SmallBlock>);
}

#[test]
fn four_authorities_survive_anything() {
    let setup = Setup::chain(LENGTH).authorities(4);
    run(&setup, &by_default::<SmallBlock>);
}

#[test]
fn seven_authorities_with_big_numbers_survive_anything() {
    let setup = Setup::chain(LENGTH).authorities(7);
    run(&setup, &by_default::<BigBlock>);
}

#[test]
fn four_authorities_that_count_peers_survive_anything() {
    let setup = Setup::chain(LENGTH).authorities(4);
    run(&setup, &async |sim: &mut Sim<SmallBlock>| {
        by_strategy(sim, defaults::TIER1).await;
    });
}

/// With the strategy that a node of this chain has by default.
async fn by_default<B: TestBlock>(sim: &mut Sim<B>) {
    let authorities = sim.forge.authorities().len();
    by_strategy(sim, defaults::tier1(authorities)).await;
}

async fn by_strategy<B: TestBlock>(sim: &mut Sim<B>, tier1: &str) {
    sim.settings.strategies.tier1 = Some(tier1.to_owned());
    chaos(sim).await;
}

/// Random faults for a while, then none; one chain has to come out of it, and to go on.
async fn chaos<B: TestBlock>(sim: &mut Sim<B>) {
    let authorities = sim.forge.authorities().len();
    let mut nodes = Vec::new();
    for n in 0..authorities {
        let height = LENGTH - sim.pick(3);
        let blocks = sim.chain(usize::try_from(height).unwrap());
        nodes.push(sim.validator(&format!("V{n}"), n, blocks));
    }
    for n in 0..sim.pick(3) {
        let height = sim.pick(LENGTH);
        let blocks = sim.chain(usize::try_from(height).unwrap());
        nodes.push(sim.node(&format!("F{n}"), blocks));
    }
    let mut liars = Vec::new();
    for n in 0..sim.pick(3) {
        let lie = lie(sim);
        let all = usize::try_from(LENGTH).unwrap();
        liars.push(sim.peer(&format!("L{n}"), sim.chain(all), lie));
    }
    nodes.iter_mut().for_each(SimNode::start);
    sim.mesh(all_ids(&nodes, &liars));
    for _ in 0..20 {
        let pause = Duration::from_millis(sim.pick(12_000));
        sim.run_for(pause).await;
        disturb(sim, &mut nodes).await;
    }
    // From here on nothing is wrong any more. Where peers vote liars do too, so they leave.
    drop(liars);
    sim.network.heal();
    sim.calm_down();
    for node in &mut nodes {
        node.chain.repair_store();
        node.start();
    }
    let sealed = sim.oracle.seals();
    sim.until(20 * MINUTE, "one chain that goes on", || {
        let first = nodes[0].best();
        sim.oracle.seals() > sealed + 5 && nodes.iter().all(|node| node.best() == first)
    })
    .await;
}

fn all_ids<'a, B: TestBlock>(
    nodes: &'a [SimNode<B>],
    liars: &'a [SimPeer<B>],
) -> impl Iterator<Item = &'a PeerId> {
    let nodes = nodes.iter().map(|node| &node.id);
    nodes.chain(liars.iter().map(|liar| &liar.id))
}

fn lie<B: TestBlock>(sim: &mut Sim<B>) -> Misbehaviour<B> {
    match sim.pick(12) {
        0 => Misbehaviour::Silent,
        1 => Misbehaviour::Slow(Duration::from_secs(5)),
        2 => Misbehaviour::OtherGenesis,
        3 => Misbehaviour::SaysSyncing,
        4 => Misbehaviour::SwapsBodies,
        5 => Misbehaviour::BreaksSeals,
        6 => Misbehaviour::Duplicates,
        7 => Misbehaviour::Shifts,
        8 => Misbehaviour::TrailingByte,
        9 => Misbehaviour::HugeCount,
        10 => Misbehaviour::Garbage(vec![0xa5; 100]),
        _ => Misbehaviour::ServesBranch(sim.dead_fork(8, 4)),
    }
}

/// Whether all others run and are at most as far below the victim as a fork may heal by itself.
fn others_hold_its_chain<B: TestBlock>(nodes: &[SimNode<B>], victim: usize) -> bool {
    let top = nodes[victim].best().height();
    let others = nodes.iter().enumerate().filter(|(n, _)| *n != victim);
    others
        .map(|(_, node)| node)
        .all(|node| node.is_running() && node.best().height() + 5 >= top)
}

async fn disturb<B: TestBlock>(sim: &mut Sim<B>, nodes: &mut [SimNode<B>]) {
    let victim = usize::try_from(sim.pick(nodes.len() as u64)).unwrap();
    let fault = sim.pick(8);
    // Where a majority loses its blocks and the last holder leaves, the rest begins a chain of its own, and only the
    // operator could mend that.
    if matches!(fault, 1 | 3 | 4) && !others_hold_its_chain(nodes, victim) {
        return;
    }
    let victim = &mut nodes[victim];
    match fault {
        0 => victim.restart(),
        1 => victim.stop(),
        2 => victim.start(),
        3 => {
            victim.wipe();
            victim.start();
        }
        // One node alone: where peers vote, two halves would each go on, and only the operator could mend that.
        4 => sim.network.partition([&victim.id]),
        5 => sim.network.heal(),
        6 => {
            victim.chain.break_store();
            let pause = Duration::from_millis(sim.pick(20_000));
            sim.run_for(pause).await;
            victim.chain.repair_store();
        }
        _ => {
            let back = i64::try_from(sim.pick(15_000)).unwrap();
            victim.clock.set_by(-back);
            let pause = Duration::from_millis(sim.pick(20_000));
            sim.run_for(pause).await;
            victim.clock.set_by(back);
        }
    }
}
