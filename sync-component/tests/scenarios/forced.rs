//! `--force-authoring` (SPEC section 5): it counts only while no connected peer has a block above genesis.

use super::{
    authorities::{by_authorities, highest, one_chain},
    past_slots::{chain_in, own_chain},
    *,
};
use sp_runtime::traits::Block as _;
use sync_component::{
    orchestrator::{FirstAnswer, ProductionMode},
    ports::{Protocol, ReadChain},
    test_kit::{Link, SLOT},
};

const FORCED: ProductionMode = ProductionMode::Forced(FirstAnswer::NotNeeded);

/// Lets time pass until no more than `left` of it is left until a slot of O's begins.
async fn before_own_slot(sim: &Sim, left: Duration) {
    let length = SLOT.as_millis();
    let most = u64::try_from(left.as_millis()).unwrap();
    sim.until(MINUTE, "a slot of O's begins soon", || {
        let passed = u64::try_from(sim.elapsed().as_millis()).unwrap() % length;
        let next = sim.oracle.wall_slot() + 1;
        length - passed <= most && sim.forge.turn(next.into()) == 0
    })
    .await;
}

#[test]
fn force_ends_with_a_peer_above_genesis_that_says_syncing() {
    run(Setup::chain(14).idle(20), async |sim| {
        // Deeper than may heal, so that no gap holds O up: the rule alone does.
        let own = sim.dead_fork(3, 8);
        let mut ours = sim.lone_validator("O", &own, FORCED);
        ours.start();
        sim.until(MINUTE, "O authors alone", || !nobody_sealed(sim))
            .await;
        let peer = sim.peer("P", sim.chain(14), Misbehaviour::SaysSyncing);
        sim.connect(&ours.id, [&peer.id]);
        sim.until(2 * MINUTE, "O has heard of it", || {
            ours.manager()
                .peers()
                .iter()
                .any(|told| told.best.height() == 14)
        })
        .await;
        let sealed = sim.oracle.seals();
        sim.slots(9).await;
        assert_eq!(sim.oracle.seals(), sealed, "{}", ours.health());
        sim.network.cut(&ours.id, &peer.id);
        sim.until(2 * MINUTE, "O authors alone again", || {
            sim.oracle.seals() > sealed
        })
        .await;
    });
}

#[test]
fn force_waits_for_the_first_answer_of_a_peer_that_has_just_come() {
    run(Setup::chain(14).idle(20), async |sim| {
        let own = sim.dead_fork(3, 8);
        let mut ours = sim.lone_validator("O", &own, FORCED);
        ours.start();
        sim.slots(6).await;
        let slow = Misbehaviour::Slow(SECOND);
        let peer = sim.peer("P", sim.chain(14), slow);
        before_own_slot(sim, Duration::from_millis(500)).await;
        // Whose first answer gets lost never answers, for all that can be known.
        sim.network.connect(&ours.id, &peer.id, Link::lan());
        let sealed = sim.oracle.seals();
        assert!(sealed > 0, "{}", ours.health());
        sim.slots(1).await;
        assert_eq!(sim.oracle.seals(), sealed, "{}", ours.health());
        // Whoever never answers holds it up for no longer than a slot's share.
        sim.network.cut(&ours.id, &peer.id);
        let mute = sim.peer("M", sim.chain(14), Misbehaviour::SilentOn(Protocol::Status));
        sim.connect(&ours.id, [&mute.id]);
        sim.until(2 * MINUTE, "O authors beside a mute peer", || {
            sim.oracle.seals() > sealed
        })
        .await;
    });
}

#[test]
fn force_leaves_a_chain_that_all_others_take_over_when_they_come() {
    run(Setup::chain(1).authorities(10).idle(2_500), async |sim| {
        by_authorities(sim);
        let count = [4, 5, 7][usize::try_from(sim.seed % 3).unwrap()];
        sim.authorities(count);
        let forced = own_chain(sim, 0, 0, 200);
        let mut nodes = vec![sim.validator("V0", 0, &forced)];
        nodes.extend((1..count).map(|n| sim.validator(&format!("V{n}"), n, &[])));
        nodes.iter_mut().for_each(Node::start);
        sim.mesh(node_ids(&nodes));
        let has_it =
            |node: &Node| node.chain.canonical_hash(200).unwrap() == Some(forced[199].hash());
        // Whoever loses the only answer with a block, and once more, takes it for withheld.
        if sim.is_calm() {
            sim.until(5 * MINUTE, "all have the forced chain", || {
                nodes.iter().all(has_it)
            })
            .await;
        }
        sim.until(30 * MINUTE, "and go on", || {
            let others = &nodes[1..];
            highest(others) >= 210 && one_chain(others)
        })
        .await;
        assert!(!sim.is_calm() || nodes.iter().all(has_it));
    });
}

#[test]
fn force_ends_beside_a_network_that_went_far_ahead_while_nothing_was_final_here() {
    run(Setup::chain(60).authorities(4), async |sim| {
        // Nobody is with it, so nothing of its own chain is final; its tip is young, and the network's far above it.
        let now = sim.oracle.wall_slot();
        let turns: Vec<_> = (now - 11..now)
            .filter(|slot| sim.forge.turn((*slot).into()) == 0)
            .collect();
        let own = chain_in(sim, 0, &turns);
        let peers = sim.servers(3, "P", 60);
        let mut ours = sim.lone_validator("O", &own, FORCED);
        ours.start();
        assert_eq!(ours.chain.finalized().height(), 0);
        sim.connect(&ours.id, ids(&peers));
        let top = sim.chain(60)[59].hash();
        sim.until(5 * MINUTE, "O is on the network's chain", || {
            ours.chain.canonical_hash(60).unwrap() == Some(top)
        })
        .await;
    });
}
