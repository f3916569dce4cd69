mod choice;
mod snapshot;

use super::{
    TestBlock,
    forge::{Forge, extrinsics_root},
    time::Effort,
};
use crate::{
    BlockId,
    block_id::{height_of, number},
    ports::{
        BlockFault, BridgeError, BuildSnapshots, ChainEvent, CheckReport, CheckedBlocks, Clock,
        HeaderFault, HeaderRejected, ImportBlocks, ImportError, ImportReport, NoSnapshots,
        Presence, ReadChain, ServeStates, UnixMillis, VerifyHeaders, Vote, VoteStanding,
    },
};
use codec::Encode;
use snapshot::Shot;
use sp_consensus_aura::{
    Slot, SlotDuration,
    digests::CompatibleDigestItem,
    sr25519::{AuthorityId, AuthoritySignature},
};
use sp_core::{Pair, sr25519};
use sp_runtime::traits::{BlakeTwo256, Block as BlockT, Hash as _, Header as HeaderT, NumberFor};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::broadcast;

/// A small chain in memory: the block rules that need no state, the fork choice and the finality of SPEC section 1,
/// written as plainly as they can be. A differential test holds it to the real bridge.
#[derive(Debug)]
pub struct ReferenceBridge<B: BlockT> {
    state: Mutex<State<B>>,
    forge: Forge,
    authorities: Vec<AuthorityId>,
    slot_duration: SlotDuration,
    drift: Duration,
    max_reorg: u64,
    clock: Arc<dyn Clock>,
    genesis: BlockId<B>,
    events: broadcast::Sender<ChainEvent<B>>,
    effort: Effort,
}

#[derive(Debug)]
struct State<B: BlockT> {
    blocks: BTreeMap<B::Hash, B>,
    canonical: Vec<B::Hash>,
    leaves: Vec<BlockId<B>>,
    /// The final block and all that build on it.
    live: BTreeSet<BlockId<B>>,
    finalized: BlockId<B>,
    vote: Vote<B>,
    heed: Heed,
    health: Health,
    /// Blocks that fail in execution.
    refused: BTreeSet<B::Hash>,
    /// Blocks of which the store cannot tell.
    unreadable: BTreeSet<B::Hash>,
    /// Blocks of which only the header is stored.
    bare: BTreeSet<B::Hash>,
    shot: Shot<B>,
}

/// Whether the fork choice heeds the vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heed {
    Votes,
    Nothing,
}

/// Whether the store works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Working,
    Broken,
}

impl<B: TestBlock> ReferenceBridge<B> {
    /// A chain with only the test kit's genesis.
    pub fn new(
        forge: &Forge,
        slot_duration: SlotDuration,
        max_reorg: u64,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self::on(&Forge::genesis(), forge, slot_duration, max_reorg, clock)
    }

    /// A chain with only block 0, which is `block`.
    pub fn on(
        block: &B,
        forge: &Forge,
        slot_duration: SlotDuration,
        max_reorg: u64,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let genesis = BlockId::of(block.header());
        let state = State {
            blocks: BTreeMap::from([(genesis.hash, block.clone())]),
            canonical: vec![genesis.hash],
            leaves: vec![genesis],
            live: BTreeSet::from([genesis]),
            finalized: genesis,
            vote: VoteStanding::NotWithUs.into(),
            heed: Heed::Votes,
            health: Health::Working,
            refused: BTreeSet::new(),
            unreadable: BTreeSet::new(),
            bare: BTreeSet::new(),
            shot: Shot::default(),
        };
        Self {
            state: Mutex::new(state),
            forge: forge.clone(),
            authorities: forge.authorities(),
            slot_duration,
            drift: Duration::from_millis(500),
            max_reorg,
            clock,
            genesis,
            events: broadcast::Sender::new(4_096),
            effort: Effort::default(),
        }
    }
}

/// What a broken reference store says.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the test broke this store")]
struct BrokenByTest;

impl<B: BlockT> State<B> {
    fn check_readable(&self, block: B::Hash) -> Result<(), BridgeError> {
        if self.unreadable.contains(&block) {
            return Err(BridgeError::new(BrokenByTest));
        }
        Ok(())
    }
}

impl<B: BlockT> ReferenceBridge<B> {
    fn state(&self) -> MutexGuard<'_, State<B>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on every import fails as a full disk would make it.
    pub fn break_store(&self) {
        self.state().health = Health::Broken;
    }

    /// Takes back [`ReferenceBridge::break_store`].
    pub fn repair_store(&self) {
        self.state().health = Health::Working;
    }

    /// From now on the longest chain is the best one, whatever is told of the vote.
    pub fn follow_the_longest(&self) {
        let mut state = self.state();
        state.heed = Heed::Nothing;
        state.vote = VoteStanding::NotWithUs.into();
        self.choose(&mut state);
    }

    /// From now on this block fails in execution.
    pub fn refuse_in_execution(&self, block: B::Hash) {
        self.state().refused.insert(block);
    }

    /// From now on nobody can tell whether this block is stored, nor read it, as on a damaged disk.
    pub fn make_unreadable(&self, block: B::Hash) {
        self.state().unreadable.insert(block);
    }

    /// Where the work of imports is counted, for an executor that charges virtual time for it.
    pub fn effort(&self) -> &Effort {
        &self.effort
    }

    /// Imports a block of our own if the best block is still `cleared`, as the real bridge does.
    pub fn import_own(&self, block: &B, cleared: BlockId<B>) -> Result<(), ImportError<B>> {
        let mut state = self.state();
        let best = state.best();
        if best != cleared {
            return Err(ImportError::ClearanceLost { cleared, best });
        }
        let stored = self.store_one(&mut state, block);
        self.choose(&mut state);
        stored
    }

    /// A store that was wiped: only genesis is left.
    pub fn wipe(&self) {
        let mut state = self.state();
        let genesis = self.genesis;
        state.blocks.retain(|hash, _| *hash == genesis.hash);
        state.canonical = vec![genesis.hash];
        state.leaves = vec![genesis];
        state.live = BTreeSet::from([genesis]);
        state.finalized = genesis;
        state.vote = VoteStanding::NotWithUs.into();
        state.bare.clear();
        state.shot = Shot::default();
    }

    /// The blocks of the best chain, genesis left out.
    pub fn blocks(&self) -> Vec<B> {
        let state = self.state();
        let above_genesis = state.canonical.iter().skip(1);
        above_genesis
            .filter_map(|hash| state.blocks.get(hash).cloned())
            .collect()
    }

    /// The index of the authority whose turn `slot` is.
    fn turn(&self, slot: Slot) -> usize {
        usize::try_from(*slot % self.authorities.len() as u64).expect("below a usize")
    }

    fn check_header(
        &self,
        parent: &B::Header,
        header: &B::Header,
        authorities: &[AuthorityId],
        now: UnixMillis,
    ) -> Result<(), HeaderFault> {
        let next = height_of::<B>(parent) + 1;
        if *header.parent_hash() != parent.hash() || *header.number() != number::<B>(next) {
            return Err(HeaderFault::BrokenLink);
        }
        let slot = self.slot_of(header)?;
        if self
            .slot_of(parent)
            .is_ok_and(|parent_slot| slot <= parent_slot)
        {
            return Err(HeaderFault::SlotNotRising { slot });
        }
        let author = authorities.get(self.turn(slot)).expect("a remainder");
        check_seal::<B>(header, author)?;
        let start = u128::from(*slot) * u128::from(self.slot_duration.as_millis());
        if start > u128::from(now.0) + self.drift.as_millis() {
            return Err(HeaderFault::FromFuture { slot });
        }
        Ok(())
    }

    fn store_one(&self, state: &mut State<B>, block: &B) -> Result<(), ImportError<B>> {
        let id = BlockId::of(block.header());
        if state.health == Health::Broken {
            return Err(BridgeError::new(BrokenByTest).into());
        }
        if state.blocks.contains_key(&id.hash) {
            return Ok(());
        }
        let finalized = state.finalized;
        if id.number <= finalized.number {
            return Err(ImportError::AgainstFinal { id, finalized });
        }
        let parent = state
            .blocks
            .get(block.header().parent_hash())
            .ok_or(ImportError::UnknownParent { id })?;
        if !state.live.contains(&BlockId::of(parent.header())) {
            return Err(ImportError::AgainstFinal { id, finalized });
        }
        self.effort.add_block();
        let invalid = |fault: BlockFault| ImportError::Invalid { id, fault };
        let height = height_of::<B>(parent.header());
        let authorities = self.forge.authorities_above(height);
        let now = self.clock.wall();
        self.check_header(parent.header(), block.header(), &authorities, now)
            .map_err(|fault| invalid(fault.into()))?;
        if extrinsics_root::<B>(block.extrinsics()) != *block.header().extrinsics_root() {
            return Err(invalid(BlockFault::WrongExtrinsicsRoot));
        }
        if state.refused.contains(&id.hash) {
            return Err(invalid(BlockFault::Execution {
                reason: "the test wants it to fail".to_owned(),
            }));
        }
        let parent = *block.header().parent_hash();
        state.leaves.retain(|leaf| leaf.hash != parent);
        state.leaves.push(id);
        state.live.insert(id);
        state.blocks.insert(id.hash, block.clone());
        Ok(())
    }
}

fn check_seal<B: BlockT>(header: &B::Header, author: &AuthorityId) -> Result<(), HeaderFault> {
    let mut unsealed = header.clone();
    let seal: Option<AuthoritySignature> = unsealed
        .digest_mut()
        .pop()
        .and_then(|item| item.as_aura_seal());
    let seal = seal.ok_or(HeaderFault::BadDigest)?;
    if is_good_seal(&seal, unsealed.hash().as_ref(), author.as_ref()) {
        Ok(())
    } else {
        Err(HeaderFault::BadSeal)
    }
}

/// Verifies a seal, and remembers the good ones: simulated networks see each header many times.
fn is_good_seal(seal: &AuthoritySignature, message: &[u8], author: &sr25519::Public) -> bool {
    static GOOD: Mutex<BTreeSet<[u8; 32]>> = Mutex::new(BTreeSet::new());
    let key = BlakeTwo256::hash(&(seal, message, author).encode()).0;
    let known = || GOOD.lock().unwrap_or_else(PoisonError::into_inner);
    if known().contains(&key) {
        return true;
    }
    let is_good = sr25519::Pair::verify(seal.as_ref(), message, author);
    if is_good {
        known().insert(key);
    }
    is_good
}

impl<B: BlockT> ReadChain<B> for ReferenceBridge<B> {
    fn genesis_hash(&self) -> B::Hash {
        self.genesis.hash
    }

    fn best(&self) -> BlockId<B> {
        self.state().best()
    }

    fn finalized(&self) -> BlockId<B> {
        self.state().finalized
    }

    fn lowest_served(&self) -> NumberFor<B> {
        let base = self.state().shot.base();
        base.map_or(self.genesis.number, |base| base.number)
    }

    fn canonical_hash(&self, number: NumberFor<B>) -> Result<Option<B::Hash>, BridgeError> {
        Ok(self
            .state()
            .canonical_at(crate::block_id::height::<B>(number)))
    }

    fn header(&self, hash: B::Hash) -> Result<Option<B::Header>, BridgeError> {
        let state = self.state();
        state.check_readable(hash)?;
        let stored = state.blocks.get(&hash);
        let stored = stored.map(|block| block.header().clone());
        Ok(stored.or_else(|| state.shot.header(hash)))
    }

    fn block(&self, hash: B::Hash) -> Result<Option<B>, BridgeError> {
        let state = self.state();
        let block = state.blocks.get(&hash);
        Ok(block.filter(|_| !state.bare.contains(&hash)).cloned())
    }

    fn presence(&self, hash: B::Hash) -> Result<Presence, BridgeError> {
        let state = self.state();
        state.check_readable(hash)?;
        let Some(block) = state.blocks.get(&hash) else {
            return Ok(Presence::Absent);
        };
        let height = height_of::<B>(block.header());
        let canonical = state.canonical_at(height) == Some(hash);
        Ok(if canonical {
            Presence::Canonical
        } else {
            Presence::Fork
        })
    }

    fn events(&self) -> broadcast::Receiver<ChainEvent<B>> {
        self.events.subscribe()
    }

    fn states(&self) -> Option<&dyn ServeStates<B>> {
        Some(self)
    }
}

impl<B: BlockT> VerifyHeaders<B> for ReferenceBridge<B> {
    fn slot_duration(&self) -> SlotDuration {
        self.slot_duration
    }

    fn slot_of(&self, header: &B::Header) -> Result<Slot, HeaderFault> {
        let slot =
            header.digest().logs().iter().find_map(|item| {
                CompatibleDigestItem::<AuthoritySignature>::as_aura_pre_digest(item)
            });
        slot.ok_or(HeaderFault::BadDigest)
    }

    fn authorities_at(&self, parent: B::Hash) -> Result<Vec<AuthorityId>, BridgeError> {
        let state = self.state();
        let block = state.blocks.get(&parent);
        let height = block.map_or(0, |block| height_of::<B>(block.header()));
        Ok(self.forge.authorities_above(height))
    }

    fn verify_headers(
        &self,
        base: BlockId<B>,
        parent: &B::Header,
        headers: &[B::Header],
        now: UnixMillis,
    ) -> Result<(), HeaderRejected> {
        let authorities = self.forge.authorities_above(base.height());
        let mut parent = parent;
        for (index, header) in headers.iter().enumerate() {
            let checked = self.check_header(parent, header, &authorities, now);
            let checked = checked.map_err(|fault| match fault {
                HeaderFault::BadSeal if self.forge.rotates() && parent.hash() != base.hash => {
                    HeaderFault::UnexplainedSeal
                }
                fault => fault,
            });
            checked.map_err(|fault| HeaderRejected::Faulty { index, fault })?;
            parent = header;
        }
        Ok(())
    }
}

impl<B: BlockT> ImportBlocks<B> for ReferenceBridge<B> {
    fn import(&self, mut blocks: Vec<B>) -> ImportReport<B> {
        let mut state = self.state();
        let mut stored = 0;
        let mut failure = None;
        for block in &blocks {
            match self.store_one(&mut state, block) {
                Ok(()) => stored += 1,
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        self.choose(&mut state);
        ImportReport {
            stored,
            failure,
            left: CheckedBlocks::unchecked(blocks.split_off(stored)),
        }
    }

    fn check(&self, _base: BlockId<B>, _parent: &B::Header, mut blocks: Vec<B>) -> CheckReport<B> {
        let wrong = blocks.iter().position(|block| {
            extrinsics_root::<B>(block.extrinsics()) != *block.header().extrinsics_root()
        });
        let failure = wrong
            .and_then(|at| blocks.get(at))
            .map(|block| ImportError::Invalid {
                id: BlockId::of(block.header()),
                fault: BlockFault::WrongExtrinsicsRoot,
            });
        blocks.truncate(wrong.unwrap_or(blocks.len()));
        CheckReport {
            checked: CheckedBlocks::unchecked(blocks),
            failure,
        }
    }

    fn set_vote(&self, vote: Vote<B>) -> Result<(), BridgeError> {
        let mut state = self.state();
        if state.heed == Heed::Votes {
            state.vote = vote;
            self.choose(&mut state);
        }
        Ok(())
    }

    fn snapshots(&self) -> Result<&dyn BuildSnapshots<B>, NoSnapshots> {
        match self.no_snapshots() {
            Some(reason) => Err(reason),
            None => Ok(self),
        }
    }
}
