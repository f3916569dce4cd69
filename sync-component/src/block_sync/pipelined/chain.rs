use crate::{block_id::BlockId, headers::VerifiedTip};
use sp_runtime::traits::Block as BlockT;

/// What the blocks of a session must be: verified headers above the last block that it stored.
#[derive(Debug)]
pub(super) struct Chain<B: BlockT> {
    /// The last block that is stored.
    stored: (BlockId<B>, B::Header),
    run: VerifiedTip<B>,
    /// A newer state of the run. It begins above blocks that are stored, and those are known to be only a moment later.
    newer: Option<VerifiedTip<B>>,
}

impl<B: BlockT> Chain<B> {
    /// `run` above its base, whose header this is.
    pub(super) fn above(header: B::Header, run: VerifiedTip<B>) -> Self {
        Self {
            stored: (run.base, header),
            run,
            newer: None,
        }
    }

    /// The run goes on: this is what it is now.
    pub(super) fn go_on(&mut self, run: VerifiedTip<B>) {
        self.newer = Some(run);
        self.renew();
    }

    fn renew(&mut self) {
        let stored = self.stored.0.number;
        if let Some(newer) = self.newer.take_if(|newer| newer.base.number <= stored) {
            self.run = newer;
        }
    }

    /// The last block that is stored.
    pub(super) fn stored(&self) -> BlockId<B> {
        self.stored.0
    }

    /// The last block that is known.
    pub(super) fn last(&self) -> BlockId<B> {
        self.run.tip()
    }

    /// The block at `height`.
    pub(super) fn id(&self, height: u64) -> Option<BlockId<B>> {
        if height == self.stored.0.height() {
            return Some(self.stored.0);
        }
        self.run.id_at(height).copied()
    }

    /// The header at `height`.
    pub(super) fn header(&self, height: u64) -> Option<&B::Header> {
        if height == self.stored.0.height() {
            return Some(&self.stored.1);
        }
        self.run.header_at(height)
    }

    /// The headers from `start` on, which lies above what is stored.
    pub(super) fn run_from(&self, start: u64) -> Headers<B> {
        Headers {
            run: self.run.clone(),
            start,
        }
    }

    /// Blocks below `height` are stored.
    pub(super) fn stored_below(&mut self, height: u64) {
        let last = height.saturating_sub(1);
        if let (Some(id), Some(header)) = (self.id(last), self.header(last)) {
            self.stored = (id, header.clone());
        }
        self.renew();
    }
}

/// Verified headers from a height on, as they are known now. Cheap to make: nothing is copied.
#[derive(Clone, Debug)]
pub(super) struct Headers<B: BlockT> {
    run: VerifiedTip<B>,
    start: u64,
}

impl<B: BlockT> Headers<B> {
    /// The height of the first.
    pub(super) fn start(&self) -> u64 {
        self.start
    }

    /// The one at this position.
    pub(super) fn at(&self, position: usize) -> Option<&B::Header> {
        let position = u64::try_from(position).unwrap_or(u64::MAX);
        self.run.header_at(self.start.saturating_add(position))
    }
}
