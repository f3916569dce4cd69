//! H19 and H14 once more: the other ways to show a header and keep its body. Whatever the peers answer, or whether they answer at all, the
//! honest keep all their slots but one in 4a.

use super::{
    authorities::{by_authorities, highest, next_slot},
    malicious::{Costs, Stage, begin, begin_among, begin_with, play, withhold},
    *,
};
use futures::future::join_all;
use sp_runtime::traits::Block as _;
use sync_component::{
    BlockId,
    ports::{ImportBlocks, Protocol},
    status::Note,
    test_kit::SLOT,
};

async fn withheld_by(sim: &mut Sim, ids: usize, how: Misbehaviour) {
    let mut stage = begin(sim, ids).await;
    stage.turn_to(&how);
    let slots = play(sim, &mut stage, withhold).await;
    stage.ends_well(sim, slots, Costs::OneSlotIn4a).await;
}

#[test]
fn h19_author_whose_peer_is_always_busy_costs_few_slots() {
    run(Setup::chain(12).authorities(10), async |sim| {
        withheld_by(sim, 1, Misbehaviour::BusyOn(Protocol::Blocks, SECOND / 10)).await;
    });
}

#[test]
fn h19_busy_author_keeps_no_tie_of_others_from_being_settled() {
    run(Setup::chain(12).authorities(10), async |sim| {
        let busy = Misbehaviour::BusyOn(Protocol::Blocks, 10 * SECOND);
        let mut stage = begin_among(sim, 4, 1, &busy).await;
        // Nobody has started lately, and so would let a block of its own go for the sake of the votes.
        sim.slots(16).await;
        while !stage.has_its_turn(sim) {
            next_slot(sim).await;
        }
        let held_back = stage.seal(sim, b"withheld").unwrap();
        let header = held_back.last().unwrap().header().clone();
        // It costs the next author its slot. Of the two after that the second hears nothing of the first one's block before it makes
        // its own.
        let attested = async |sim: &Sim, stage: &mut Stage| {
            let word = stage.word(sim, &held_back);
            stage.push(&stage.nodes, &header, &word, SECOND).await;
        };
        attested(sim, &mut stage).await;
        next_slot(sim).await;
        attested(sim, &mut stage).await;
        sim.run_for(SLOT.as_duration().mul_f64(0.75)).await;
        for other in [0, 2] {
            sim.network.cut(&stage.nodes[1].id, &stage.nodes[other].id);
        }
        for _ in 0..2 {
            next_slot(sim).await;
            attested(sim, &mut stage).await;
        }
        sim.run_for(2 * SECOND).await;
        sim.mesh(node_ids(&stage.nodes));
        let best: std::collections::BTreeSet<_> = stage.nodes.iter().map(Node::best).collect();
        if sim.is_calm() {
            assert_eq!(best.len(), 2, "{best:?}");
        }
        let height = highest(&stage.nodes);
        for _ in 0..30 {
            next_slot(sim).await;
            attested(sim, &mut stage).await;
        }
        assert!(highest(&stage.nodes) > height + 10, "it is settled");
    });
}

#[test]
fn h19_author_whose_peers_say_that_they_do_not_have_it_costs_few_slots() {
    run(Setup::chain(12).authorities(10), async |sim| {
        withheld_by(sim, 5, Misbehaviour::Lacks((0..500).collect())).await;
    });
}

#[test]
fn h19_wrong_bodies_under_fifty_ids_cost_few_slots() {
    run(Setup::chain(12).authorities(10), async |sim| {
        let mut stage = begin_with(sim, 50, &Misbehaviour::SwapsBodies).await;
        let slots = play(sim, &mut stage, withhold).await;
        stage.keeps_its_slots(sim, slots, Costs::OneSlotIn4a).await;
    });
}

#[test]
fn h19_header_that_nobody_claims_costs_few_slots() {
    run(Setup::chain(12).authorities(10), async |sim| {
        let mut stage = begin(sim, 1).await;
        // It stays connected, says nothing of itself any more, and shows its headers as those of a branch.
        stage.turn_to(&Misbehaviour::Silent);
        let slots = play(sim, &mut stage, async |sim, stage| {
            if stage.has_its_turn(sim)
                && let Some(chain) = stage.sealed(sim, b"nobody's")
            {
                let header = chain.last().unwrap().header();
                let pushes = stage
                    .nodes
                    .iter()
                    .map(|node| stage.evil[0].announce_fork(&node.id, header.clone()));
                join_all(pushes).await;
            }
        })
        .await;
        stage.ends_well(sim, slots, Costs::OneSlotIn4a).await;
    });
}

#[test]
fn h19_author_that_is_gone_after_its_announcement_costs_few_slots() {
    run(Setup::chain(12).authorities(10), async |sim| {
        let mut stage = begin(sim, 1).await;
        let slots = play(sim, &mut stage, async |sim, stage| {
            if !stage.has_its_turn(sim) {
                return;
            }
            show_and_leave(sim, stage).await;
        })
        .await;
        stage.ends_well(sim, slots, Costs::OneSlotIn4a).await;
    });
}

async fn show_and_leave(sim: &mut Sim, stage: &mut Stage) {
    let evil = stage.evil[0].id.clone();
    for node in &stage.nodes {
        sim.connect(&node.id, [&evil]);
    }
    withhold(sim, stage).await;
    for node in &stage.nodes {
        sim.network.cut(&node.id, &evil);
    }
}

#[test]
fn h19_invalid_block_from_two_carriers_costs_few_slots_and_halts_nobody() {
    run(Setup::chain(12).authorities(10), async |sim| {
        let mut stage = begin(sim, 2).await;
        stage.turn_to(&Misbehaviour::Nothing);
        let slots = play(sim, &mut stage, async |sim, stage| {
            if !stage.has_its_turn(sim) {
                return;
            }
            let Some(chain) = stage.seal(sim, b"fails in execution") else {
                return;
            };
            for node in &stage.nodes {
                node.chain.refuse_in_execution(chain.last().unwrap().hash());
            }
            let word = stage.word(sim, &chain);
            let header = chain.last().unwrap().header();
            stage.push(&stage.nodes, header, &word, 4 * SECOND).await;
        })
        .await;
        stage.ends_well(sim, slots, Costs::OneSlotIn4a).await;
        assert!(!stage.nodes.iter().any(is_critical));
    });
}

#[test]
fn h14_what_another_authority_attests_holds_up_whoever_withholds_it() {
    run(Setup::chain(24).authorities(4), async |sim| {
        by_authorities(sim);
        let peers: Vec<_> = (0..3)
            .map(|n| {
                let silent = Misbehaviour::SilentOn(Protocol::Blocks);
                sim.peer(&format!("P{n}"), sim.chain(24), silent)
            })
            .collect();
        let author = sim.forge.turn((sim::FIRST_SLOT + 23).into());
        let us = (author + 1) % 4;
        let mut ours = sim.validator("O", us, sim.chain(23));
        ours.start();
        sim.connect(&ours.id, ids(&peers));
        let top = sim.chain(24)[23].header().clone();
        for _ in 0..24 {
            let slot = sim.oracle.wall_slot();
            for (peer, authority) in peers.iter().zip((0..4).filter(|n| *n != us)) {
                let word = sim.attestation(authority, slot, 0, sim.chain(24));
                peer.announce_attested(&ours.id, top.clone(), word).await;
            }
            next_slot(sim).await;
            assert!(nobody_sealed(sim), "{}", ours.health());
        }
        assert_eq!(ours.best().height(), 23);
    });
}

/// Of these, so many besides the author attest block 24, whose body nobody delivers; all others stand at 23. Says whether `V0` has
/// authored within 24 slots.
async fn authors_beside(sim: &mut Sim, authorities: usize, attesters: usize) -> bool {
    by_authorities(sim);
    sim.authorities(authorities);
    let author = sim.forge.turn((sim::FIRST_SLOT + 23).into());
    let us = (author + 1) % authorities;
    let others: Vec<_> = (0..authorities).filter(|n| *n != us).collect();
    let shows = |n: usize| (author + authorities - n) % authorities <= attesters;
    let peers: Vec<_> = others
        .iter()
        .map(|n| {
            let (height, habit) = if shows(*n) {
                (24, Misbehaviour::SilentOn(Protocol::Blocks))
            } else {
                (23, Misbehaviour::Nothing)
            };
            sim.peer(&format!("P{n}"), sim.chain(height), habit)
        })
        .collect();
    let mut ours = sim.validator("O", us, sim.chain(23));
    ours.start();
    sim.connect(&ours.id, ids(&peers));
    for _ in 0..24 {
        let slot = sim.oracle.wall_slot();
        // By two ways each, or a lost message decides.
        let ways = peers.iter().zip(&others);
        let told = ways
            .chain(peers.iter().rev().zip(&others))
            .map(|(peer, authority)| {
                let height = if shows(*authority) { 24 } else { 23 };
                let word = sim.attestation(*authority, slot, 0, sim.chain(height));
                let top = sim.chain(height).last().unwrap().header().clone();
                peer.announce_attested(&ours.id, top, word)
            });
        join_all(told).await;
        next_slot(sim).await;
        if !nobody_sealed(sim) {
            return true;
        }
    }
    false
}

/// One of these must be honest, so that somebody really has it.
#[test]
fn h14_as_many_as_may_be_faulty_hold_up_with_their_word() {
    run(Setup::chain(24), async |sim| {
        let (authorities, attesters) =
            [(4, 1), (7, 2), (10, 3)][usize::try_from(sim.seed % 3).unwrap()];
        assert!(!authors_beside(sim, authorities, attesters).await);
    });
}

/// The author and all that attest may be faulty together.
#[test]
fn h14_word_of_fewer_holds_nobody_up() {
    run(Setup::chain(24), async |sim| {
        let (authorities, attesters) =
            [(4, 0), (7, 1), (10, 2)][usize::try_from(sim.seed % 3).unwrap()];
        assert!(authors_beside(sim, authorities, attesters).await);
    });
}

/// As before, but the tip itself is claimed by nobody any more: whoever has it has built on it, and can show none of that.
#[test]
fn h14_tip_is_not_forgotten_while_another_authority_builds_on_it() {
    run(Setup::chain(26).authorities(4), async |sim| {
        by_authorities(sim);
        let author = sim.forge.turn((sim::FIRST_SLOT + 23).into());
        let (us, other, third) = ((author + 1) % 4, (author + 2) % 4, (author + 3) % 4);
        let peers = sim.crowd(
            3,
            "P",
            sim.chain(24),
            &Misbehaviour::SilentOn(Protocol::Blocks),
        );
        let carrier = sim.peer("C", sim.chain(23), Misbehaviour::Nothing);
        let mut ours = sim.validator("O", us, sim.chain(23));
        ours.start();
        sim.connect(&ours.id, ids(&peers).chain([&carrier.id]));
        let tip = BlockId::<SmallBlock>::of(sim.chain(24)[23].header());
        sim.until(2 * MINUTE, "O has the header of 24", || {
            ours.manager().height_sync().is_verified(&tip)
        })
        .await;
        for peer in &peers {
            peer.keeps_bodies();
            peer.turns_to(Misbehaviour::SilentOn(Protocol::Headers));
        }
        // They serve out of one store.
        peers[0].chain.import(sim.chain(26).to_vec());
        let top = sim.chain(23)[22].header().clone();
        for _ in 0..40 {
            let slot = sim.oracle.wall_slot();
            // The others lag: their votes alone would clear O.
            // Twice, as two lost in a row would be silence.
            let words = [(other, 26), (third, 23), (author, 23)].repeat(2);
            let words = words.into_iter().map(|(authority, height)| {
                let word = sim.attestation(authority, slot, 0, sim.chain(height));
                carrier.announce_attested(&ours.id, top.clone(), word)
            });
            futures::future::join_all(words).await;
            next_slot(sim).await;
            assert!(nobody_sealed(sim), "{}", ours.health());
        }
        assert!(ours.manager().height_sync().is_verified(&tip));
    });
}

/// One who has kept a block back shows it once it hears of the next author's, which is not asked for any more then.
#[test]
fn h14_author_whose_block_gave_way_to_another_is_not_suspect_before_that_ones_author() {
    run(Setup::chain(12).authorities(4).idle(20), async |sim| {
        by_authorities(sim);
        let parent = sim.chain(12)[11].header().clone();
        let slot = sim::FIRST_SLOT + 12;
        let late: SmallBlock = sim.forge.block(&parent, (slot + 1).into(), b"late");
        // Of two blocks of one height the one with the lower hash is fetched.
        let mut of_before =
            (0..=u8::MAX).map(|salt| sim.forge.block::<SmallBlock>(&parent, slot.into(), &[salt]));
        let kept_back = of_before.find(|block| block.hash() < late.hash()).unwrap();
        let theirs = BlockId::of(kept_back.header());
        let holder = |name: &str, block: SmallBlock| {
            sim.oracle.knows(std::slice::from_ref(&block));
            let chain = [sim.chain(12), &[block]].concat();
            sim.peer(name, &chain, Misbehaviour::SilentOn(Protocol::Blocks))
        };
        let (honest, evil) = (holder("H", late), holder("M", kept_back));
        let mut ours = sim.node("O", sim.chain(12));
        ours.start();
        let is_asked = |peer: &Peer| sim.network.requests(&ours.id, &peer.id, Protocol::Blocks) > 0;
        let suspects = || {
            let notes = ours.manager().report().notes.into_iter();
            let suspects = notes.filter(|note| matches!(note, Note::Suspect { .. }));
            suspects.collect::<Vec<_>>()
        };
        sim.connect(&ours.id, [&honest.id]);
        sim.until(MINUTE, "H is asked", || is_asked(&honest)).await;
        let soon = sim.elapsed() + SECOND;
        sim.connect(&ours.id, [&evil.id]);
        let is_followed = || ours.manager().report().target == Some(theirs);
        sim.until(MINUTE, "M is followed, or too late", || {
            is_followed() || !suspects().is_empty()
        })
        .await;
        // H is mute, too: later than that it had its time.
        let in_time = suspects().is_empty() && sim.elapsed() < soon;
        assert!(in_time || !sim.is_calm());
        sim.until(MINUTE, "somebody is suspect", || !suspects().is_empty())
            .await;
        let authority = sim.forge.public(sim.forge.turn(slot.into()));
        assert!(!in_time || suspects() == [Note::Suspect { authority }]);
    });
}
