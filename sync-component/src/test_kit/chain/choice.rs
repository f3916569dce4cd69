//! Fork choice and finality of SPEC section 1 over whole paths, as plainly as they can be written.

use super::{ReferenceBridge, State};
use crate::{
    BlockId,
    block_id::number,
    ports::{ChainEvent, Retracted, VerifyHeaders, VoteStanding},
};
use sp_runtime::traits::{Block as BlockT, Header as HeaderT};
use std::{cmp::Reverse, collections::BTreeSet};

impl<B: BlockT> ReferenceBridge<B> {
    /// Takes the best of the branches that may be taken, and moves the final block up.
    pub(super) fn choose(&self, state: &mut State<B>) {
        let old_best = state.best();
        let floor = match state.vote.standing {
            VoteStanding::WithUs => old_best.height(),
            VoteStanding::NotWithUs => old_best.height().saturating_sub(self.max_reorg),
        };
        let held = state
            .vote
            .held
            .filter(|held| state.canonical_at(held.height()) == Some(held.hash));
        let floor = floor.max(held.map_or(0, |held| held.height()));
        let floor = floor.max(state.finalized.height());
        let candidates = state.leaves.iter().chain([&old_best]);
        let paths = candidates.filter_map(|leaf| state.path(*leaf, floor));
        // The longest; among equals one with the block that outvotes ours; then the lower slot, then the lower hash, where they first
        // differ.
        let outvoting = state.vote.outvoted_by;
        let best_path = paths.min_by_key(|path| {
            let keys = path.iter().map(|id| (self.slot_at(state, id), id.hash));
            let outvotes = outvoting.is_some_and(|block| path.contains(&block));
            (Reverse(path.len()), !outvotes, keys.collect::<Vec<_>>())
        });
        let Some(path) = best_path else { return };
        state
            .canonical
            .truncate(usize::try_from(floor + 1).unwrap_or(usize::MAX));
        state.canonical.extend(path.iter().map(|id| id.hash));
        self.finalize(state);
        let best = state.best();
        if best != old_best {
            self.announce(state, old_best, best);
        }
    }

    fn slot_at(&self, state: &State<B>, id: &BlockId<B>) -> Option<u64> {
        let block = state.blocks.get(&id.hash)?;
        self.slot_of(block.header()).ok().map(u64::from)
    }

    /// Final is the highest block on which more than two thirds of the authorities build, its own included, and that
    /// lies at least `max_reorg` below the best.
    fn finalize(&self, state: &mut State<B>) {
        let best = state.best().height();
        let mut builders = BTreeSet::new();
        for height in (state.finalized.height() + 1..=best).rev() {
            let Some(hash) = state.canonical_at(height) else {
                return;
            };
            let id = BlockId::new(number::<B>(height), hash);
            let slot = self.slot_at(state, &id);
            builders.extend(slot.map(|slot| self.turn(slot.into())));
            let enough = builders.len() * 3 > self.authorities.len() * 2;
            if enough && best - height >= self.max_reorg {
                state.finalized = id;
                state.prune();
                return;
            }
        }
    }

    pub(super) fn announce(&self, state: &State<B>, old_best: BlockId<B>, best: BlockId<B>) {
        let common_ancestor = state.ancestor(old_best);
        let retracted = (common_ancestor != old_best).then_some(Retracted {
            old_best,
            common_ancestor,
        });
        if let Some(block) = state.blocks.get(&best.hash) {
            let header = block.header().clone();
            // Nobody has to listen.
            let _ = self.events.send(ChainEvent {
                header,
                best,
                finalized: state.finalized,
                retracted,
            });
        }
    }
}

impl<B: BlockT> State<B> {
    pub(super) fn canonical_at(&self, height: u64) -> Option<B::Hash> {
        usize::try_from(height)
            .ok()
            .and_then(|at| self.canonical.get(at))
            .copied()
    }

    pub(super) fn best(&self) -> BlockId<B> {
        let hash = *self.canonical.last().expect("genesis is always there");
        BlockId::new(number::<B>(self.canonical.len() as u64 - 1), hash)
    }

    /// The stored block below `block`.
    fn parent(&self, block: BlockId<B>) -> Option<BlockId<B>> {
        let parent = *self.blocks.get(&block.hash)?.header().parent_hash();
        Some(BlockId::new(
            number::<B>(block.height().checked_sub(1)?),
            parent,
        ))
    }

    /// The highest block of the best chain at or below the stored `block`.
    fn ancestor(&self, block: BlockId<B>) -> BlockId<B> {
        let mut at = block;
        while self.canonical_at(at.height()) != Some(at.hash) {
            at = self
                .parent(at)
                .expect("a stored block has its parent stored");
        }
        at
    }

    /// The blocks above `floor` up to the stored `tip`, rising; `None` if its chain leaves the best one below `floor`.
    fn path(&self, tip: BlockId<B>, floor: u64) -> Option<Vec<BlockId<B>>> {
        let mut path = Vec::new();
        let mut at = tip;
        while at.height() > floor {
            path.push(at);
            at = self.parent(at)?;
        }
        path.reverse();
        (at.height() == floor && self.canonical_at(floor) == Some(at.hash)).then_some(path)
    }

    /// Forgets, of the blocks that may still be built on, those that do not build on the final one.
    fn prune(&mut self) {
        let mut live = BTreeSet::from([self.finalized]);
        // A parent comes before its children: ids are in order of height.
        for id in self.live.range(self.finalized..) {
            if self
                .parent(*id)
                .is_some_and(|parent| live.contains(&parent))
            {
                live.insert(*id);
            }
        }
        self.leaves.retain(|leaf| live.contains(leaf));
        self.live = live;
    }
}
