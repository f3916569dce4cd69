//! Better branches that are promised and do not hold.

use super::*;
use sp_runtime::traits::Block as _;
use sync_component::{
    BlockId,
    ports::{Presence, Protocol, ReadChain},
};

/// Blocks on `parent` in these slots.
fn above(sim: &Sim, parent: &SmallBlock, slots: [u64; 2], salt: u8) -> [SmallBlock; 2] {
    let [low, high] = slots.map(|slot| sim::FIRST_SLOT + slot);
    let first: SmallBlock = sim.forge.block(parent.header(), low.into(), &[salt]);
    let second = sim.forge.block(first.header(), high.into(), &[salt]);
    [first, second]
}

/// How a promised branch does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    /// Its last block does not execute.
    LastIsInvalid,
    /// The peer shows its headers, keeps its blocks, and leaves.
    Vanishes,
}

/// Each in turn, under each strategy.
fn flaw_in_turn(sim: &mut Sim) -> Flaw {
    if sim.seed / 2 % 2 == 1 {
        sim.settings.strategies.tier2 = Some("sequential".to_owned());
    }
    if sim.seed.is_multiple_of(2) {
        Flaw::LastIsInvalid
    } else {
        Flaw::Vanishes
    }
}

/// A peer promises `branch` to a node on `blocks`, both on block 18 of the chain, and it does not hold: nothing changes.
async fn promised_in_vain(
    sim: &Sim,
    blocks: &[SmallBlock],
    branch: &[SmallBlock],
    flaw: Flaw,
) -> Node {
    let last = branch.last().unwrap().header();
    let serves = Misbehaviour::ServesBranch(branch.to_vec());
    let liar = sim.peer("L", sim.chain(18), serves);
    liar.claims(BlockId::of(last));
    let mut ours = sim.node("O", blocks);
    match flaw {
        Flaw::LastIsInvalid => ours.chain.refuse_in_execution(last.hash()),
        Flaw::Vanishes => liar.keeps_bodies(),
    }
    let before = ours.best();
    let mut switches = ours.chain.events();
    ours.start();
    sim.connect(&ours.id, [&liar.id]);
    sim.slots(30).await;
    assert!(sim.network.requests(&ours.id, &liar.id, Protocol::Blocks) > 0);
    drop(liar);
    sim.slots(5).await;
    assert_eq!(ours.best(), before);
    assert!(switches.try_recv().is_err());
    assert_eq!(ours.chain.blocks().len(), blocks.len());
    ours
}

#[test]
fn k06_promised_branch_that_does_not_hold_changes_nothing() {
    run(Setup::chain(20).idle(20), async |sim| {
        let flaw = flaw_in_turn(sim);
        // It leaves our chain late, so that it loses every tie, and is better only with its last block.
        let mut branch = sim.chain(18).to_vec();
        branch.extend(above(sim, &branch[17], [22, 23], 1));
        let parent = branch[19].header();
        branch.push(
            sim.forge
                .block(parent, (sim::FIRST_SLOT + 24).into(), b"branch"),
        );
        sim.oracle.knows(&branch);
        promised_in_vain(sim, sim.chain(20), &branch, flaw).await;
    });
}

/// As high as our own chain: the rule of ties speaks for it, by a lower slot or by a lower hash.
#[test]
fn k06_promised_branch_of_our_height_that_does_not_hold_changes_nothing() {
    run(Setup::chain(18).idle(20), async |sim| {
        let flaw = flaw_in_turn(sim);
        let below = sim.chain(18).to_vec();
        let fork = below[17].clone();
        let ours = above(sim, &fork, [22, 23], 0);
        let rival = if sim.seed / 4 % 2 == 0 {
            above(sim, &fork, [21, 24], 1)
        } else {
            let mut rivals = (1..=u8::MAX).map(|salt| above(sim, &fork, [22, 23], salt));
            rivals
                .find(|rival| rival[0].hash() < ours[0].hash())
                .unwrap()
        };
        let blocks = [&below[..], &ours].concat();
        let branch = [&below[..], &rival].concat();
        sim.oracle.knows(&blocks);
        sim.oracle.knows(&branch);
        let ours = promised_in_vain(sim, &blocks, &branch, flaw).await;
        match flaw {
            Flaw::LastIsInvalid => assert_eq!(
                ours.chain.presence(branch[18].hash()).unwrap(),
                Presence::Fork,
                "what holds of it was tried"
            ),
            Flaw::Vanishes => {
                // It would have been taken.
                let honest = sim.peer("H", &branch, Misbehaviour::Nothing);
                sim.connect(&ours.id, [&honest.id]);
                sim.until(5 * MINUTE, "on the branch", || {
                    ours.best() == honest.chain.best()
                })
                .await;
            }
        }
    });
}
