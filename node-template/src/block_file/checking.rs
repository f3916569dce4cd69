//! Batches are checked on all cores while others are imported, and come out in the order of the file.

use super::{Batch, ImportFault, ReadBlock, ReadError, import::stored_at_front};
use crate::{Block, runtime::Header};
use sp_core::H256;
use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
    mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
};
use std::time::Duration;
use sync_component::{
    BlockId,
    ports::{Bridge, CheckedBlocks, ImportError, cores},
};

/// How often a thread that waits for the file looks whether it is still wanted.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Most threads that check. More: more memory, as each holds a batch; fewer: the cores of a larger machine stay idle, where one
/// thread imports no faster than a few can check.
const MOST_THREADS: usize = 16;

/// A block's place, in the file and in the chain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) id: BlockId<Block>,
    pub(super) parent: H256,
    pub(super) begins: u64,
    pub(super) ends: u64,
}

impl Place {
    fn of(read: &ReadBlock) -> Self {
        Self {
            id: read.id,
            parent: read.block.header.parent_hash,
            begins: read.begins,
            ends: read.ends,
        }
    }
}

/// A batch that is ready for its import.
#[derive(Debug)]
pub(super) struct ReadyBatch {
    /// All its blocks, in order.
    pub(super) places: Vec<Place>,
    /// How many from the front were stored when it was looked at.
    pub(super) stored: usize,
    /// Those behind them, up to the first that is not good.
    pub(super) blocks: CheckedBlocks<Block>,
    /// What is wrong with that one.
    pub(super) refused: Option<ImportError<Block>>,
}

/// A batch, or why there is none.
pub(super) type Outcome = Result<ReadyBatch, ImportFault>;

/// How many threads check.
pub(super) fn threads() -> usize {
    cores().min(MOST_THREADS)
}

/// What the checking threads share.
pub(super) struct Checking<'a> {
    chain: &'a dyn Bridge<Block>,
    intake: Mutex<Intake>,
    is_over: AtomicBool,
}

/// Where batches come from and where they go; whoever holds it takes the next batch.
struct Intake {
    batches: Receiver<Result<Batch, ReadError>>,
    /// Gets the place where each batch will come out, in order; `None` once the file is read.
    order: Option<SyncSender<Receiver<Outcome>>>,
    above: Option<Above>,
}

/// The end of the batch that was taken before: what the next one most likely builds on.
struct Above {
    base: BlockId<Block>,
    id: BlockId<Block>,
    header: Header,
}

/// What a batch is checked on.
struct Ground {
    base: BlockId<Block>,
    parent: Header,
}

/// A batch that somebody took, and what was seen of it in passing.
struct Taken {
    places: Vec<Place>,
    blocks: Vec<Block>,
    stored: usize,
    ground: Option<Ground>,
}

impl<'a> Checking<'a> {
    /// Takes `batches`; gives each out, in order, through what is returned.
    pub(super) fn of(
        chain: &'a dyn Bridge<Block>,
        batches: Receiver<Result<Batch, ReadError>>,
    ) -> (Self, Receiver<Receiver<Outcome>>) {
        let (order, in_order) = sync_channel(threads());
        let intake = Intake {
            batches,
            order: Some(order),
            above: None,
        };
        let checking = Self {
            chain,
            intake: Mutex::new(intake),
            is_over: AtomicBool::new(false),
        };
        (checking, in_order)
    }

    /// Sends the threads home, with whatever they have.
    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// Checks one batch after the other, until there are no more or nobody wants them.
    pub(super) fn work(&self) {
        while let Some((taken, done)) = self.next() {
            let outcome = taken.map(|taken| self.check(taken));
            if done.send(outcome).is_err() {
                return;
            }
        }
    }

    /// The next batch, and where its outcome goes.
    fn next(&self) -> Option<(Result<Taken, ImportFault>, SyncSender<Outcome>)> {
        let mut intake = self.intake.lock().unwrap_or_else(PoisonError::into_inner);
        let read = loop {
            if self.is_over.load(Ordering::Relaxed) {
                return None;
            }
            match intake.batches.recv_timeout(LOOK_EVERY) {
                Ok(read) => break read,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    intake.order = None;
                    return None;
                }
            }
        };
        let taken = read
            .map_err(ImportFault::from)
            .and_then(|batch| intake.take(self.chain, batch));
        let (done, outcome) = sync_channel(1);
        intake.order.as_ref()?.send(outcome).ok()?;
        Some((taken, done))
    }

    fn check(&self, taken: Taken) -> ReadyBatch {
        let Taken {
            places,
            blocks,
            stored,
            ground,
        } = taken;
        let (blocks, refused) = match ground {
            // Its import says what is wrong with it, if anything is.
            None => (CheckedBlocks::unchecked(blocks), None),
            Some(Ground { base, parent }) => {
                let report = self.chain.check(base, &parent, blocks);
                (report.checked, report.failure)
            }
        };
        ReadyBatch {
            places,
            stored,
            blocks,
            refused,
        }
    }
}

impl Intake {
    fn take(&mut self, chain: &dyn Bridge<Block>, batch: Batch) -> Result<Taken, ImportFault> {
        let places: Vec<_> = batch.iter().map(Place::of).collect();
        let stored = stored_at_front(chain, &places)?;
        let ground = match places.get(stored) {
            Some(first) => self.ground(chain, first.parent)?,
            None => None,
        };
        let blocks: Vec<_> = batch
            .into_iter()
            .skip(stored)
            .map(|read| read.block)
            .collect();
        let last = places.last().zip(blocks.last()).zip(ground.as_ref());
        self.above = last.map(|((place, block), ground)| Above {
            base: ground.base,
            id: place.id,
            header: block.header.clone(),
        });
        Ok(Taken {
            places,
            blocks,
            stored,
            ground,
        })
    }

    /// What a child of `hash` builds on: the batch before, which need not be imported yet, or a stored block.
    fn ground(&self, chain: &dyn Bridge<Block>, hash: H256) -> Result<Option<Ground>, ImportFault> {
        if let Some(above) = self.above.as_ref().filter(|above| above.id.hash == hash) {
            return Ok(Some(Ground {
                base: above.base,
                parent: above.header.clone(),
            }));
        }
        let stored = chain.header(hash).map_err(ImportFault::Store)?;
        Ok(stored.map(|parent| Ground {
            base: BlockId::new(parent.number, hash),
            parent,
        }))
    }
}
