//! What peers claim, and what becomes of it.

use super::*;
use sp_runtime::traits::Block as _;
use sync_component::{
    BlockId,
    ports::{Protocol, ReadChain, VerifyHeaders},
    test_kit::SLOT,
};

/// Peers at 100 that each claim one of these tips instead.
fn liars(sim: &Sim, claims: impl IntoIterator<Item = BlockId<SmallBlock>>) -> Vec<Peer> {
    let claims = claims.into_iter().zip(0..);
    let liars = claims.map(|(claim, n)| {
        let lie = Misbehaviour::ClaimsTip(claim);
        sim.peer(&format!("L{n}"), sim.chain(100), lie)
    });
    liars.collect()
}

#[test]
fn h06_impossible_claims_are_counted_from_the_final_block() {
    run(Setup::chain(50).authorities(4), async |sim| {
        // On a fork of its own making: its tip is three blocks above the fork, and two slots old. The others have ten blocks
        // above the fork, seven above its tip.
        let fork = sim.dead_fork(40, 3);
        let mut ours = sim.node("O", &fork);
        let honest = sim.servers(3, "P", 50);
        assert!(ours.chain.finalized().height() > 0);
        ours.start();
        sim.connect(&ours.id, ids(&honest));
        sim.until(5 * MINUTE, "O holds what the others hold", || {
            ours.best() == honest[0].chain.best() && ours.is_in_sync()
        })
        .await;
        // The highest block that can be by now, and one that cannot be for three slots more.
        let finalized = ours.chain.finalized();
        let header = ours.chain.header(finalized.hash).unwrap().unwrap();
        super::authorities::next_slot(sim).await;
        let since = sim.oracle.wall_slot() - *ours.chain.slot_of(&header).unwrap();
        let highest = finalized.height() + since + 1;
        let claims = |height: u64| {
            let number = u32::try_from(height).unwrap();
            let tip = BlockId::new(number, sp_core::H256::repeat_byte(0xee));
            sim.peer(
                &format!("C{height}"),
                sim.chain(50),
                Misbehaviour::ClaimsTip(tip),
            )
        };
        let (possible, impossible) = (claims(highest), claims(highest + 3));
        sim.connect(&ours.id, [&possible.id, &impossible.id]);
        let probes = |peer: &Peer| sim.network.requests(&ours.id, &peer.id, Protocol::Headers);
        sim.run_for(SLOT.as_duration().mul_f64(2.9)).await;
        assert_eq!(probes(&impossible), 0);
        assert!(ours.is_in_sync(), "{}", ours.health());
        sim.until(2 * MINUTE, "both are probed in time", || {
            probes(&possible) > 0 && probes(&impossible) > 0
        })
        .await;
        assert_eq!(ours.best(), honest[0].chain.best());
        sim.until(2 * MINUTE, "O is in sync", || ours.is_in_sync())
            .await;
    });
}

#[test]
fn h06_claim_alone_moves_no_target() {
    run(Setup::chain(100), async |sim| {
        let peers = sim.servers(3, "P", 100);
        let height = [101, 1_000_000][usize::try_from(sim.seed % 2).unwrap()];
        let invented = BlockId::new(height, sp_core::H256::repeat_byte(0xee));
        let liar = sim.peer("L", sim.chain(100), Misbehaviour::ClaimsTip(invented));
        let mut ours = sim.validator("O", 0, sim.chain(100));
        ours.start();
        sim.connect(&ours.id, ids(&peers).chain([&liar.id]));
        for _ in 0..60 {
            sim.run_for(SECOND).await;
            assert_eq!(ours.manager().report().target, None);
            assert_no_gap(&ours);
        }
        // It is an impossible height, or has no headers: that one is possible, and asked about again and again.
        let probes = sim.network.requests(&ours.id, &liar.id, Protocol::Headers);
        let most = if height == 101 { 12 } else { 1 };
        assert!(probes <= most, "{probes} probes in ten slots");
        // The gate goes on clearing in its turns, of which it has every fourth.
        let sealed = sim.oracle.seals();
        assert!(sealed >= 2, "{sealed} blocks in ten slots");
        assert!(!sim.network.is_refused(&ours.id, &liar.id));
    });
}

#[test]
fn h06_stored_block_at_another_height_is_no_vote_and_costs_no_walk() {
    run(Setup::chain(100).authorities(4), async |sim| {
        let peers = sim.servers(3, "P", 100);
        let chain = sim.chain(100);
        let (first, top) = (chain[0].hash(), chain[99].hash());
        let claim = match sim.seed % 3 {
            0 => BlockId::new(101, top),
            1 => BlockId::new(99, top),
            _ => BlockId::new(50, chain[29].hash()),
        };
        let liars = liars(sim, [claim; 3]);
        let mut ours = sim.node("O", sim.chain(100));
        // Whoever goes down from such a claim to where it is on our chain goes down all of it.
        ours.chain.make_unreadable(first);
        ours.start();
        sim.connect(&ours.id, ids(&peers));
        sim.until(2 * MINUTE, "in sync", || ours.is_in_sync()).await;
        sim.connect(&ours.id, ids(&liars));
        for _ in 0..30 {
            sim.run_for(SECOND).await;
            assert_eq!(ours.manager().report().target, None);
            assert!(ours.is_in_sync(), "{}", ours.health());
        }
    });
}

#[test]
fn headers_that_the_wrong_authority_sealed_are_no_target_and_ban_their_sender() {
    run(Setup::chain(10).authorities(4).idle(9), async |sim| {
        let peers = sim.servers(3, "P", 10);
        let mut forged = sim.chain(10).to_vec();
        for slot in sim::FIRST_SLOT + 11..sim::FIRST_SLOT + 14 {
            let parent = forged.last().unwrap().header().clone();
            let thief = (sim.forge.turn(slot.into()) + 1) % 4;
            let block = sim
                .forge
                .block_sealed_by(thief, &parent, slot.into(), b"forged");
            forged.push(block);
        }
        let tip = forged.last().unwrap().header().clone();
        let liar = sim.peer(
            "L",
            sim.chain(10),
            Misbehaviour::ServesBranch(forged.clone()),
        );
        let mut ours = sim.node("O", sim.chain(10));
        ours.start();
        sim.connect(&ours.id, ids(&peers).chain([&liar.id]));
        // It claims the tip when it is asked, or pushes the first forged header.
        if sim.seed % 2 == 0 {
            liar.claims(BlockId::of(&tip));
        } else {
            sim.slots(1).await;
            while !refuses(sim, &ours, &liar.id) {
                liar.announce(&ours.id, forged[10].header().clone()).await;
                assert_eq!(ours.manager().report().target, None);
            }
        }
        sim.until(3 * MINUTE, "the liar is banned", || {
            assert_eq!(ours.manager().report().target, None);
            refuses(sim, &ours, &liar.id)
        })
        .await;
        assert!(peers.iter().all(|peer| !refuses(sim, &ours, &peer.id)));
        assert_eq!(ours.best().height(), 10);
    });
}

#[test]
fn h06_two_liars_of_four_move_nothing() {
    run(Setup::chain(100), async |sim| {
        let peers = sim.servers(2, "P", 100);
        let invented = |hash: u8| BlockId::new(1_000_000, sp_core::H256::repeat_byte(hash));
        let liars = liars(sim, [invented(0xe0), invented(0xe1)]);
        let mut ours = sim.validator("O", 0, sim.chain(100));
        ours.start();
        sim.connect(&ours.id, ids(&peers).chain(ids(&liars)));
        // They lose their votes, and the honest two and our own are enough.
        sim.until(2 * MINUTE, "O authors on the honest chain", || {
            ours.best().height() > 100
        })
        .await;
        assert_eq!(
            sync_component::ports::ReadChain::canonical_hash(ours.chain.as_ref(), 100).unwrap(),
            Some(sim.chain(100)[99].hash())
        );
    });
}

#[test]
fn h20_free_peers_that_lie_lose_their_vote_and_no_slot() {
    run(Setup::chain(100), async |sim| {
        let honest = sim.servers(1, "P", 100);
        let invented = sp_core::H256::repeat_byte(0xee);
        // With our own hash at our number, or with an invented one there.
        let claim = [
            BlockId::new(1_000_000, invented),
            BlockId::new(100, invented),
        ];
        let claim = claim[usize::try_from(sim.seed % 2).unwrap()];
        let liars = liars(sim, [claim; 3]);
        let mut ours = sim.validator("O", 0, sim.chain(100));
        ours.start();
        sim.connect(&ours.id, ids(&honest).chain(ids(&liars)));
        sim.until(2 * MINUTE, "O authors", || ours.best().height() > 100)
            .await;
        let report = ours.manager().report();
        assert!(report.voters <= 1, "the liars have no vote: {report:?}");
        // O's turn comes every third slot.
        if sim.is_calm() {
            let before = sim.oracle.seals();
            for _ in 0..9 {
                sim.slots(1).await;
                assert!(ours.is_in_sync(), "{}", ours.health());
            }
            assert_eq!(sim.oracle.seals() - before, 3);
        }
    });
}
