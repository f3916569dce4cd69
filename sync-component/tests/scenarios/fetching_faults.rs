//! Fetching, where peers lie and stores fail.

use super::{traffic::Blocks, *};
use sp_runtime::traits::Block as _;
use std::sync::Arc;
use sync_component::{
    BlockId, NetworkError,
    orchestrator::SyncEvent,
    ports::{Presence, Protocol, ReadChain},
};

#[test]
fn f07_future_block_is_put_off_and_a_wrong_one_is_charged() {
    run(Setup::chain(30), async |sim| {
        let early = sim.peer("early", sim.chain(30), Misbehaviour::Nothing);
        let honest = sim.servers(3, "P", 30);
        let mut ours = sim.node("O", sim.chain(20));
        ours.start();
        sim.connect(&ours.id, ids(&honest).chain([&early.id]));
        sim.until(3 * MINUTE, "O at 30", || ours.best().height() == 30)
            .await;
        let parent = sim.chain(30)[29].header().clone();
        let slot = sim.oracle.wall_slot() + 20;
        let future: SmallBlock = sim.forge.block(&parent, slot.into(), b"early");
        sim.oracle.knows(std::slice::from_ref(&future));
        let push = early.announce(&ours.id, future.header().clone());
        let _ = tokio::time::timeout(5 * SECOND, push).await;
        sim.slots(5).await;
        assert_eq!(
            ours.chain.presence(future.hash()).unwrap(),
            Presence::Absent
        );
        assert_eq!(ours.best().height(), 30);
        assert!(!refuses(sim, &ours, &early.id));

        for (name, lie) in [
            ("body", Misbehaviour::SwapsBodies),
            ("branch", Misbehaviour::ServesBranch(sim.dead_fork(10, 8))),
        ] {
            let liar = sim.peer(name, sim.chain(30), lie);
            let mut node = sim.node(&format!("{name} victim"), sim.chain(20));
            node.start();
            sim.connect(&node.id, [&liar.id]);
            sim.until(3 * MINUTE, "the liar is refused", || {
                refuses(sim, &node, &liar.id)
            })
            .await;
            assert_eq!(node.best().height(), 20);
        }
    });
}

#[test]
fn f10_two_branches_never_mix() {
    run(Setup::chain(60).idle(40), async |sim| {
        let a = sim.full_nodes(3, "A", 60);
        let fork = sim.dead_fork(30, 12);
        let mut b = sim.node("B", &fork);
        b.start();
        let mut ours = sim.node("O", sim.chain(20));
        ours.start();
        sim.connect(&ours.id, node_ids(&a).chain([&b.id]));
        sim.until(10 * MINUTE, "O at 60", || ours.best() == a[0].best())
            .await;
        let strays = fork[30..]
            .iter()
            .filter(|block| ours.chain.presence(block.hash()).unwrap() == Presence::Canonical);
        assert_eq!(strays.count(), 0);
        sim.slots(5).await;
        assert!(!refuses(sim, &ours, &b.id));
    });
}

#[test]
fn f10_what_is_stored_of_a_branch_is_not_fetched_again() {
    run(Setup::chain(60).idle(40), async |sim| {
        let blocks = Arc::new(Blocks::default());
        sim.network.tap(blocks.clone());
        // The end of the better branch comes from nobody for a while, and what is below it is no better than ours.
        let peers: Vec<_> = (0..3)
            .map(|n| {
                sim.peer(
                    &format!("P{n}"),
                    sim.chain(60),
                    Misbehaviour::Lacks(vec![32]),
                )
            })
            .collect();
        let mut ours = sim.node("O", &sim.dead_fork(30, 3));
        ours.start();
        sim.connect(&ours.id, ids(&peers));
        sim.until(2 * MINUTE, "the part below it is stored", || {
            ours.chain.presence(sim.chain(60)[30].hash()).unwrap() == Presence::Fork
        })
        .await;
        let asked = blocks.requests_for(31);
        sim.slots(10).await;
        assert!(
            blocks.requests_for(32) > asked,
            "it is asked for again and again"
        );
        assert_eq!(blocks.requests_for(31), asked);
    });
}

#[test]
fn f12_our_broken_store_costs_no_peer_anything() {
    run(Setup::chain(1_200), async |sim| {
        let blocks = Arc::new(Blocks::default());
        sim.network.tap(blocks.clone());
        let peers = sim.servers(3, "P", 1_200);
        sim.import_time = Duration::from_millis(2);
        // However much waits behind a hole, the chain is not done in one step.
        sim.settings.limits.window_blocks = 100;
        sim.settings.limits.blocks_per_request = 32;
        sim.settings.limits.requests_in_flight = 4;
        let mut ours = sim.node("O", sim.chain(10));
        ours.start();
        let mut events = ours.manager().events();
        sim.connect(&ours.id, ids(&peers));
        let from = 11 + sim.pick(500);
        sim.until(10 * MINUTE, "in mid-session", || {
            ours.best().height() >= from
        })
        .await;
        ours.chain.break_store();
        let stood_at = ours.best();
        let is_local = |event: &SyncEvent<SmallBlock>| {
            matches!(event, SyncEvent::CatchUpFailed(NetworkError::Local(_)))
        };
        // The fault is said to be ours, as soon as a block comes that cannot be stored.
        while !is_local(&events.recv().await.unwrap()) {}
        sim.slots(4).await;
        assert!(peers.iter().all(|peer| !refuses(sim, &ours, &peer.id)));
        ours.chain.repair_store();
        sim.until(10 * MINUTE, "O at 1200", || ours.best().height() == 1_200)
            .await;
        assert!(stood_at.height() < 1_200);
        if sim.is_calm() {
            let failed = stood_at.height() + 1;
            assert_eq!(blocks.requests_for(failed), 1, "what came is kept");
        }
        assert!(peers.iter().all(|peer| !refuses(sim, &ours, &peer.id)));
    });
}

#[test]
fn f16_every_kind_of_broken_reply_is_refused_and_its_sender_banned() {
    run(Setup::chain(30), async |sim| {
        let garbage = (0..200)
            .map(|_| u8::try_from(sim.pick(256)).unwrap())
            .collect();
        let lies: [(&str, Misbehaviour); 10] = [
            ("empty", Misbehaviour::SendsNothing),
            ("oversized", Misbehaviour::Oversized),
            ("trailing", Misbehaviour::TrailingByte),
            ("count", Misbehaviour::HugeCount),
            ("reversed", Misbehaviour::Reverses),
            ("twice", Misbehaviour::Duplicates),
            ("shifted", Misbehaviour::Shifts),
            ("garbage", Misbehaviour::Garbage(garbage)),
            ("seal", Misbehaviour::BreaksSeals),
            ("author", Misbehaviour::WrongAuthority),
        ];
        let liars: Vec<_> = lies
            .into_iter()
            .map(|(name, lie)| sim.peer(name, sim.chain(30), lie))
            .collect();
        let mut ours = sim.node("O", sim.chain(10));
        ours.start();
        sim.connect(&ours.id, ids(&liars));
        for liar in &liars {
            sim.until(10 * MINUTE, "the liar is refused", || {
                refuses(sim, &ours, &liar.id)
            })
            .await;
        }
        assert_eq!(ours.best().height(), 10);
        let honest = sim.servers(3, "P", 30);
        sim.connect(&ours.id, ids(&honest));
        sim.until(5 * MINUTE, "O at 30", || ours.best().height() == 30)
            .await;
    });
}

#[test]
fn block_that_fails_in_execution_is_parked_and_nobody_is_charged() {
    run(Setup::chain(10).idle(5), async |sim| {
        let parent = sim.chain(10)[9].header().clone();
        let slot = sim::FIRST_SLOT + 10;
        let poisoned: SmallBlock = sim.forge.block(&parent, slot.into(), b"poison");
        sim.oracle.knows(std::slice::from_ref(&poisoned));
        let branch: Vec<_> = sim
            .chain(10)
            .iter()
            .cloned()
            .chain([poisoned.clone()])
            .collect();
        let honest = sim.servers(3, "P", 10);
        let carrier = |name: &str| {
            let peer = sim.peer(
                name,
                sim.chain(10),
                Misbehaviour::ServesBranch(branch.clone()),
            );
            peer.claims(BlockId::of(poisoned.header()));
            peer
        };
        let one = carrier("C1");
        let mut ours = sim.node("O", sim.chain(10));
        ours.chain.refuse_in_execution(poisoned.hash());
        ours.start();
        sim.connect(&ours.id, ids(&honest).chain([&one.id]));
        sim.slots(10).await;
        assert_eq!(ours.best().height(), 10);
        assert!(!refuses(sim, &ours, &one.id));
        assert!(!is_critical(&ours), "one peer may lie: {}", ours.health());

        // The whole network is on it: then the fault may be ours.
        drop(honest);
        let more: Vec<_> = (2..5).map(|n| carrier(&format!("C{n}"))).collect();
        sim.connect(&ours.id, ids(&more));
        sim.until(5 * MINUTE, "we may be faulty", || {
            ours.health().contains("we may be faulty")
        })
        .await;
        let requests = |node: &Node| {
            let headers =
                ids(&more).map(|peer| sim.network.requests(&node.id, peer, Protocol::Headers));
            headers.sum::<usize>()
        };
        let before = requests(&ours);
        sim.slots(20).await;
        assert!(
            requests(&ours) - before <= 20,
            "a parked claim is not probed again and again"
        );
    });
}
