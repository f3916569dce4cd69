use super::chain::Chain;
use crate::{
    block_sync::scheduler::Span,
    ports::{CheckedBlocks, PeerId},
};
use sp_runtime::traits::Block as BlockT;
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// Blocks that passed all checks that need no state, and wait for import.
#[derive(Debug)]
pub(super) struct Ready<B: BlockT> {
    pub(super) blocks: CheckedBlocks<B>,
    /// Who delivered them.
    pub(super) from: PeerId,
    pub(super) bytes: usize,
}

/// What a session had ready when it ended, for the next one: nothing good is thrown away because something else failed. No more
/// than what a session may hold.
#[derive(Debug)]
pub(super) struct Shelf<B: BlockT>(Mutex<BTreeMap<u64, Ready<B>>>);

impl<B: BlockT> Default for Shelf<B> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<B: BlockT> Shelf<B> {
    /// Keeps what a session had ready, in place of what an earlier one left.
    pub(super) fn keep(&self, ready: BTreeMap<u64, Ready<B>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = ready;
    }

    /// Takes out what is part of `chain` above its first block.
    pub(super) fn take(&self, chain: &Chain<B>, above: u64) -> BTreeMap<u64, Ready<B>> {
        let kept = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
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
