use super::chain::Chain;
use crate::{
    block_sync::scheduler::{Experience, Span},
    ports::{CheckedBlocks, PeerId},
};
use sp_runtime::traits::Block as BlockT;
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Blocks that passed all checks that need no state, and wait for import.
#[derive(Debug)]
pub(super) struct Ready<B: BlockT> {
    pub(super) blocks: CheckedBlocks<B>,
    /// Who delivered them.
    pub(super) from: PeerId,
    pub(super) bytes: usize,
}

/// What a session leaves to the next one.
#[derive(Debug)]
pub(super) struct Shelf<B: BlockT>(Mutex<Kept<B>>);

#[derive(Debug)]
struct Kept<B: BlockT> {
    /// What was ready: nothing good is thrown away because something else failed. No more than a session may hold.
    ready: BTreeMap<u64, Ready<B>>,
    experience: Experience,
}

impl<B: BlockT> Default for Shelf<B> {
    fn default() -> Self {
        let kept = Kept {
            ready: BTreeMap::new(),
            experience: Experience::default(),
        };
        Self(Mutex::new(kept))
    }
}

impl<B: BlockT> Shelf<B> {
    fn kept(&self) -> MutexGuard<'_, Kept<B>> {
        // Every change leaves it whole, so a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what a session had ready and what it learnt, in place of what an earlier one left.
    pub(super) fn keep(&self, ready: BTreeMap<u64, Ready<B>>, experience: Experience) {
        *self.kept() = Kept { ready, experience };
    }

    /// Takes out what was learnt.
    pub(super) fn experience(&self) -> Experience {
        std::mem::take(&mut self.kept().experience)
    }

    /// Takes out what is part of `chain` above its first block.
    pub(super) fn take(&self, chain: &Chain<B>, above: u64) -> BTreeMap<u64, Ready<B>> {
        let kept = std::mem::take(&mut self.kept().ready);
        let fitting = kept.into_iter().filter_map(|(start, ready)| {
            let count = ready.blocks.len() as u64;
            let last = Span { start, count }.end().saturating_sub(1);
            // Linked as they are, the last one speaks for all.
            let block = ready.blocks.blocks().last()?;
            (chain.header(last) == Some(block.header())).then_some(())?;
            Some(above_only(start, ready, above))
        });
        fitting
            .filter(|(_, ready)| !ready.blocks.is_empty())
            .collect()
    }
}

/// Without the blocks at `above` or below it, which are stored by now.
fn above_only<B: BlockT>(start: u64, mut ready: Ready<B>, above: u64) -> (u64, Ready<B>) {
    let stored = above.saturating_add(1).saturating_sub(start);
    let at = usize::try_from(stored).unwrap_or(usize::MAX);
    ready.blocks = ready.blocks.split_off(at);
    (start.saturating_add(stored), ready)
}
