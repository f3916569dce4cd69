//! The real bridge and the test kit's reference do the same with the same blocks: what simulated networks show of the one
//! holds for the other.

use crate::support::{Block, Bridge, Call, Id, Maker, id, in_memory, reseal};
use proptest::prelude::*;
use runtime_bridge::verify::slot_of;
use sp_consensus_aura::SlotDuration;
use sp_core::{Pair as _, sr25519};
use sp_runtime::{OpaqueExtrinsic, traits::Block as _};
use std::sync::Arc;
use sync_component::{
    ports::{
        BlockFault, HeaderFault, ImportBlocks, ImportError, ReadChain, SystemClock, VerifyHeaders,
        Vote, VoteStanding,
    },
    test_kit::{Forge, ReferenceBridge},
};

/// What is wrong with a block that is made.
#[derive(Clone, Copy, Debug)]
enum Flaw {
    BadSeal,
    /// Sealed by a key that is no authority's, so that it is one on a chain of a single authority too.
    OtherAuthority,
    OtherBody,
    WrongStateRoot,
    SlotTooLow,
    WrongNumber,
}

#[derive(Clone, Debug)]
enum Step {
    /// Blocks on a block that was made before, in slots so far apart; the last one with a flaw.
    Grow(prop::sample::Index, Vec<u64>, Option<Flaw>),
    /// The blocks of an earlier run once more, all or some.
    Again(prop::sample::Index, prop::sample::Index),
    /// An own block on the best one, and the best one as the gate saw it one step earlier.
    Author,
    /// With a block so far below the best one that the voters hold, and with one that outvotes the best one.
    Vote(VoteStanding, Option<u32>, Option<prop::sample::Index>),
}

fn step() -> impl Strategy<Value = Step> {
    let flaw = prop_oneof![
        Just(Flaw::BadSeal),
        Just(Flaw::OtherAuthority),
        Just(Flaw::OtherBody),
        Just(Flaw::WrongStateRoot),
        Just(Flaw::SlotTooLow),
        Just(Flaw::WrongNumber),
    ];
    let vote = prop_oneof![Just(VoteStanding::WithUs), Just(VoteStanding::NotWithUs)];
    let index = any::<prop::sample::Index>;
    prop_oneof![
        6 => (index(), prop::collection::vec(1_u64..4, 1..6), prop::option::weighted(0.2, flaw))
            .prop_map(|(at, slots, flaw)| Step::Grow(at, slots, flaw)),
        2 => (index(), index()).prop_map(|(run, from)| Step::Again(run, from)),
        1 => Just(Step::Author),
        1 => (vote, prop::option::of(0_u32..6), prop::option::of(index()))
            .prop_map(|(standing, below, by)| Step::Vote(standing, below, by)),
    ]
}

/// Both chains, and what was made so far.
struct Pair {
    maker: Maker,
    real: Bridge,
    reference: ReferenceBridge<Block>,
    places: Vec<(Id, u64)>,
    runs: Vec<Vec<Block>>,
}

impl Pair {
    fn new(authorities: u64, max_reorg: u64) -> Self {
        let real = in_memory(authorities, max_reorg);
        let genesis = real.block(real.genesis_hash()).unwrap().unwrap();
        let forge = Forge::new(usize::try_from(authorities).unwrap());
        let slot: SlotDuration = real.slot_duration();
        let clock = Arc::new(SystemClock::new());
        let maker = Maker::new(authorities);
        Self {
            places: vec![(maker.genesis(), 0)],
            reference: ReferenceBridge::on(&genesis, &forge, slot, max_reorg, clock),
            maker,
            real,
            runs: Vec::new(),
        }
    }

    fn do_step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Grow(at, steps, flaw) => {
                let (parent, mut slot) = self.places[at.index(self.places.len())];
                let slots = steps.iter().map(|step| {
                    slot += step;
                    slot
                });
                let mut run = self.maker.run(parent, slots);
                let placed = run
                    .iter()
                    .map(|block| (id(block), *slot_of(&block.header).unwrap()));
                self.places.extend(placed);
                if let Some(flaw) = flaw {
                    let last = run.pop().expect("a run has a block for each slot");
                    run.push(self.spoil(last, *flaw));
                }
                self.runs.push(run.clone());
                self.import(&run)
            }
            Step::Again(run, from) => {
                let Some(count) = self.runs.len().checked_sub(1) else {
                    return Ok(());
                };
                let run = self.runs[run.index(count + 1)].clone();
                let from = from.index(run.len());
                self.import(&run[from..])
            }
            Step::Author => self.author(),
            Step::Vote(standing, below, by) => {
                let held = below.and_then(|below| {
                    let number = self.real.best().number.saturating_sub(below);
                    let hash = self.real.canonical_hash(number).unwrap()?;
                    Some(sync_component::BlockId::new(number, hash))
                });
                let vote = Vote {
                    standing: *standing,
                    held,
                    outvoted_by: by.map(|by| self.places[by.index(self.places.len())].0),
                };
                self.real.set_vote(vote).unwrap();
                self.reference.set_vote(vote).unwrap();
                Ok(())
            }
        }
    }

    fn spoil(&self, mut block: Block, flaw: Flaw) -> Block {
        let slot = *slot_of(&block.header).unwrap();
        match flaw {
            Flaw::BadSeal => {
                let mut digest = block.header.digest.clone();
                digest.logs.pop();
                digest.push(sp_runtime::DigestItem::Seal(*b"aura", vec![7; 64]));
                block.header.digest = digest;
            }
            Flaw::OtherAuthority => block = reseal(block, &stranger()),
            Flaw::OtherBody => {
                block.extrinsics.push(OpaqueExtrinsic::from(Call::Clear(3)));
            }
            Flaw::WrongStateRoot => {
                block.header.state_root = sp_core::H256::repeat_byte(9);
                block = reseal(block, self.maker.key(slot));
                self.reference.refuse_in_execution(block.hash());
            }
            Flaw::SlotTooLow => {
                let low = sp_consensus_aura::Slot::from(0);
                let item = sp_consensus_aura::digests::CompatibleDigestItem::<
                    sp_consensus_aura::sr25519::AuthoritySignature,
                >::aura_pre_digest(low);
                block.header.digest.logs[0] = item;
                block = reseal(block, self.maker.key(0));
                // Any slot follows genesis; the body then names another one.
                self.reference.refuse_in_execution(block.hash());
            }
            Flaw::WrongNumber => {
                block.header.number += 1;
                block = reseal(block, self.maker.key(slot));
            }
        }
        block
    }

    fn import(&self, run: &[Block]) -> Result<(), TestCaseError> {
        let real = self.real.import(run.to_vec());
        let reference = self.reference.import(run.to_vec());
        prop_assert_eq!(
            real.stored,
            reference.stored,
            "{:?} and {:?}",
            real,
            reference
        );
        prop_assert_eq!(
            real.failure.as_ref().map(kind),
            reference.failure.as_ref().map(kind)
        );
        Ok(())
    }

    /// A cleared parent that is still the best block, and one that is not.
    fn author(&mut self) -> Result<(), TestCaseError> {
        let best = self.real.best();
        let slot = self
            .places
            .iter()
            .find(|(id, _)| *id == best)
            .map_or(0, |(_, slot)| *slot);
        let block = self.maker.block(best, slot + 1, &[]);
        self.places.push((id(&block), slot + 1));
        let stale = Id::new(best.number, sp_core::H256::repeat_byte(3));
        for cleared in [stale, best] {
            let real = self.real.import_own(block.clone(), cleared);
            let reference = self.reference.import_own(&block, cleared);
            prop_assert_eq!(
                real.as_ref().err().map(kind),
                reference.as_ref().err().map(kind)
            );
        }
        Ok(())
    }

    fn compare(&self) -> Result<(), TestCaseError> {
        let (real, reference) = (&self.real, &self.reference);
        prop_assert_eq!(real.best(), reference.best());
        prop_assert_eq!(real.finalized(), reference.finalized());
        for number in 0..=real.best().number + 1 {
            let of_both = [
                real.canonical_hash(number),
                reference.canonical_hash(number),
            ];
            let [of_real, of_reference] = of_both.map(Result::unwrap);
            prop_assert_eq!(of_real, of_reference, "at {}", number);
        }
        for block in self.runs.iter().flatten() {
            let of_both = [
                real.presence(block.hash()),
                reference.presence(block.hash()),
            ];
            let [of_real, of_reference] = of_both.map(Result::unwrap);
            prop_assert_eq!(of_real, of_reference, "{:?}", id(block));
        }
        Ok(())
    }
}

fn stranger() -> sr25519::Pair {
    sr25519::Pair::from_string("//stranger", None).unwrap()
}

/// What an import failed of, as far as both can tell.
fn kind(error: &ImportError<Block>) -> &'static str {
    match error {
        ImportError::UnknownParent { .. } => "unknown parent",
        ImportError::AgainstFinal { .. } => "against the final block",
        ImportError::ClearanceLost { .. } => "clearance lost",
        ImportError::Local(_) => "local",
        ImportError::Invalid { fault, .. } => match fault {
            BlockFault::Header(HeaderFault::BadSeal) => "bad seal",
            BlockFault::Header(HeaderFault::SlotNotRising { .. }) => "slot not rising",
            BlockFault::Header(HeaderFault::BrokenLink) => "broken link",
            BlockFault::Header(_) => "another fault of the header",
            BlockFault::WrongExtrinsicsRoot => "another body",
            BlockFault::TooLarge { .. } | BlockFault::BadSignature { .. } => "a fault of the body",
            BlockFault::Execution { .. } | BlockFault::WrongStateRoot => "execution",
        },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn reference_and_real_bridge_do_the_same(
        steps in prop::collection::vec(step(), 1..24),
        max_reorg in 0_u64..6,
        authorities in 1_u64..6,
    ) {
        let mut pair = Pair::new(authorities, max_reorg);
        for step in &steps {
            pair.do_step(step)?;
            pair.compare()?;
        }
    }
}
