#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::{
    Lineage,
    attested::Attester,
    caution::{Caution, KeptBack, Turn},
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
const SPARE: u64 = 1;

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
                chain: Lineage::leaving(shared, above.into()),
            }
        };
        self.attesters = heights.iter().map(attester).collect();
        self
    }

    /// The chain above what is stored.
    fn run(&self, beyond: Beyond) -> VerifiedTip<SmallBlock> {
        let base = self.store.best();
        let stored = usize::try_from(base.number).unwrap();
        let headers = self.blocks[stored..]
            .iter()
            .map(|block| block.header().clone());
        VerifiedTip::new(base, base, headers.collect(), beyond).unwrap()
    }

    fn kept_back(&self, run: &VerifiedTip<SmallBlock>) -> Option<KeptBack<SmallBlock>> {
        let caution = Caution {
            chain: &self.store,
            few: 1,
            own: &self.own,
            attesters: &self.attesters,
            unplaced: &self.unplaced,
            turn: self.turn,
            consensus: self.consensus,
            most: MOST,
            spare: SPARE,
        };
        caution.kept_back(run).unwrap()
    }

    /// Up to which height the chain above what is stored is taken.
    fn taken(&self) -> usize {
        let run = self.run(Beyond::Nothing);
        let Some(kept_back) = self.kept_back(&run) else {
            return self.blocks.len();
        };
        let part = kept_back.part();
        if let Some(part) = &part {
            assert_eq!(part.beyond, Beyond::Unvoted);
        }
        let end = part.map_or(run.base, |part| part.tip());
        usize::try_from(end.number).unwrap()
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
    assert_eq!(
        Scene::sealed_by(&authors).taken(),
        5,
        "five may be taken back"
    );
    let authors = [[0, 1, 2, 0, 1, 2, 0].as_slice(), &[3; 20]].concat();
    assert_eq!(Scene::sealed_by(&authors).taken(), 8);
    for stored in [3, 7, 8] {
        assert_eq!(Scene::sealed_by(&authors).stored(stored).taken(), 8);
    }
}

#[test]
fn what_is_taken_of_a_window_goes_on_unless_few_sealed_all_of_it() {
    let part_of = |scene: &Scene| {
        let part = scene.kept_back(&scene.run(Beyond::Claimed)).unwrap().part();
        part.map(|part| (part.tip().number, part.beyond)).unwrap()
    };
    let authors = [[0, 1, 2].repeat(4).as_slice(), &[3; 20]].concat();
    let window = Scene::sealed_by(&authors);
    assert_eq!(part_of(&window), (13, Beyond::Claimed));
    let few = Scene::sealed_by(&authors).stored(12);
    assert_eq!(part_of(&few), (13, Beyond::Unvoted));
}

#[test]
fn what_was_begun_ends_unless_more_than_is_taken_is_stored() {
    let scene = Scene::sealed_by(&[3; 40]).stored(3);
    let run = scene.run(Beyond::Nothing);
    let kept_back = scene.kept_back(&run).unwrap();
    for (end, best, forbids) in [
        (40, 3, true),
        (40, 5, true),
        (40, 6, false),
        (6, 5, true),
        (5, 3, false),
    ] {
        let fetching = run.first(end - 3).unwrap();
        assert_eq!(kept_back.forbids(&fetching, best), forbids, "{end}, {best}");
    }
    let other = Scene::sealed_by(&[2; 40]).run(Beyond::Nothing);
    assert!(!kept_back.forbids(&other, 3), "of another chain");
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
    let mut further = scene(&[(0, 40)]);
    further.blocks.truncate(30);
    assert_eq!(further.taken(), 30, "it is on the same chain");
    let left_by = |authority: usize, shared: usize, above: usize| {
        let mut scene = scene(&[]);
        let other: Vec<_> = (shared + 1..=shared + above)
            .map(|height| BlockId::new(u32::try_from(height).unwrap(), H256::repeat_byte(9)))
            .collect();
        scene.attesters = vec![Attester {
            authority: scene.forge.public(authority),
            chain: Lineage::leaving(scene.id(shared), other.into()),
        }];
        scene
    };
    assert_eq!(
        left_by(1, 0, 2).taken(),
        5,
        "the votes may yet go over to it"
    );
    assert_eq!(left_by(3, 0, 2).taken(), 40, "whoever sealed it all");
    let attests = |authority, height| {
        let mut scene = scene(&[]);
        let other = BlockId::new(height, H256::repeat_byte(9));
        scene.unplaced = vec![(scene.forge.public(authority), other)];
        scene
    };
    assert_eq!(attests(1, 6).taken(), 5);
    assert_eq!(attests(1, 1).taken(), 5, "the votes may yet go over to it");
    assert_eq!(
        attests(1, 0).taken(),
        40,
        "nothing is there but what all have"
    );
    assert_eq!(attests(3, 30).taken(), 40, "whoever sealed it all");
}
