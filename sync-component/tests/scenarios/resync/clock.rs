//! A machine whose clock is behind, while the network goes on: the newest blocks lie in its future.

use super::*;
use crate::authorities::{authorities, by_authorities, highest};

/// Who votes on what is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Voting {
    Peers,
    Authorities,
}

/// Four authorities that go on up to `height`, and O on a dead fork, linked with all of them.
async fn network(sim: &mut Sim, voting: Voting, height: u64) -> (Vec<Node>, Node) {
    let of_peers = sim.settings.strategies.tier1.clone();
    by_authorities(sim);
    let nodes = authorities(sim, &[60; 4]);
    if voting == Voting::Peers {
        sim.settings.strategies.tier1 = of_peers;
    }
    let fork = sim.dead_fork(10, 12);
    let mut ours = sim.node("O", &fork);
    ours.start();
    sim.connect(&ours.id, node_ids(&nodes));
    sim.until(15 * MINUTE, "they go on", || highest(&nodes) >= height)
        .await;
    (nodes, ours)
}

fn falls_behind(node: &Node, slots: u64) {
    let millis = slots * SLOT.as_millis();
    node.clock.set_by(-i64::try_from(millis).unwrap());
}

/// The same as [`insist`], in a time in which a run that goes on and on has not ended.
async fn soon(
    node: &Node,
    order: &OperatorsOrder<SmallBlock>,
    staging: &Arc<InMemory>,
) -> Result<BlockId<SmallBlock>, ResyncError<SmallBlock>> {
    let run = tokio::time::timeout(10 * MINUTE, insist(node, order, staging));
    run.await
        .expect("a clock that is behind keeps no run from its end")
}

/// The chain ends a few blocks early, which the vote allows.
#[test]
fn r04_run_of_a_machine_whose_clock_is_behind_by_some_slots_is_voted_on_under_each_strategy() {
    run(Setup::chain(60).authorities(4).idle(60), async |sim| {
        let (nodes, ours) = network(sim, Voting::Peers, 66).await;
        falls_behind(&ours, 1 + sim.seed % 4);
        for kind in Kind::ALL {
            let staging = InMemory::by(sim, &ours, kind);
            let named = order(&[&nodes[0].id, &nodes[1].id], None);
            let staged = soon(&ours, &named, &staging).await;
            let staged = staged.unwrap_or_else(|error| panic!("{kind:?}: {error}"));
            // Where authors miss slots, the time of all blocks may come.
            let is_short = nodes[0].best().number > staged.number;
            assert!(is_short || !sim.is_calm(), "{kind:?}: {staged}");
            assert_eq!(staging.stages().last(), Some(&"validated"), "{kind:?}");
        }
    });
}

/// Too few attestations count where they were made in the future.
#[test]
fn r04_run_of_a_machine_whose_clock_is_behind_names_the_clock_where_authorities_vote() {
    run(Setup::chain(60).authorities(4).idle(60), async |sim| {
        let (nodes, ours) = network(sim, Voting::Authorities, 66).await;
        falls_behind(&ours, 3);
        for kind in Kind::ALL {
            let staging = InMemory::by(sim, &ours, kind);
            let named = order(&[&nodes[0].id, &nodes[1].id], None);
            let end = soon(&ours, &named, &staging).await;
            assert!(end.is_err() || !sim.is_calm(), "{kind:?}");
            if let Err(refused) = end {
                assert!(refused.to_string().contains("clock"), "{kind:?}: {refused}");
                assert!(refused.is_resumable(), "{kind:?}: {refused}");
            }
        }
    });
}

/// No vote allows for so much.
#[test]
fn r04_run_of_a_machine_whose_clock_is_far_behind_names_the_clock_and_goes_on_once_it_is_set() {
    run(Setup::chain(60).authorities(4).idle(60), async |sim| {
        let reach = sim.settings.tier1.max_gap;
        let (nodes, ours) = network(sim, Voting::Peers, 60 + 2 * reach).await;
        for kind in Kind::ALL {
            let staging = InMemory::by(sim, &ours, kind);
            let named = order(&[&nodes[0].id, &nodes[1].id], None);
            falls_behind(&ours, 100);
            let refused = resync(&ours, &named, &staging);
            let refused = tokio::time::timeout(10 * MINUTE, refused).await;
            let refused = refused.expect("it ends").unwrap_err();
            assert!(refused.is_resumable(), "{kind:?}: {refused}");
            if sim.is_calm() {
                assert!(refused.to_string().contains("clock"), "{kind:?}: {refused}");
            }
            ours.clock
                .set_by(i64::try_from(100 * SLOT.as_millis()).unwrap());
            let staged = resume(&ours, &named, &staging).await;
            assert!(staged.height() >= 60 + reach, "{kind:?}: {staged}");
        }
    });
}
