//! Fetching, where nothing worse happens than silence.

use super::{authorities::by_authorities, traffic::Blocks, *};
use sp_runtime::traits::Block as _;
use std::sync::Arc;
use sync_component::{
    BlockId,
    ports::{ImportBlocks, PeerId, Protocol},
    status::Note,
    test_kit::Link,
};

/// Block requests of `node` to these peers.
fn asked<'a>(sim: &Sim, node: &Node, peers: impl IntoIterator<Item = &'a PeerId>) -> usize {
    let requests = peers.into_iter();
    requests
        .map(|peer| sim.network.requests(&node.id, peer, Protocol::Blocks))
        .sum()
}

/// Under which strategy: each in turn.
fn in_turn(sim: &mut Sim) {
    if sim.seed % 2 == 1 {
        sim.settings.strategies.tier2 = Some("sequential".to_owned());
    }
}

#[test]
fn f01_swallowed_request_goes_elsewhere_and_nothing_is_lost() {
    run(Setup::chain(285), async |sim| {
        in_turn(sim);
        let blocks = Arc::new(Blocks::default());
        sim.network.tap(blocks.clone());
        let swallows = sim.peer("S", sim.chain(285), Misbehaviour::Swallows(vec![201]));
        let mut ours = sim.node("O", &[]);
        ours.start();
        sim.connect(&ours.id, [&swallows.id]);
        sim.until(10 * MINUTE, "the request is swallowed", || {
            blocks.was_asked_for(&swallows.id, 201)
        })
        .await;
        let honest = sim.servers(1, "P", 285);
        sim.connect(&ours.id, [&honest[0].id]);
        sim.until(10 * MINUTE, "O at 285", || ours.best().height() == 285)
            .await;
        assert!(blocks.was_asked_for(&honest[0].id, 201));
        if sim.is_calm() {
            assert_eq!(blocks.delivered_to(&ours.id), 285, "each block once");
        }
        assert!(!refuses(sim, &ours, &swallows.id));
    });
}

/// Seals are checked ahead of the blocks, with the authorities of the last stored one.
#[test]
fn change_of_the_authorities_costs_nobody_anything() {
    run(Setup::chain(300), async |sim| {
        sim.rotate_at(150);
        let peers = sim.servers(4, "P", 300);
        let mut ours = sim.node("O", &[]);
        ours.start();
        sim.connect(&ours.id, ids(&peers));
        sim.until(10 * MINUTE, "O at 300", || ours.best().height() == 300)
            .await;
        assert!(peers.iter().all(|peer| !refuses(sim, &ours, &peer.id)));
    });
}

/// No header above it can be verified before it is stored, so it is all that is known of the chain that goes on. Its author is suspect because
/// the answers with it were lost; nobody need wait for it, but it is what leads on.
#[test]
fn block_that_changes_the_authorities_is_fetched_although_its_author_is_suspect() {
    run(Setup::chain(60).authorities(4), async |sim| {
        by_authorities(sim);
        sim.rotate_at(30);
        let swallows = Misbehaviour::Swallows(vec![30]);
        let peer = sim.peer("P", sim.chain(60), swallows);
        let mut ours = sim.node("O", sim.chain(29));
        ours.start();
        sim.connect(&ours.id, [&peer.id]);
        sim.until(5 * MINUTE, "an author is suspect", || {
            let notes = ours.manager().report().notes;
            notes
                .iter()
                .any(|note| matches!(note, Note::Suspect { .. }))
        })
        .await;
        // The session that lost them is over.
        sim.run_for(2 * MINUTE).await;
        peer.turns_to(Misbehaviour::Nothing);
        // Nobody attests the last one here, and it may be the suspect's.
        sim.until(10 * MINUTE, "O has what lies above it", || {
            ours.best().height() >= 59
        })
        .await;
    });
}

/// The first `good` blocks of the chain and others up to `height`, each sealed by the authority whose turn comes next.
fn forged(sim: &Sim, good: usize, height: u64) -> Vec<SmallBlock> {
    let mut blocks = sim.chain(good).to_vec();
    while blocks.len() as u64 != height {
        let slot = sim::FIRST_SLOT + blocks.len() as u64;
        let other = sim.forge.turn((slot + 1).into());
        let parent = blocks.last().unwrap().header();
        let block = sim.forge.block_sealed_by(other, parent, slot.into(), b"");
        blocks.push(block);
    }
    blocks
}

/// Where nothing can change the authorities a wrong seal is a bad one, however many good headers are below it. Its sender keeps all
/// bodies back, so that none of these headers is ever stored.
#[test]
fn forged_seal_above_good_headers_gets_its_sender_banned() {
    run(Setup::chain(200).authorities(4), async |sim| {
        sim.settings.tier2.max_gap = 101;
        sim.settings.limits.headers_per_request = 32;
        // In the first window, and in what is verified ahead of it: in the first answer, and at the beginning of the next.
        for (good, height) in [(70, 100), (110, 130), (134, 150)] {
            let branch = forged(sim, good, height);
            let tip = BlockId::of(branch.last().unwrap().header());
            let serves = Misbehaviour::ServesBranch(branch);
            let forger = sim.peer(&format!("F {good}"), sim.chain(200), serves);
            forger.claims(tip);
            forger.keeps_bodies();
            let mut ours = sim.node(&format!("O {good}"), &[]);
            ours.start();
            sim.connect(&ours.id, [&forger.id]);
            sim.until(5 * MINUTE, "the forger is refused", || {
                refuses(sim, &ours, &forger.id)
            })
            .await;
            assert_eq!(ours.best().height(), 0);
        }
    });
}

/// Three quick strangers that deliver next to nothing, each in its own way, and one honest peer further away.
#[test]
fn f06_one_honest_peer_is_enough_whatever_the_strangers_do() {
    run(Setup::chain(300), async |sim| {
        let habits = [
            Misbehaviour::Refuses,
            Misbehaviour::Trickles,
            Misbehaviour::BusyOn(Protocol::Blocks, SECOND / 10),
            Misbehaviour::SilentOn(Protocol::Blocks),
            Misbehaviour::Slow(2 * SECOND),
            Misbehaviour::SwapsBodies,
        ];
        let habit = usize::try_from(sim.seed).unwrap() % habits.len();
        if sim.seed / 6 % 2 == 1 {
            sim.settings.strategies.tier2 = Some("sequential".to_owned());
        }
        let honest = sim.servers(1, "P", 300);
        let strangers = sim.crowd(3, "A", sim.chain(300), &habits[habit]);
        let mut ours = sim.node("O", &[]);
        ours.start();
        let link = Link {
            latency: sim.link().latency + Duration::from_millis(100),
            ..sim.link()
        };
        sim.network.connect(&ours.id, &honest[0].id, link);
        sim.connect(&ours.id, ids(&strangers));
        sim.until(20 * MINUTE, "O at 300", || ours.best().height() == 300)
            .await;
        assert!(!refuses(sim, &ours, &honest[0].id));
    });
}

#[test]
fn f02_hole_is_filled_by_others_before_anything_above_it() {
    run(Setup::chain(139), async |sim| {
        in_turn(sim);
        let blocks = Arc::new(Blocks::default());
        sim.network.tap(blocks.clone());
        let holes: Vec<u64> = (0..8).map(|n| 20 + 13 * n).collect();
        let lacks = sim.peer("L", sim.chain(139), Misbehaviour::Lacks(holes.clone()));
        let mut ours = sim.node("O", &[]);
        ours.start();
        sim.connect(&ours.id, [&lacks.id]);
        // That nothing above a hole comes first is what the oracle checks after every import (I2).
        sim.until(10 * MINUTE, "O below the first hole", || {
            ours.best().height() == 19 && blocks.was_asked_for(&lacks.id, 20)
        })
        .await;
        let others = sim.servers(2, "P", 139);
        sim.connect(&ours.id, ids(&others));
        sim.until(10 * MINUTE, "O at 139", || ours.best().height() == 139)
            .await;
        for hole in holes {
            assert!(ids(&others).any(|peer| blocks.was_asked_for(peer, hole)));
        }
        if sim.is_calm() {
            assert_eq!(blocks.delivered_to(&ours.id), 139, "each block once");
        }
        assert!(!refuses(sim, &ours, &lacks.id));
    });
}

#[test]
fn f03_silent_peers_cost_their_attempts_once() {
    run(Setup::chain(12).idle(2), async |sim| {
        sim.settings.strategies.tier2 = Some("sequential".to_owned());
        let blocks = Misbehaviour::SilentOn(Protocol::Blocks);
        let silent: Vec<_> = (0..2)
            .map(|n| sim.peer(&format!("S{n}"), sim.chain(11), blocks.clone()))
            .collect();
        let good: Vec<_> = (0..2)
            .map(|n| sim.peer(&format!("Z{n}"), sim.chain(11), Misbehaviour::Nothing))
            .collect();
        let mut ours = sim.node("O", sim.chain(10));
        ours.start();
        sim.connect(&ours.id, ids(&silent).chain(ids(&good)));
        let begin = sim.elapsed();
        sim.until(5 * MINUTE, "O at 11", || ours.best().height() == 11)
            .await;
        if sim.is_calm() {
            let took = sim.elapsed().saturating_sub(begin);
            assert!(took <= 21 * SECOND, "two silent attempts of 10 s: {took:?}");
            assert!(asked(sim, &ours, ids(&silent).chain(ids(&good))) <= 3);
        }
        let before = asked(sim, &ours, ids(&silent));
        let next = sim.chain(12)[11].clone();
        for peer in good.iter().chain(&silent) {
            peer.chain.import(vec![next.clone()]);
            peer.announce(&ours.id, next.header().clone()).await;
        }
        sim.until(5 * MINUTE, "O at 12", || ours.best().height() == 12)
            .await;
        if sim.is_calm() {
            assert_eq!(
                asked(sim, &ours, ids(&silent)),
                before,
                "not first choice again"
            );
        }
    });
}

#[test]
fn f04_only_who_has_the_blocks_is_asked() {
    run(Setup::chain(4_390), async |sim| {
        let level = sim.servers(2, "level", 4_388);
        let above = sim.servers(1, "above", 4_390);
        let mut ours = sim.node("O", sim.chain(4_388));
        ours.start();
        sim.connect(&ours.id, ids(&level).chain(ids(&above)));
        sim.until(5 * MINUTE, "O at 4390", || ours.best().height() == 4_390)
            .await;
        assert_eq!(asked(sim, &ours, ids(&level)), 0);
    });
}

#[test]
fn f06_newcomer_reaches_the_top_in_windows_and_authors_nothing_before() {
    run(Setup::chain(5_000), async |sim| {
        let count = if sim.seed % 2 == 0 { 4 } else { 1 };
        let from = if sim.seed % 4 < 2 { 0 } else { 500 };
        let peers = sim.servers(count, "P", 5_000);
        let mut ours = sim.validator("O", 0, sim.chain(from));
        ours.start();
        sim.connect(&ours.id, ids(&peers));
        sim.until(240 * MINUTE, "O at 5000", || ours.best().height() >= 5_000)
            .await;
        assert_eq!(
            ours.chain.blocks()[4_999].hash(),
            sim.chain(5_000)[4_999].hash()
        );
        assert!(
            (1..=5_000)
                .step_by(50)
                .all(|height| sim.oracle.sealed_at(height).is_empty())
        );
    });
}

#[test]
fn f07_age_is_no_reason_to_refuse() {
    run(Setup::chain(1_000).idle(40 * 14_400), async |sim| {
        let peers = sim.servers(3, "P", 1_000);
        let mut ours = sim.node("O", sim.chain(100));
        ours.start();
        sim.connect(&ours.id, ids(&peers));
        sim.until(60 * MINUTE, "O at 1000", || ours.best().height() == 1_000)
            .await;
    });
}

#[test]
fn f08_fifty_announcements_start_one_session() {
    run(Setup::chain(13), async |sim| {
        let peer = sim.peer("P", sim.chain(10), Misbehaviour::Nothing);
        let mut ours = sim.node("O", sim.chain(10));
        ours.start();
        sim.connect(&ours.id, [&peer.id]);
        sim.until(2 * MINUTE, "in sync at 10", || ours.is_in_sync())
            .await;
        peer.chain.import(sim.chain(13).to_vec());
        let headers = sim.chain(13)[10..]
            .iter()
            .map(|block| block.header().clone());
        let pushes = headers.cycle().take(50).enumerate().map(|(n, header)| {
            let (peer, ours) = (&peer, &ours.id);
            async move {
                tokio::time::sleep(Duration::from_millis(20 * n as u64)).await;
                peer.announce(ours, header).await;
            }
        });
        // Lost pushes wait for the connection's end.
        let all = futures::future::join_all(pushes);
        let _ = tokio::time::timeout(10 * SECOND, all).await;
        sim.until(3 * MINUTE, "O at 13", || ours.best().height() == 13)
            .await;
        let total = asked(sim, &ours, [&peer.id]);
        if sim.is_calm() {
            assert_eq!(total, 3, "each block once");
        }
        assert!(total <= 9, "each block once per attempt: {total}");
    });
}

/// Two peers have a block of each of these sizes above the chain, in bytes, and a node that follows gets them all.
async fn all_arrive(sim: &Sim, sizes: &[usize]) {
    let mut blocks = sim.chain(3).to_vec();
    for (slot, size) in (sim::FIRST_SLOT + 4..).zip(sizes) {
        let parent = blocks.last().unwrap().header().clone();
        blocks.push(sim.forge.block(&parent, slot.into(), &vec![7; *size]));
    }
    sim.oracle.knows(&blocks);
    let peers: Vec<_> = (0..2)
        .map(|n| sim.peer(&format!("P{n}"), &blocks, Misbehaviour::Nothing))
        .collect();
    let mut ours = sim.node("O", sim.chain(3));
    ours.start();
    sim.connect(&ours.id, ids(&peers));
    let top = BlockId::<SmallBlock>::of(blocks.last().unwrap().header());
    sim.until(10 * MINUTE, "all arrived", || ours.best() == top)
        .await;
}

#[test]
fn f14_blocks_of_all_sizes_arrive_within_the_byte_budget() {
    run(Setup::chain(3).idle(20), async |sim| {
        let largest = sim.settings.limits.block_bytes - 1_000;
        let sizes: Vec<_> = (0..8)
            .map(|n| match n % 4 {
                0 => 1,
                1 => largest,
                2 => 1 + usize::try_from(sim.pick(100_000)).unwrap(),
                _ => 1 + usize::try_from(sim.pick(3_000_000)).unwrap(),
            })
            .collect();
        all_arrive(sim, &sizes).await;
    });
}

/// Many more bytes than may wait: that no more of them do is what the oracle checks after every import (I6).
#[test]
fn f14_large_blocks_wait_within_the_bytes_of_the_window() {
    run(Setup::chain(3).idle(80), async |sim| {
        sim.import_time = Duration::from_millis(50);
        let limits = &mut sim.settings.limits;
        limits.block_bytes = 100_000;
        limits.reply_soft_bytes = 100_000;
        limits.reply_hard_bytes = 200_000;
        limits.window_bytes = 300_000;
        limits.requests_in_flight = 2;
        all_arrive(sim, &[90_000; 60]).await;
    });
}

#[test]
fn f17_a_sleeper_wakes_and_catches_up_by_itself() {
    run(Setup::chain(1_300), async |sim| {
        sim.import_time = Duration::from_millis(3);
        let peers = sim.servers(4, "P", 1_300);
        let mut ours = sim.node("O", sim.chain(100));
        ours.start();
        sim.network.partition([&ours.id]);
        sim.connect(&ours.id, ids(&peers));
        sim.slots(30).await;
        assert_eq!(ours.best().height(), 100);
        sim.network.heal();
        sim.until(60 * MINUTE, "O at 1300", || ours.best().height() == 1_300)
            .await;
        sim.until(2 * MINUTE, "and in sync", || ours.is_in_sync())
            .await;
    });
}
