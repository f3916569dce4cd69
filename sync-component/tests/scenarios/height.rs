//! Knowing the height, as nodes that only follow see it.

use super::*;
use sp_runtime::traits::{Block as _, Header as _};
use std::sync::Arc;
use sync_component::{
    BlockId, NetworkError,
    error::NoConsensus,
    peers::{Ledger, PeerClient, RangeAnswer, RequestError},
    ports::{Network, NetworkEvent, PeerId, Protocol, RequestFailure},
    status::Note,
    test_kit::{Link, SLOT, VirtualClock},
    wire::RangeRequest,
};

#[test]
fn h02_no_usable_answer_is_never_in_sync() {
    run(Setup::chain(6), async |sim| {
        let mut ours = sim.validator("O", 0, sim.chain(3));
        let count = sim.pick(6);
        let peers: Vec<_> = (0..count)
            .map(|n| {
                let misbehaviour = match sim.pick(4) {
                    0 => Misbehaviour::Silent,
                    1 => Misbehaviour::OtherGenesis,
                    2 => Misbehaviour::SaysSyncing,
                    // Banned at its first answer.
                    _ => Misbehaviour::Garbage(vec![0xff; 40]),
                };
                sim.peer(&format!("P{n}"), sim.chain(3), misbehaviour)
            })
            .collect();
        ours.start();
        sim.connect(&ours.id, ids(&peers));
        for _ in 0..60 {
            sim.run_for(SECOND).await;
            assert!(!ours.is_in_sync(), "{}", ours.health());
        }
        assert!(nobody_sealed(sim));
    });
}

#[test]
fn h03_round_waits_for_no_mute_peer_and_ends_at_its_time_out() {
    run(Setup::chain(9), async |sim| {
        let peers = sim.servers(10, "P", 9);
        let mut ours = sim.node("O", sim.chain(9));
        let link = Link {
            jitter: Duration::from_millis(sim.seed.min(50)),
            ..Link::with_latency(Duration::from_millis(500))
        };
        peers[0].turns_to(Misbehaviour::Silent);
        ours.start();
        for peer in &peers {
            sim.network.connect(&ours.id, &peer.id, link);
        }
        // The nine say who they are and where they stand, in a second each; the tenth is in its first round, which ends at the time-out.
        sim.until(
            3 * SECOND,
            "the first round ends with the ninth answer",
            || ours.is_in_sync(),
        )
        .await;
        for round in 0..4 {
            let start = sim.elapsed();
            let height_sync = ours.manager().height_sync();
            let judgement = height_sync
                .round(Duration::ZERO, sim.settings.tier1.timeout)
                .await
                .unwrap();
            let took = sim.elapsed().saturating_sub(start);
            assert!(judgement.verdict.is_in_sync(), "{:?}", judgement.verdict);
            // All nine, or as many as decide it: need(9).
            assert!((7..=9).contains(&judgement.tally.electors));
            assert!(took < 2 * SECOND, "round {round} took {took:?}");
        }
        for peer in &peers {
            peer.turns_to(Misbehaviour::Silent);
        }
        let mut alone = sim.node("Q", sim.chain(9));
        alone.start();
        sim.connect(&alone.id, ids(&peers));
        sim.run_for(Duration::from_millis(10)).await;
        let start = sim.elapsed();
        let height_sync = alone.manager().height_sync();
        let judgement = height_sync
            .round(Duration::ZERO, sim.settings.tier1.timeout)
            .await
            .unwrap();
        let took = sim.elapsed().saturating_sub(start);
        assert!(
            matches!(
                judgement.verdict,
                Verdict::Unverified(NetworkError::Timeout { .. })
            ),
            "{:?}",
            judgement.verdict
        );
        assert!(took >= 29 * SECOND && took <= 31 * SECOND, "{took:?}");
    });
}

#[test]
fn h05_the_silent_and_the_foreign_do_not_count() {
    run(Setup::chain(100), async |sim| {
        let same = sim.servers(4, "P", 100);
        let silent = sim.peer("silent", sim.chain(100), Misbehaviour::Silent);
        let foreign = sim.peer("foreign", sim.chain(100), Misbehaviour::OtherGenesis);
        let mut ours = sim.node("O", sim.chain(100));
        ours.start();
        sim.connect(&ours.id, ids(&same).chain([&silent.id, &foreign.id]));
        sim.until(2 * MINUTE, "in sync with 4 of 4", || {
            let report = ours.manager().report();
            ours.is_in_sync()
                && (report.voters, report.with_us) == (4, 4)
                && report.consensus == Some(ours.best())
        })
        .await;

        let six = sim.servers(6, "Q", 100);
        let mut other = sim.node("R", sim.chain(100));
        other.start();
        sim.connect(&other.id, ids(&six));
        sim.until(2 * MINUTE, "all six have answered", || {
            other.manager().report().voters == 6
        })
        .await;
        for peer in six.iter().skip(1) {
            sim.network.mute(&other.id, &peer.id);
        }
        let height_sync = other.manager().height_sync();
        let judgement = height_sync
            .round(Duration::ZERO, sim.settings.tier1.timeout)
            .await
            .unwrap();
        let is_expected = match judgement.verdict {
            Verdict::Unverified(NetworkError::NoConsensusReached(
                NoConsensus::TooFewResponses { responses, .. },
            )) => responses == 1,
            // The one answer was lost.
            Verdict::Unverified(NetworkError::Timeout { .. }) => !sim.is_calm(),
            _ => false,
        };
        assert!(is_expected, "{:?}", judgement.verdict);
    });
}

#[test]
fn h07_a_block_more_is_no_gap_and_a_step_back_is_seen() {
    run(Setup::chain(12), async |sim| {
        let mut peers = sim.full_nodes(3, "P", 10);
        let mut ours = sim.node("O", sim.chain(10));
        ours.start();
        sim.connect(&ours.id, node_ids(&peers));
        sim.until(2 * MINUTE, "in sync at 10", || ours.is_in_sync())
            .await;
        let next = sim.chain(11)[10].clone();
        sync_component::ports::ImportBlocks::import(ours.chain.as_ref(), vec![next]);
        // The peers are told, and for a moment O is above them.
        for _ in 0..20 {
            sim.run_for(SECOND / 10).await;
            assert_eq!(ours.best().height(), 11);
            assert_no_gap(&ours);
        }
        sim.until(2 * MINUTE, "all at 11", || {
            agree(&peers) && peers[0].best().height() == 11
        })
        .await;
        sim.until(MINUTE, "in sync at 11", || {
            ours.is_in_sync() && ours.best().height() == 11
        })
        .await;

        let back = sim.peer("back", sim.chain(12), Misbehaviour::Nothing);
        sim.connect(&ours.id, [&back.id]);
        let seen_at = |height: u64| {
            let peers = ours.manager().peers();
            peers
                .iter()
                .any(|peer| peer.peer == back.id && peer.best.height() == height)
        };
        sim.until(2 * MINUTE, "seen at 12", || seen_at(12)).await;
        back.chain.wipe();
        sync_component::ports::ImportBlocks::import(back.chain.as_ref(), sim.chain(11).to_vec());
        sim.until(2 * MINUTE, "seen at 11", || seen_at(11)).await;
        peers.clear();
    });
}

#[test]
fn h08_each_question_gets_its_own_answer() {
    run(Setup::chain(30), async |sim| {
        let peer = sim.peer("P", sim.chain(30), Misbehaviour::Nothing);
        let me = PeerId::from_bytes(b"asker");
        let (inbox, mut arriving) = tokio::sync::mpsc::channel::<NetworkEvent>(1_000);
        sim.network.start(me.clone(), inbox);
        let link = Link {
            jitter: Duration::from_millis(400),
            ..Link::lan()
        };
        sim.network.connect(&me, &peer.id, link);
        let (ban, mut banned) = tokio::sync::mpsc::unbounded_channel();
        let clock = Arc::new(VirtualClock::starting_at(
            sync_component::ports::UnixMillis(0),
        ));
        let port = sim.network.port(me.clone());
        let ledger = Ledger::new(&sim.settings.limits);
        let client = PeerClient::<SmallBlock>::new(
            Arc::new(port.clone()),
            clock,
            Arc::new(sync_component::observer::Unobserved),
            &sim.settings,
            ledger,
            ban,
        );
        let chain = sim.chain(30);
        let genesis = *chain[0].header().parent_hash();
        client.table().connected(
            peer.id.clone(),
            sync_component::ports::MonoTime(Duration::ZERO),
        );
        let request = |height: u32| RangeRequest {
            start: height,
            count: 1,
            parent: *chain[height as usize - 1].header().parent_hash(),
        };
        let asker = me.clone();
        let questions = (1..=30_u32).map(|height| {
            let (client, peer, asker) = (client.clone(), &peer, &asker);
            async move {
                let hash = chain[height as usize - 1].hash();
                let (status, hashes, headers, blocks, announced) = futures::join!(
                    client.status(&peer.id, genesis, 10 * SECOND),
                    client.hashes(&peer.id, vec![height], 10 * SECOND),
                    client.headers(&peer.id, request(height), 10 * SECOND),
                    client.blocks(&peer.id, request(height), 10 * SECOND),
                    peer.announce(asker, chain[0].header().clone()),
                );
                let () = announced;
                status.unwrap();
                assert_eq!(hashes.unwrap(), [Some(hash)]);
                let header = headers.unwrap().into_items().unwrap().remove(0);
                assert_eq!(header.hash(), hash);
                let block = blocks.unwrap().into_items().unwrap().remove(0);
                assert_eq!(block.hash(), hash);
            }
        });
        let listener = async {
            while let Some(event) = arriving.recv().await {
                if let NetworkEvent::Request { reply, .. } = event {
                    let _ = reply.send(vec![0]);
                }
            }
        };
        tokio::select! {
            biased;
            _ = futures::future::join_all(questions) => {}
            () = listener => unreachable!("the network keeps the inbox open"),
        }
        // An answer that comes after its time reaches nobody, and the next question gets its own.
        let slow = Link::with_latency(2 * SECOND);
        sim.network.connect(&me, &peer.id, slow);
        let late = client.blocks(&peer.id, request(1), SECOND).await;
        assert!(
            matches!(late, Err(RequestError::Failed(RequestFailure::Timeout))),
            "{late:?}"
        );
        let next = client.blocks(&peer.id, request(2), 10 * SECOND).await;
        let RangeAnswer::Items(blocks) = next.unwrap() else {
            panic!("the peer has block 2");
        };
        assert_eq!(blocks[0].hash(), chain[1].hash());
        assert!(banned.try_recv().is_err());
        port.refuse(&peer.id);
    });
}

#[test]
fn h09_the_clock_is_no_target() {
    run(Setup::chain(45).idle(6_949), async |sim| {
        let peers = sim.servers(4, "P", 45);
        let mut ours = sim.node("O", sim.chain(45));
        ours.start();
        sim.connect(&ours.id, ids(&peers));
        sim.until(2 * MINUTE, "in sync", || ours.is_in_sync()).await;
        let notes = ours.manager().report().notes;
        assert!(
            notes
                .iter()
                .any(|note| matches!(note, Note::BehindSchedule { .. })),
            "{notes:?}"
        );
        sim.slots(10).await;
        let requests_on = |protocol| {
            let requests = ids(&peers).map(|peer| sim.network.requests(&ours.id, peer, protocol));
            requests.sum::<usize>()
        };
        assert_eq!(
            (
                requests_on(Protocol::Headers),
                requests_on(Protocol::Blocks)
            ),
            (0, 0)
        );
    });
}

#[test]
fn h12_standing_still_together_is_in_sync_and_an_alert() {
    run(Setup::chain(25), async |sim| {
        let nodes = sim.full_nodes(4, "N", 24);
        sim.mesh(node_ids(&nodes));
        let has_alert = |node: &Node| {
            let beside = node.manager().report().notes;
            beside
                .iter()
                .any(|note| matches!(note, Note::Stalled { .. }))
        };
        sim.until(2 * MINUTE, "in sync", || nodes.iter().all(Node::is_in_sync))
            .await;
        assert!(!nodes.iter().any(has_alert));
        let limit = SLOT.as_duration() * sim.settings.limits.stalled_slots;
        sim.run_for(limit).await;
        sim.until(2 * MINUTE, "stalled and in sync", || {
            nodes
                .iter()
                .all(|node| node.is_in_sync() && has_alert(node))
        })
        .await;
        let next = sim.chain(25)[24].clone();
        sync_component::ports::ImportBlocks::import(nodes[0].chain.as_ref(), vec![next]);
        sim.until(3 * MINUTE, "all at 25, no alert", || {
            nodes
                .iter()
                .all(|node| node.best().height() == 25 && !has_alert(node))
        })
        .await;
        assert_eq!(nodes[0].best(), BlockId::of(sim.chain(25)[24].header()));
    });
}

#[test]
fn h15_laggards_cost_no_round() {
    run(Setup::chain(60), async |sim| {
        // Ten peers, two of which lag one block at any time; the third kind, one stuck far below, is with us as well.
        let peers: Vec<_> = (0..10)
            .map(|n| sim.peer(&format!("P{n}"), sim.chain(60), Misbehaviour::Nothing))
            .collect();
        let stuck = sim.peer("stuck", sim.chain(20), Misbehaviour::Nothing);
        let mut ours = sim.node("O", sim.chain(60));
        ours.start();
        sim.connect(&ours.id, ids(&peers).chain([&stuck.id]));
        sim.until(2 * MINUTE, "in sync", || ours.is_in_sync()).await;
        let below = BlockId::of(sim.chain(59)[58].header());
        let tip = BlockId::of(sim.chain(60)[59].header());
        let rounds = if sim.is_calm() { 1_000 } else { 20 };
        for round in 0..rounds {
            for (n, peer) in peers.iter().enumerate() {
                let lags = (n + round) % 5 == 0;
                peer.claims(if lags { below } else { tip });
            }
            let height_sync = ours.manager().height_sync();
            let judgement = height_sync
                .round(Duration::ZERO, sim.settings.tier1.timeout)
                .await
                .unwrap();
            assert!(
                judgement.verdict.is_in_sync(),
                "{round}: {:?}",
                judgement.verdict
            );
        }
    });
}
