use crate::{
    block_id::BlockId,
    ports::{Clock, MonoTime},
};
use sp_runtime::traits::Block as BlockT;
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// What became of requests for blocks lately, whoever made them: for the question whether somebody withholds a block.
#[derive(Debug)]
pub(crate) struct Deliveries<B: BlockT>(Mutex<Lately<B>>);

#[derive(Debug)]
struct Lately<B: BlockT> {
    last: Option<MonoTime>,
    /// Of all blocks that arrived so far.
    bytes: u64,
    /// The highest block that arrived since that was last asked.
    highest: Option<(BlockId<B>, MonoTime)>,
    /// When a peer last said that it was busy.
    busy: Option<MonoTime>,
    /// Imports of delivered blocks that run, and since when at least one does.
    imports: usize,
    importing_since: MonoTime,
    /// For how long imports ran, until then.
    imported_for: Duration,
}

impl<B: BlockT> Default for Deliveries<B> {
    fn default() -> Self {
        Self(Mutex::new(Lately {
            last: None,
            bytes: 0,
            highest: None,
            busy: None,
            imports: 0,
            importing_since: MonoTime(Duration::ZERO),
            imported_for: Duration::ZERO,
        }))
    }
}

impl<B: BlockT> Deliveries<B> {
    fn lately(&self) -> MutexGuard<'_, Lately<B>> {
        // Every change leaves it whole, so a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Blocks that were asked for are here, so many bytes, and `highest` is the highest of them.
    pub(super) fn arrived(&self, highest: BlockId<B>, bytes: usize, now: MonoTime) {
        let mut lately = self.lately();
        lately.last = Some(now);
        lately.bytes = lately.bytes.saturating_add(bytes as u64);
        if lately
            .highest
            .is_none_or(|(known, _)| known.number <= highest.number)
        {
            lately.highest = Some((highest, now));
        }
    }

    /// A peer was too busy to deliver.
    pub(super) fn busy(&self, now: MonoTime) {
        self.lately().busy = Some(now);
    }

    /// How many bytes of blocks that were asked for have arrived so far, all in all.
    pub(crate) fn bytes(&self) -> u64 {
        self.lately().bytes
    }

    /// When blocks arrived last.
    pub(crate) fn last(&self) -> Option<MonoTime> {
        self.lately().last
    }

    /// The highest block that arrived since the last call, and when.
    pub(crate) fn take_highest(&self) -> Option<(BlockId<B>, MonoTime)> {
        self.lately().highest.take()
    }

    /// When a peer was last too busy to deliver.
    pub(crate) fn last_busy(&self) -> Option<MonoTime> {
        self.lately().busy
    }

    /// For how long delivered blocks have been imported so far, all in all.
    pub(crate) fn imported_for(&self, now: MonoTime) -> Duration {
        let lately = self.lately();
        let running = if lately.imports > 0 {
            now.since(lately.importing_since)
        } else {
            Duration::ZERO
        };
        lately.imported_for.saturating_add(running)
    }

    /// Whether delivered blocks are being imported.
    pub(crate) fn is_importing(&self) -> bool {
        self.lately().imports > 0
    }

    /// Delivered blocks are being imported until the answer is dropped.
    pub(crate) fn importing<'a>(&'a self, clock: &'a dyn Clock) -> Importing<'a, B> {
        let mut lately = self.lately();
        if lately.imports == 0 {
            lately.importing_since = clock.now();
        }
        lately.imports += 1;
        drop(lately);
        Importing {
            deliveries: self,
            clock,
        }
    }
}

/// Delivered blocks are being imported while this lives.
#[derive(Debug)]
pub(crate) struct Importing<'a, B: BlockT> {
    deliveries: &'a Deliveries<B>,
    clock: &'a dyn Clock,
}

impl<B: BlockT> Drop for Importing<'_, B> {
    fn drop(&mut self) {
        let now = self.clock.now();
        let mut lately = self.deliveries.lately();
        lately.imports = lately.imports.saturating_sub(1);
        if lately.imports == 0 {
            let ran = now.since(lately.importing_since);
            lately.imported_for = lately.imported_for.saturating_add(ran);
        }
    }
}
