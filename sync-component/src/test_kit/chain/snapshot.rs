//! States and snapshots of the reference chain. Its blocks have no state, so one of them is stood for by its hash: what is tested
//! with it is who is asked for what, and when; proofs of real states are the real bridge's.

use super::{BrokenByTest, Health, ReferenceBridge, State};
use crate::{
    BlockId,
    block_id::{height, height_of, number},
    ports::{
        BlockFault, BridgeError, BuildSnapshots, ChainEvent, FinishRefused, HeaderRejected,
        HeadersRefused, NoSnapshots, ProofBudget, ProofFault, Retracted, ServeStates,
        SnapshotStanding, StateProof, StateRefused, StateStanding, UnixMillis, VerifyHeaders,
    },
    test_kit::forge::extrinsics_root,
};
use codec::Encode;
use sp_runtime::traits::{Block as BlockT, Header as HeaderT, NumberFor};
use std::collections::BTreeSet;

/// A snapshot of a reference chain.
#[derive(Debug)]
pub(super) struct Shot<B: BlockT> {
    /// All headers above genesis.
    headers: Vec<B::Header>,
    state: StateStanding<B>,
}

impl<B: BlockT> Default for Shot<B> {
    fn default() -> Self {
        Self {
            headers: Vec::new(),
            state: StateStanding::NotBegun,
        }
    }
}

impl<B: BlockT> Shot<B> {
    pub(super) fn header(&self, hash: B::Hash) -> Option<B::Header> {
        let mut headers = self.headers.iter();
        headers.find(|header| header.hash() == hash).cloned()
    }

    /// The block that the chain begins with, once it does.
    pub(super) fn base(&self) -> Option<BlockId<B>> {
        match self.state {
            StateStanding::Finished { of } => Some(of),
            _ => None,
        }
    }
}

impl<B: BlockT> ReferenceBridge<B> {
    /// How many of the headers are final: more than two thirds of the authorities build on the last of them, its own included,
    /// and it lies at least `max_reorg` below the highest.
    fn final_headers(&self, shot: &Shot<B>) -> usize {
        let best = shot.headers.len();
        let mut builders = BTreeSet::new();
        for (at, header) in shot.headers.iter().enumerate().rev() {
            builders.extend(self.slot_of(header).ok().map(|slot| self.turn(slot)));
            let above = (best - at - 1) as u64;
            if builders.len() * 3 > self.authorities.len() * 2 && above >= self.max_reorg {
                return at + 1;
            }
        }
        0
    }

    fn top(&self, state: &State<B>) -> B::Header {
        let top = state.shot.headers.last();
        top.cloned().unwrap_or_else(|| self.block_zero(state))
    }

    fn block_zero(&self, state: &State<B>) -> B::Header {
        let genesis = state.blocks.get(&self.genesis.hash);
        genesis.expect("it is never removed").header().clone()
    }

    pub(super) fn no_snapshots(&self) -> Option<NoSnapshots> {
        let state = self.state();
        let has_blocks = state.best() != self.genesis && state.shot.base().is_none();
        has_blocks.then_some(NoSnapshots::BlocksStored)
    }
}

impl<B: BlockT> ServeStates<B> for ReferenceBridge<B> {
    fn prove_state(
        &self,
        block: B::Hash,
        _after: Option<&[u8]>,
        _budget: ProofBudget,
    ) -> Result<Option<StateProof>, BridgeError> {
        let state = self.state();
        let is_whole = state.blocks.contains_key(&block) && !state.bare.contains(&block);
        Ok(is_whole.then(|| StateProof(vec![block.encode()])))
    }
}

impl<B: BlockT> BuildSnapshots<B> for ReferenceBridge<B> {
    fn standing(&self) -> SnapshotStanding<B> {
        let state = self.state();
        let settled = self.final_headers(&state.shot).checked_sub(1);
        let settled = settled.and_then(|at| state.shot.headers.get(at));
        SnapshotStanding {
            header: self.top(&state),
            finalized: settled.map_or(self.genesis, BlockId::of),
            state: state.shot.state.clone(),
        }
    }

    fn add_headers(&self, headers: &[B::Header], now: UnixMillis) -> Result<(), HeadersRefused> {
        let mut state = self.state();
        if state.shot.base().is_some() {
            return Err(HeadersRefused::Finished);
        }
        let mut parent = self.top(&state);
        for (index, header) in headers.iter().enumerate() {
            let height = height_of::<B>(&parent);
            let authorities = self.forge.authorities_above(height);
            self.check_header(&parent, header, &authorities, now)
                .map_err(|fault| HeaderRejected::Faulty { index, fault })?;
            parent = header.clone();
        }
        state.shot.headers.extend_from_slice(headers);
        Ok(())
    }

    fn drop_unfinal(&self) {
        let mut state = self.state();
        let settled = self.final_headers(&state.shot);
        state.shot.headers.truncate(settled);
    }

    fn choose_state(&self, number: NumberFor<B>) -> Result<BlockId<B>, BridgeError> {
        let mut state = self.state();
        if state.shot.base().is_some() {
            return Err(BridgeError::new(HeadersRefused::Finished));
        }
        let at = usize::try_from(height::<B>(number)).unwrap_or(usize::MAX);
        let header = at.checked_sub(1).and_then(|at| state.shot.headers.get(at));
        let of = BlockId::of(header.ok_or_else(|| BridgeError::new(BrokenByTest))?);
        let chosen = match &state.shot.state {
            StateStanding::NotBegun => None,
            StateStanding::Partly { of, .. }
            | StateStanding::Whole { of, .. }
            | StateStanding::Finished { of } => Some(*of),
        };
        if chosen != Some(of) {
            state.shot.state = StateStanding::Partly {
                of,
                after: None,
                entries: 0,
            };
        }
        Ok(of)
    }

    fn add_state(&self, proof: &StateProof) -> Result<(), StateRefused> {
        let mut state = self.state();
        let StateStanding::Partly { of, .. } = state.shot.state else {
            return Err(StateRefused::NotAsked);
        };
        if proof.0 != [of.hash.encode()] {
            return Err(ProofFault::WrongNode { index: 0 }.into());
        }
        state.shot.state = StateStanding::Whole { of, entries: 1 };
        Ok(())
    }

    fn finish(&self, block: B) -> Result<(), FinishRefused> {
        let mut state = self.state();
        let id = BlockId::of(block.header());
        match state.shot.state {
            StateStanding::Whole { of, .. } if of == id => {}
            _ => return Err(FinishRefused::OtherBlock),
        }
        if state.health == Health::Broken {
            return Err(BridgeError::new(BrokenByTest).into());
        }
        if extrinsics_root::<B>(block.extrinsics()) != *block.header().extrinsics_root() {
            return Err(BlockFault::WrongExtrinsicsRoot.into());
        }
        let kept = usize::try_from(id.height()).unwrap_or(usize::MAX);
        state.shot.headers.truncate(kept);
        state.canonical.truncate(1);
        for header in state.shot.headers.clone() {
            let hash = header.hash();
            state.canonical.push(hash);
            state.bare.insert(hash);
            state.blocks.insert(hash, B::new(header, Vec::new()));
        }
        state.bare.remove(&id.hash);
        state.blocks.insert(id.hash, block);
        state.leaves = vec![id];
        state.live = BTreeSet::from([id]);
        state.finalized = id;
        state.shot.state = StateStanding::Finished { of: id };
        self.announce(&state, BlockId::new(number::<B>(0), self.genesis.hash), id);
        Ok(())
    }

    fn start_over(&self) -> Result<(), BridgeError> {
        let mut state = self.state();
        if state.shot.base().is_none() {
            return Ok(());
        }
        let (old, genesis) = (state.best(), self.genesis);
        let settled = usize::try_from(state.finalized.height()).unwrap_or(usize::MAX);
        let canonical = state.canonical.iter().skip(1).take(settled);
        let blocks = canonical.filter_map(|hash| state.blocks.get(hash));
        let headers = blocks.map(|block| block.header().clone()).collect();
        state.shot = Shot {
            headers,
            state: StateStanding::NotBegun,
        };
        state.blocks.retain(|hash, _| *hash == genesis.hash);
        state.canonical.truncate(1);
        state.bare.clear();
        state.leaves = vec![genesis];
        state.live = BTreeSet::from([genesis]);
        state.finalized = genesis;
        // Nobody has to listen.
        let _ = self.events.send(ChainEvent {
            header: self.block_zero(&state),
            best: genesis,
            finalized: genesis,
            retracted: Some(Retracted {
                old_best: old,
                common_ancestor: genesis,
            }),
        });
        Ok(())
    }
}
