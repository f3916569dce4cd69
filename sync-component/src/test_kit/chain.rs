use super::TestBlock;
use super::forge::{Forge, extrinsics_root};
use crate::{
    BlockId,
    block_id::number,
    ports::{
        BlockFault, BridgeError, ChainEvent, Clock, HeaderFault, HeaderRejected, ImportBlocks,
        ImportError, ImportReport, Presence, ReadChain, Retracted, UnixMillis, VerifyHeaders,
        VoteStanding,
    },
};
use codec::Encode;
use sp_consensus_aura::{
    Slot, SlotDuration,
    digests::CompatibleDigestItem,
    sr25519::{AuthorityId, AuthoritySignature},
};
use sp_core::{Pair, sr25519};
use sp_runtime::traits::{Block as BlockT, Header as HeaderT, NumberFor};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::broadcast;

/// A small chain in memory with the block rules that need no state, and the fork choice of SPEC section 1. Nothing is
/// ever final in it but genesis.
#[derive(Debug)]
pub struct ReferenceBridge<B: BlockT> {
    state: Mutex<State<B>>,
    authorities: Vec<AuthorityId>,
    slot_duration: SlotDuration,
    drift: Duration,
    max_reorg: u64,
    clock: Arc<dyn Clock>,
    genesis: BlockId<B>,
    events: broadcast::Sender<ChainEvent<B>>,
}

#[derive(Debug)]
struct State<B: BlockT> {
    blocks: BTreeMap<B::Hash, B>,
    canonical: Vec<B::Hash>,
    leaves: Vec<BlockId<B>>,
    standing: VoteStanding,
    broken: bool,
}

impl<B: TestBlock> ReferenceBridge<B> {
    /// A chain with only genesis.
    pub fn new(
        forge: &Forge,
        slot_duration: SlotDuration,
        max_reorg: u64,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let block: B = Forge::genesis();
        let genesis = BlockId::of(block.header());
        let state = State {
            blocks: BTreeMap::from([(genesis.hash, block)]),
            canonical: vec![genesis.hash],
            leaves: vec![genesis],
            standing: VoteStanding::NotWithUs,
            broken: false,
        };
        Self {
            state: Mutex::new(state),
            authorities: forge.authorities(),
            slot_duration,
            drift: Duration::from_millis(500),
            max_reorg,
            clock,
            genesis,
            events: broadcast::Sender::new(4_096),
        }
    }
}

/// What a broken reference store says.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the test broke this store")]
struct BrokenByTest;

impl<B: BlockT> ReferenceBridge<B> {
    fn state(&self) -> MutexGuard<'_, State<B>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on every import fails as a full disk would make it.
    pub fn break_store(&self) {
        self.state().broken = true;
    }

    /// Takes back [`ReferenceBridge::break_store`].
    pub fn repair_store(&self) {
        self.state().broken = false;
    }

    fn check_header(
        &self,
        parent: &B::Header,
        header: &B::Header,
        now: UnixMillis,
    ) -> Result<(), HeaderFault> {
        let next = BlockId::<B>::of(parent).height() + 1;
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
        let drift = u64::try_from(self.drift.as_millis()).unwrap_or(u64::MAX);
        if slot.saturating_mul(self.slot_duration.as_millis()) > now.0.saturating_add(drift) {
            return Err(HeaderFault::FromFuture { slot });
        }
        self.check_seal(header, slot)
    }

    fn check_seal(&self, header: &B::Header, slot: Slot) -> Result<(), HeaderFault> {
        let mut unsealed = header.clone();
        let seal: Option<AuthoritySignature> = unsealed
            .digest_mut()
            .pop()
            .and_then(|item| item.as_aura_seal());
        let turn = usize::try_from(*slot % self.authorities.len() as u64).expect("below a usize");
        let author: &sr25519::Public = self.authorities.get(turn).expect("a remainder").as_ref();
        let seal = seal.ok_or(HeaderFault::BadDigest)?;
        let good = sr25519::Pair::verify(seal.as_ref(), unsealed.hash(), author);
        if good {
            Ok(())
        } else {
            Err(HeaderFault::BadSeal)
        }
    }

    fn store_one(&self, state: &mut State<B>, block: &B) -> Result<(), ImportError<B>> {
        let id = BlockId::of(block.header());
        if state.broken {
            return Err(BridgeError::new(BrokenByTest).into());
        }
        if state.blocks.contains_key(&id.hash) {
            return Ok(());
        }
        let parent = state
            .blocks
            .get(block.header().parent_hash())
            .ok_or(ImportError::UnknownParent { id })?;
        let invalid = |fault: BlockFault| ImportError::Invalid { id, fault };
        self.check_header(parent.header(), block.header(), self.clock.wall())
            .map_err(|fault| invalid(fault.into()))?;
        if extrinsics_root::<B>(block.extrinsics()) != *block.header().extrinsics_root() {
            return Err(invalid(BlockFault::WrongExtrinsicsRoot));
        }
        // The test kit's runtime: a body of `[0xff]` fails in execution.
        if block
            .extrinsics()
            .iter()
            .any(|extrinsic| extrinsic.encode().last() == Some(&0xff))
        {
            return Err(invalid(BlockFault::Execution {
                reason: "the test wants it to fail".to_owned(),
            }));
        }
        let parent = *block.header().parent_hash();
        state.leaves.retain(|leaf| leaf.hash != parent);
        state.leaves.push(id);
        state.blocks.insert(id.hash, block.clone());
        Ok(())
    }

    /// The blocks from the one after the common ancestor up to `tip`.
    fn branch(state: &State<B>, tip: BlockId<B>) -> Vec<BlockId<B>> {
        let mut branch = Vec::new();
        let mut at = tip;
        while state.canonical_at(at.height()) != Some(at.hash) {
            branch.push(at);
            let Some(block) = state.blocks.get(&at.hash) else {
                break;
            };
            at = BlockId::new(
                number::<B>(at.height().saturating_sub(1)),
                *block.header().parent_hash(),
            );
        }
        branch.reverse();
        branch
    }

    fn choose(&self, state: &mut State<B>) {
        let old_best = state.best();
        let mut leaves = state.leaves.clone();
        leaves.sort();
        for leaf in leaves {
            let branch = Self::branch(state, leaf);
            let Some(first) = branch.first() else {
                continue;
            };
            let ancestor = first.height() - 1;
            let best = state.best();
            let depth = best.height() - ancestor;
            if depth > 0 && (depth > self.max_reorg || state.standing == VoteStanding::WithUs) {
                continue;
            }
            let better = match leaf.number.cmp(&best.number) {
                std::cmp::Ordering::Greater => true,
                std::cmp::Ordering::Less => false,
                std::cmp::Ordering::Equal => self.wins_tie(state, first, ancestor + 1),
            };
            if better {
                let keep = usize::try_from(ancestor + 1).unwrap_or(usize::MAX);
                state.canonical.truncate(keep);
                state.canonical.extend(branch.iter().map(|id| id.hash));
            }
        }
        let best = state.best();
        if best != old_best {
            self.announce(state, old_best, best);
        }
    }

    fn wins_tie(&self, state: &State<B>, theirs: &BlockId<B>, height: u64) -> bool {
        let key = |hash: B::Hash| {
            let slot = state
                .blocks
                .get(&hash)
                .and_then(|block| self.slot_of(block.header()).ok());
            (slot.map(u64::from), hash)
        };
        state
            .canonical_at(height)
            .is_some_and(|ours| key(theirs.hash) < key(ours))
    }

    fn announce(&self, state: &State<B>, old_best: BlockId<B>, best: BlockId<B>) {
        let ancestor = Self::branch(state, old_best)
            .first()
            .map(|first| first.height().saturating_sub(1));
        let retracted = ancestor.and_then(|height| {
            let common_ancestor = BlockId::new(number::<B>(height), state.canonical_at(height)?);
            Some(Retracted {
                old_best,
                common_ancestor,
            })
        });
        if let Some(block) = state.blocks.get(&best.hash) {
            let header = block.header().clone();
            let _ = self.events.send(ChainEvent {
                header,
                best,
                finalized: self.genesis,
                retracted,
            });
        }
    }
}

impl<B: BlockT> State<B> {
    fn canonical_at(&self, height: u64) -> Option<B::Hash> {
        usize::try_from(height)
            .ok()
            .and_then(|at| self.canonical.get(at))
            .copied()
    }

    fn best(&self) -> BlockId<B> {
        let hash = *self.canonical.last().expect("genesis is always there");
        BlockId::new(number::<B>(self.canonical.len() as u64 - 1), hash)
    }
}

impl<B: BlockT> ReadChain<B> for ReferenceBridge<B> {
    fn genesis_hash(&self) -> B::Hash {
        self.genesis.hash
    }

    fn best(&self) -> BlockId<B> {
        self.state().best()
    }

    fn finalized(&self) -> BlockId<B> {
        self.genesis
    }

    fn lowest_served(&self) -> NumberFor<B> {
        self.genesis.number
    }

    fn canonical_hash(&self, number: NumberFor<B>) -> Result<Option<B::Hash>, BridgeError> {
        Ok(self
            .state()
            .canonical_at(crate::block_id::height::<B>(number)))
    }

    fn header(&self, hash: B::Hash) -> Result<Option<B::Header>, BridgeError> {
        Ok(self
            .state()
            .blocks
            .get(&hash)
            .map(|block| block.header().clone()))
    }

    fn block(&self, hash: B::Hash) -> Result<Option<B>, BridgeError> {
        Ok(self.state().blocks.get(&hash).cloned())
    }

    fn presence(&self, hash: B::Hash) -> Result<Presence, BridgeError> {
        let state = self.state();
        let Some(block) = state.blocks.get(&hash) else {
            return Ok(Presence::Absent);
        };
        let height = BlockId::<B>::of(block.header()).height();
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

    fn authorities_at(&self, _parent: B::Hash) -> Result<Vec<AuthorityId>, BridgeError> {
        Ok(self.authorities.clone())
    }

    fn verify_headers(
        &self,
        _base: BlockId<B>,
        parent: &B::Header,
        headers: &[B::Header],
        now: UnixMillis,
    ) -> Result<(), HeaderRejected> {
        let mut parent = parent;
        for (index, header) in headers.iter().enumerate() {
            self.check_header(parent, header, now)
                .map_err(|fault| HeaderRejected::Faulty { index, fault })?;
            parent = header;
        }
        Ok(())
    }
}

impl<B: BlockT> ImportBlocks<B> for ReferenceBridge<B> {
    fn import(&self, blocks: Vec<B>) -> ImportReport<B> {
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
        ImportReport { stored, failure }
    }

    fn set_vote(&self, standing: VoteStanding) -> Result<(), BridgeError> {
        let mut state = self.state();
        state.standing = standing;
        self.choose(&mut state);
        Ok(())
    }
}
