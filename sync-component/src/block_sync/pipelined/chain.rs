use crate::{block_id::BlockId, block_sync::scheduler::Span};
use sp_runtime::traits::Block as BlockT;
use std::collections::VecDeque;

/// The verified headers of a session, from the last block that is stored on: what its blocks must be.
#[derive(Debug)]
pub(super) struct Chain<B: BlockT> {
    /// Of the block below the first one wanted, then of all wanted ones.
    headers: VecDeque<B::Header>,
    /// Of the same blocks.
    ids: VecDeque<BlockId<B>>,
}

impl<B: BlockT> Chain<B> {
    /// Nothing is wanted yet above `base`, whose header this is.
    pub(super) fn above(base: BlockId<B>, header: B::Header) -> Self {
        Self {
            headers: [header].into(),
            ids: [base].into(),
        }
    }

    /// `headers` follow.
    pub(super) fn push(&mut self, headers: impl IntoIterator<Item = B::Header>) {
        for header in headers {
            self.ids.push_back(BlockId::of(&header));
            self.headers.push_back(header);
        }
    }

    /// The highest block that is stored.
    pub(super) fn lowest(&self) -> BlockId<B> {
        *self.ids.front().expect(NEVER_EMPTY)
    }

    /// The last block.
    pub(super) fn last(&self) -> BlockId<B> {
        *self.ids.back().expect(NEVER_EMPTY)
    }

    fn at(&self, height: u64) -> Option<usize> {
        usize::try_from(height.checked_sub(self.lowest().height())?).ok()
    }

    /// The block at `height`.
    pub(super) fn id(&self, height: u64) -> Option<BlockId<B>> {
        self.ids.get(self.at(height)?).copied()
    }

    /// The header at `height`.
    pub(super) fn header(&self, height: u64) -> Option<&B::Header> {
        self.headers.get(self.at(height)?)
    }

    /// The headers of `span`, as far as they are known.
    pub(super) fn headers(&self, span: Span) -> Vec<B::Header> {
        let heights = span.start..span.end();
        heights
            .filter_map(|height| self.header(height).cloned())
            .collect()
    }

    /// Blocks below `height` are stored: all but the highest of them are forgotten.
    pub(super) fn stored_below(&mut self, height: u64) {
        while self.ids.len() > 1 && self.lowest().height().saturating_add(1) < height {
            self.ids.pop_front();
            self.headers.pop_front();
        }
    }
}

const NEVER_EMPTY: &str = "it begins with one block, and the last is never taken away";
