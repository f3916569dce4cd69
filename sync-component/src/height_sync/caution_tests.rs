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
    few: usize,
    turn: Turn,
    own: Vec<sr25519::Public>,
    consensus: Option<BlockId<SmallBlock>>,
}

impl Scene {
    fn sealed_by(authors: &[usize]) -> Self {
        Self::among(AUTHORITIES, authors)
    }

    fn among(authorities: usize, authors: &[usize]) -> Self {
        let forge = Forge::new(authorities);
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
            few: 1,
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
            few: self.few,
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
            let is_cut = part.tip() != run.tip();
            assert_eq!(part.beyond == Beyond::Unvoted, is_cut);
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
fn our_own_chain_is_taken_whole() {
    let mut scene = Scene::sealed_by(&[3; 40]);
    scene.own = vec![scene.forge.public(3)];
    assert_eq!(scene.taken(), 40);
}

/// All have the first five of forty blocks of one, and it is our turn.
fn in_turn(heights: &[(usize, usize)]) -> Scene {
    let mut scene = Scene::sealed_by(&[3; 40]).stored(5).attested(heights);
    scene.turn = Turn::Ours;
    scene.consensus = Some(scene.id(0));
    scene
}

impl Scene {
    /// This one is on a chain that leaves ours, as far as it is known, at `shared`.
    fn left_by(mut self, authority: usize, shared: usize, known: usize, tip: u32) -> Self {
        let other = |height: u32| BlockId::new(height, H256::repeat_byte(9));
        let above = (shared + 1..=shared + known).map(|height| other(height.try_into().unwrap()));
        self.attesters.push(Attester {
            authority: self.forge.public(authority),
            tip: other(tip),
            chain: Lineage::leaving(self.id(shared), above.collect()),
        });
        self
    }
}

#[test]
fn one_goes_ahead_in_its_turn_once_it_has_what_all_take() {
    assert_eq!(in_turn(&[]).taken(), 40);
    assert_eq!(in_turn(&[(0, 5), (3, 40)]).taken(), 40);
    let mut early = Scene::sealed_by(&[3; 40]);
    (early.turn, early.consensus) = (Turn::Ours, Some(early.id(0)));
    assert_eq!(early.taken(), 5);
    let more = in_turn(&[(0, 5), (1, 20), (3, 40)]);
    assert_eq!(more.taken(), 20, "one who is not faulty has them");
    let mut alone = in_turn(&[]);
    alone.consensus = None;
    assert_eq!(alone.taken(), 5, "too few voters are heard");
    let mut further = in_turn(&[(0, 40)]);
    further.blocks.truncate(30);
    assert_eq!(further.taken(), 30, "it is on the same chain");
}

#[test]
fn whoever_attests_another_chain_keeps_us_from_going_ahead() {
    let taken = |scene: Scene| scene.taken();
    assert_eq!(taken(in_turn(&[]).left_by(1, 0, 2, 2)), 5, "votes may move");
    assert_eq!(taken(in_turn(&[]).left_by(3, 0, 2, 2)), 40, "its author");
    let mut own = in_turn(&[]).left_by(1, 0, 2, 2);
    own.own = vec![own.forge.public(1)];
    assert_eq!(own.taken(), 40, "we ourselves");
    let fallback = in_turn(&[]).left_by(1, 0, 0, 30);
    assert_eq!(fallback.taken(), 5, "it leaves ours nobody knows where");
    let partly = in_turn(&[]).left_by(1, 5, 0, 60);
    assert_eq!(partly.taken(), 5, "it goes on nobody knows where to");
}

/// Whoever has more than all take cannot come back; nobody would ever move again.
#[test]
fn who_has_gone_ahead_is_followed_by_those_who_can_still_come_over() {
    let taken = |scene: Scene| scene.taken();
    assert_eq!(taken(in_turn(&[(2, 20)]).left_by(1, 0, 5, 5)), 40);
    assert_eq!(taken(in_turn(&[(2, 5)]).left_by(1, 0, 5, 5)), 5);
    assert_eq!(taken(in_turn(&[(2, 20)]).left_by(1, 0, 6, 6)), 5);
    assert_eq!(taken(in_turn(&[(3, 20)]).left_by(1, 0, 5, 5)), 5, "author");
    let unplaced = |height| {
        let mut scene = in_turn(&[(2, 20)]);
        let other = BlockId::new(height, H256::repeat_byte(9));
        scene.unplaced = vec![(scene.forge.public(1), other)];
        scene.taken()
    };
    assert_eq!((unplaced(5), unplaced(6)), (40, 5));
}

/// Two may be faulty. One of them built on a block of somebody else who went ahead, and which is among those that few sealed.
#[test]
fn author_of_what_is_stored_counts_among_those_who_have_gone_ahead() {
    let authors = [&[0], [6; 39].as_slice()].concat();
    let mut scene = Scene::among(7, &authors).stored(5).attested(&[(0, 20)]);
    (scene.few, scene.turn) = (2, Turn::Ours);
    scene.consensus = Some(scene.id(0));
    assert_eq!(scene.left_by(1, 0, 5, 5).taken(), 40);
}

#[test]
fn session_that_goes_ahead_is_known_by_its_first_block_that_others_do_not_take() {
    let scene = in_turn(&[]);
    let run = scene.run(Beyond::Nothing);
    let kept_back = scene.kept_back(&run).unwrap();
    assert_eq!(kept_back.goes_ahead(&run), Some(scene.id(6)));
    let other = Scene::sealed_by(&[2; 40]).run(Beyond::Nothing);
    assert_eq!(kept_back.goes_ahead(&other), None, "of another chain");
    let early = Scene::sealed_by(&[3; 40]);
    let run = early.run(Beyond::Nothing);
    assert_eq!(early.kept_back(&run).unwrap().goes_ahead(&run), None);
}
