//! H19: one malicious authority of 4, 5 or 7 under `authority-quorum`. The honest keep all their slots but one in 4a (a
//! authorities), and it is named suspect.

use super::{
    authorities::{
        authorities, by_authorities, highest, kept, lost_to_the_network, next_slot, one_chain,
    },
    *,
};
use futures::future::join_all;
use sp_runtime::traits::{Block, Header as _};
use std::ops::Range;
use sync_component::{
    BlockId,
    ports::{ImportBlocks, Protocol, VerifyHeaders},
    status::Note,
    test_kit::SLOT,
    wire::Attestation,
};

/// The honest authorities, and the malicious one under its peer ids.
pub(super) struct Stage {
    pub(super) nodes: Vec<Node>,
    pub(super) evil: Vec<Peer>,
    thief: usize,
    /// So many attestations has it signed.
    signed: u64,
    /// Whether some node has shown it as suspect.
    named: bool,
}

/// What it does with the bodies of its blocks.
pub(super) const KEEPS: Misbehaviour = Misbehaviour::SilentOn(Protocol::Blocks);
/// The same.
pub(super) const SERVES: Misbehaviour = Misbehaviour::Nothing;

/// All but one of 4, 5 or 7 authorities run and author; the last one's key is in the hands of peers with so many ids.
pub(super) async fn begin(sim: &mut Sim, ids_of_evil: usize) -> Stage {
    begin_with(sim, ids_of_evil, &KEEPS).await
}

/// The same, and the peers misbehave so.
pub(super) async fn begin_with(sim: &mut Sim, ids_of_evil: usize, how: &Misbehaviour) -> Stage {
    let count = [4, 5, 7][usize::try_from(sim.seed % 3).unwrap()];
    begin_among(sim, count, ids_of_evil, how).await
}

/// The same, among so many authorities.
pub(super) async fn begin_among(
    sim: &mut Sim,
    count: usize,
    ids_of_evil: usize,
    how: &Misbehaviour,
) -> Stage {
    by_authorities(sim);
    sim.authorities(count);
    let thief = count - 1;
    let nodes = authorities(sim, &vec![12; thief]);
    let evil = sim.crowd(ids_of_evil, "evil", sim.chain(12), how);
    for node in &nodes {
        sim.connect(&node.id, ids(&evil));
    }
    sim.until(3 * MINUTE, "the first block", || highest(&nodes) > 12)
        .await;
    // Until all have heard all.
    sim.slots(2).await;
    next_slot(sim).await;
    Stage {
        nodes,
        evil,
        thief,
        signed: 0,
        named: false,
    }
}

impl Stage {
    fn count(&self) -> u64 {
        self.thief as u64 + 1
    }

    /// The best chain of the honest.
    fn best(&self) -> Vec<SmallBlock> {
        let best = self.nodes.iter().max_by_key(|node| node.best());
        best.unwrap().chain.blocks()
    }

    /// The best chain of the honest and a block of the malicious authority for the present slot above it, which nobody holds.
    pub(super) fn sealed(&self, sim: &Sim, body: &[u8]) -> Option<Vec<SmallBlock>> {
        let mut chain = self.best();
        let parent = chain.last()?.header().clone();
        let slot = sim.oracle.wall_slot();
        if self.nodes[0]
            .chain
            .slot_of(&parent)
            .is_ok_and(|below| *below >= slot)
        {
            return None;
        }
        let block: SmallBlock = sim.forge.block(&parent, slot.into(), body);
        sim.oracle.knows(std::slice::from_ref(&block));
        chain.push(block);
        Some(chain)
    }

    /// The same, and its peers hold it.
    pub(super) fn seal(&self, sim: &Sim, body: &[u8]) -> Option<Vec<SmallBlock>> {
        let chain = self.sealed(sim, body)?;
        let report = self.evil[0].chain.import(chain.clone());
        assert!(report.failure.is_none(), "{report:?}");
        Some(chain)
    }

    /// The malicious authority's word for `chain`.
    pub(super) fn word(&mut self, sim: &Sim, chain: &[SmallBlock]) -> Attestation<SmallBlock> {
        self.signed += 1;
        sim.attestation(self.thief, sim.oracle.wall_slot(), self.signed, chain)
    }

    /// Its peers push `header` to all of `nodes`, with a word for it; whose answer takes longer than `patience` is not
    /// waited for.
    pub(super) async fn push(
        &self,
        nodes: &[Node],
        header: &<SmallBlock as Block>::Header,
        word: &Attestation<SmallBlock>,
        patience: Duration,
    ) {
        let pushes = self.evil.iter().flat_map(|evil| {
            nodes
                .iter()
                .map(|node| evil.announce_attested(&node.id, header.clone(), word.clone()))
        });
        let _ = tokio::time::timeout(patience, join_all(pushes)).await;
    }

    pub(super) fn turn_to(&self, misbehaviour: &Misbehaviour) {
        for evil in &self.evil {
            evil.turns_to(misbehaviour.clone());
        }
    }

    /// Whether some node shows it as suspect now.
    fn is_named(&self, sim: &Sim) -> bool {
        let authority = sim.forge.public(self.thief);
        self.nodes.iter().any(|node| {
            let shown = node.manager().report().notes;
            shown.contains(&Note::Suspect { authority })
        })
    }

    /// Whether the present slot is the malicious authority's.
    pub(super) fn has_its_turn(&self, sim: &Sim) -> bool {
        sim.forge.turn(sim.oracle.wall_slot().into()) == self.thief
    }

    /// The honest authorities' share of `slots` is on one chain, but for one slot in 4a and what the network itself costs;
    /// the malicious one is suspect as `expected` says, and none of its peers was banned.
    pub(super) async fn ends_well(&self, sim: &Sim, slots: Range<u64>, costs: Costs) {
        self.keeps_its_slots(sim, slots, costs).await;
        self.nobody_is_banned(sim);
    }

    /// The same, whoever was banned.
    pub(super) async fn keeps_its_slots(&self, sim: &Sim, slots: Range<u64>, costs: Costs) {
        sim.until(5 * MINUTE, "one chain that goes on", || {
            let end = self.nodes[0].chain.blocks();
            let last = end.last().unwrap().header().clone();
            let slot = self.nodes[0].chain.slot_of(&last).unwrap();
            one_chain(&self.nodes) && *slot > slots.end
        })
        .await;
        let is_honest = |authority: usize| authority != self.thief;
        let turns = slots
            .clone()
            .filter(|slot| is_honest(sim.forge.turn((*slot).into())));
        let turns = turns.count();
        let kept = kept(sim, &self.nodes[0], slots.clone(), is_honest);
        let lost = turns - kept;
        let in_4a = (slots.end - slots.start).div_ceil(4 * self.count());
        let most = match costs {
            Costs::OneSlotIn4a => usize::try_from(in_4a).unwrap(),
            Costs::Nothing => 0,
        };
        let most = most + lost_to_the_network(sim.link(), turns);
        assert!(
            lost <= most,
            "{} authorities: {lost} of {turns} slots lost, {most} may be",
            self.count()
        );
        match costs {
            Costs::OneSlotIn4a => assert!(self.named, "nobody names the suspect"),
            Costs::Nothing => assert!(!self.named),
        }
    }

    fn nobody_is_banned(&self, sim: &Sim) {
        for evil in &self.evil {
            assert!(self.nodes.iter().all(|node| !refuses(sim, node, &evil.id)));
        }
    }
}

/// What a malicious authority may cost the honest.
#[derive(Clone, Copy)]
pub(super) enum Costs {
    OneSlotIn4a,
    Nothing,
}

/// Plays 12 rounds of slots; `act` is called at the beginning of each slot.
pub(super) async fn play(
    sim: &mut Sim,
    stage: &mut Stage,
    act: impl AsyncFn(&mut Sim, &mut Stage),
) -> Range<u64> {
    play_rounds(sim, stage, 12, act).await
}

/// The same, for so many rounds.
pub(super) async fn play_rounds(
    sim: &mut Sim,
    stage: &mut Stage,
    rounds: u64,
    act: impl AsyncFn(&mut Sim, &mut Stage),
) -> Range<u64> {
    let from = sim.oracle.wall_slot() + 1;
    let slots = rounds * stage.count();
    next_slot(sim).await;
    while sim.oracle.wall_slot() < from + slots {
        act(sim, stage).await;
        next_slot(sim).await;
        stage.named |= stage.is_named(sim);
    }
    from..from + slots
}

#[test]
fn h19_author_that_withholds_bodies_costs_few_slots_and_is_named() {
    run(Setup::chain(12).authorities(10), async |sim| {
        let mut stage = begin(sim, 1).await;
        let slots = play(sim, &mut stage, withhold).await;
        stage.ends_well(sim, slots, Costs::OneSlotIn4a).await;
    });
}

#[test]
fn h19_fifty_peer_ids_for_withheld_bodies_change_nothing() {
    run(Setup::chain(12).authorities(10), async |sim| {
        let mut stage = begin(sim, 50).await;
        let slots = play(sim, &mut stage, withhold).await;
        stage.ends_well(sim, slots, Costs::OneSlotIn4a).await;
    });
}

/// A header on the best block, and its author's word for it; never the body.
pub(super) async fn withhold(sim: &mut Sim, stage: &mut Stage) {
    if stage.has_its_turn(sim)
        && let Some(chain) = stage.seal(sim, b"withheld")
    {
        let word = stage.word(sim, &chain);
        let header = chain.last().unwrap().header();
        stage.push(&stage.nodes, header, &word, 4 * SECOND).await;
    }
}

#[test]
fn h19_bodies_released_just_before_the_next_slot_of_their_author_cost_few_slots() {
    run(Setup::chain(12).authorities(10), async |sim| {
        let mut stage = begin(sim, 1).await;
        let slots = play(sim, &mut stage, async |sim, stage| {
            if stage.has_its_turn(sim) {
                stage.turn_to(&KEEPS);
            }
            withhold(sim, stage).await;
            let next = sim.oracle.wall_slot() + 1;
            if sim.forge.turn(next.into()) == stage.thief {
                // Most of the slot has passed.
                sim.run_for(SLOT.as_duration().mul_f64(0.7)).await;
                stage.turn_to(&SERVES);
                // Whoever has not heard of it by now does.
                let held = stage.evil[0].chain.blocks();
                let word = stage.word(sim, &held);
                let header = held.last().unwrap().header().clone();
                stage.push(&stage.nodes, &header, &word, SECOND).await;
            }
        })
        .await;
        stage.ends_well(sim, slots, Costs::OneSlotIn4a).await;
    });
}

#[test]
fn h19_author_that_alternates_good_and_withheld_blocks_costs_few_slots() {
    run(Setup::chain(12).authorities(10), async |sim| {
        let mut stage = begin(sim, 1).await;
        let slots = play(sim, &mut stage, async |sim, stage| {
            if !stage.has_its_turn(sim) {
                return;
            }
            let round = sim.oracle.wall_slot() / stage.count();
            stage.turn_to(if round % 2 == 0 { &SERVES } else { &KEEPS });
            withhold(sim, stage).await;
        })
        .await;
        stage.ends_well(sim, slots, Costs::OneSlotIn4a).await;
    });
}

#[test]
fn h19_attestation_for_an_invented_tip_just_before_each_slot_has_no_effect() {
    run(Setup::chain(12).authorities(10), async |sim| {
        let mut stage = begin(sim, 1).await;
        let slots = play(sim, &mut stage, async |sim, stage| {
            // It is there just before the next slot begins.
            sim.run_for(SLOT.as_duration().mul_f64(0.9)).await;
            let chain = stage.best();
            let top = chain.last().unwrap().header().clone();
            let salt = u8::try_from(stage.signed % 251).unwrap();
            let invented = BlockId::new(
                top.number() + 1 + u32::from(salt % 3),
                sp_core::H256::repeat_byte(salt),
            );
            let below: Vec<_> = match salt % 2 {
                // On what the others hold, or on nothing that anybody holds.
                0 => chain.iter().rev().take(8).map(SmallBlock::hash).collect(),
                _ => (1..=8).map(sp_core::H256::repeat_byte).collect(),
            };
            stage.signed += 1;
            let (slot, nth) = (sim.oracle.wall_slot(), stage.signed);
            let word = sim.attestation_of(stage.thief, slot, nth, invented, &below);
            stage.evil[0].claims(invented);
            stage.push(&stage.nodes, &top, &word, SECOND / 2).await;
        })
        .await;
        stage.ends_well(sim, slots, Costs::Nothing).await;
    });
}
