#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::{
    Lineage,
    attested::Attester,
    caution::{Caution, Turn},
};
use crate::{
    BlockId,
    headers::{Beyond, VerifiedTip},
    ports::{ImportBlocks, ReadChain, UnixMillis},
    test_kit::{Forge, ReferenceBridge, SLOT, SmallBlock, VirtualClock},
};
use sp_core::{H256, sr25519};
use sp_runtime::traits::Block as BlockT;
use std::sync::Arc;

const AUTHORITIES: usize = 4;
const MOST: u64 = 5;

/// A chain of which these authorities sealed one block each, from genesis.
struct Scene {
    forge: Forge,
    blocks: Vec<SmallBlock>,
    store: ReferenceBridge<SmallBlock>,
    attesters: Vec<Attester<SmallBlock>>,
    unplaced: Vec<(sr25519::Public, BlockId<SmallBlock>)>,
    turn: Turn,
    own: Vec<sr25519::Public>,
    consensus: Option<BlockId<SmallBlock>>,
}

impl Scene {
    fn sealed_by(authors: &[usize]) -> Self {
        let forge = Forge::new(AUTHORITIES);
        let mut blocks: Vec<SmallBlock> = Vec::new();
        let mut slot = 0;
        for author in authors {
            slot += 1;
            while forge.turn(slot.into()) != *author {
                slot += 1;
            }
            let genesis: SmallBlock = Forge::genesis();
            let parent = blocks.last().unwrap_or(&genesis).header().clone();
            blocks.push(forge.block(&parent, slot.into(), b""));
        }
        let clock = VirtualClock::starting_at(UnixMillis(10_000_000));
        Self {
            store: ReferenceBridge::new(&forge, SLOT, MOST, Arc::new(clock)),
            forge,
            blocks,
            attesters: Vec::new(),
            unplaced: Vec::new(),
            turn: Turn::Others,
            own: Vec::new(),
            consensus: None,
        }
    }

    fn id(&self, height: usize) -> BlockId<SmallBlock> {
        let genesis: SmallBlock = Forge::genesis();
        match height.checked_sub(1) {
            None => BlockId::of(genesis.header()),
            Some(at) => BlockId::of(self.blocks[at].header()),
        }
    }

    /// The first so many blocks are stored.
    fn stored(self, height: usize) -> Self {
        let report = self.store.import(self.blocks[..height].to_vec());
        assert!(report.failure.is_none(), "{report:?}");
        self
    }

    /// These authorities attest the chain up to these heights.
    fn attested(mut self, heights: &[(usize, usize)]) -> Self {
        let stored = usize::try_from(self.store.best().number).unwrap();
        let attester = |(authority, height): &(usize, usize)| {
            let above: Vec<_> = (stored + 1..=*height)
                .map(|height| self.id(height))
                .collect();
            let shared = self.id(stored.min(*height));
            Attester {
                authority: self.forge.public(*authority),
                tip: self.id(*height),
                chain: Lineage::leaving(shared, above.into()),
            }
        };
        self.attesters = heights.iter().map(attester).collect();
        self
    }

    /// Up to which height the chain above what is stored is taken.
    fn taken(&self) -> usize {
        let base = self.store.best();
        let stored = usize::try_from(base.number).unwrap();
        let headers = self.blocks[stored..]
            .iter()
            .map(|block| block.header().clone());
        let run = VerifiedTip::new(base, base, headers.collect(), Beyond::Nothing).unwrap();
        let caution = Caution {
            chain: &self.store,
            few: 1,
            own: &self.own,
            attesters: &self.attesters,
            unplaced: &self.unplaced,
            turn: self.turn,
            consensus: self.consensus,
            most: MOST,
        };
        let part = caution.part_of(&run).unwrap();
        if let Some(part) = &part {
            let is_cut = part.tip() != run.tip();
            assert_eq!(part.beyond == Beyond::Unvoted, is_cut);
        }
        part.map_or(stored, |part| usize::try_from(part.tip().number).unwrap())
    }
}

#[test]
fn chain_of_one_is_taken_no_further_than_a_fork_may_heal() {
    assert_eq!(Scene::sealed_by(&[3; 5]).taken(), 5);
    assert_eq!(Scene::sealed_by(&[3; 6]).taken(), 5);
    assert_eq!(Scene::sealed_by(&[3; 40]).taken(), 5);
    assert_eq!(Scene::sealed_by(&[3; 40]).stored(5).taken(), 5);
}

#[test]
fn chain_of_one_goes_on_with_the_consensus_block() {
    let mut scene = Scene::sealed_by(&[3; 40]).stored(5);
    for (consensus, taken) in [(0, 5), (3, 8), (5, 10), (20, 25), (38, 40)] {
        scene.consensus = Some(scene.id(consensus));
        assert_eq!(scene.taken(), taken, "{consensus}");
    }
}

#[test]
fn consensus_block_of_another_chain_says_nothing() {
    let mut scene = Scene::sealed_by(&[3; 40]).stored(5);
    scene.consensus = Some(BlockId::new(20, H256::repeat_byte(9)));
    assert_eq!(scene.taken(), 5);
}

#[test]
fn what_one_holds_who_is_not_faulty_is_taken() {
    let scene = |heights: &[(usize, usize)]| Scene::sealed_by(&[3; 40]).attested(heights);
    assert_eq!(scene(&[(3, 40)]).taken(), 5, "one may be faulty");
    assert_eq!(scene(&[(3, 40), (0, 12)]).taken(), 12);
    assert_eq!(scene(&[(3, 40), (0, 40)]).taken(), 40);
}

#[test]
fn chain_of_more_than_may_be_faulty_is_taken_whole() {
    assert_eq!(Scene::sealed_by(&[3, 3, 3, 3, 3, 3, 3, 3, 1]).taken(), 9);
    assert_eq!(Scene::sealed_by(&[0, 1, 2, 3].repeat(10)).taken(), 40);
}

#[test]
fn only_the_end_that_is_of_one_counts_stored_or_not() {
    let authors = [[0, 1, 2].as_slice(), &[3; 20]].concat();
    assert_eq!(Scene::sealed_by(&authors).taken(), 8);
    for stored in [3, 6, 8] {
        assert_eq!(Scene::sealed_by(&authors).stored(stored).taken(), 8);
    }
}

#[test]
fn our_own_chain_is_taken_whole() {
    let mut scene = Scene::sealed_by(&[3; 40]);
    scene.own = vec![scene.forge.public(3)];
    assert_eq!(scene.taken(), 40);
}

#[test]
fn one_goes_ahead_in_its_turn_unless_another_chain_is_attested() {
    let scene = |heights: &[(usize, usize)]| {
        let mut scene = Scene::sealed_by(&[3; 40]).attested(heights);
        scene.turn = Turn::Ours;
        scene.consensus = Some(scene.id(0));
        scene
    };
    assert_eq!(scene(&[]).taken(), 40);
    let mut alone = scene(&[]);
    alone.consensus = None;
    assert_eq!(alone.taken(), 5, "too few voters are heard");
    assert_eq!(scene(&[(0, 5), (1, 20), (3, 40)]).taken(), 40);
    let attests = |authority, height| {
        let mut scene = scene(&[]);
        let other = BlockId::new(height, H256::repeat_byte(9));
        scene.unplaced = vec![(scene.forge.public(authority), other)];
        scene
    };
    assert_eq!(attests(1, 6).taken(), 5);
    assert_eq!(attests(1, 5).taken(), 40, "it can still come over");
    assert_eq!(attests(3, 30).taken(), 40, "whoever sealed it all");
}
