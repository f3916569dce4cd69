use super::{
    Batch, BatchLimits, Batches, BlockReader, End, ImportFault, Next, ReadBlock, ReadError,
};
use crate::Block;
use std::{
    io::Read,
    sync::mpsc::{Receiver, RecvTimeoutError, sync_channel},
    thread::JoinHandle,
    time::Duration,
};
use sync_component::{
    BlockId,
    ports::{Bridge, ImportError, Presence},
};

/// Batches that are read while one is imported. More: more memory; fewer: reading and importing wait for each other.
const READ_AHEAD: usize = 2;

/// How often whoever watches is told, while the file gives nothing.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// How far an import is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Blocks that were validated and stored.
    pub imported: u64,
    /// Blocks that were stored already.
    pub skipped: u64,
    /// The last of either.
    pub last: Option<BlockId<Block>>,
    /// Bytes of the file up to its end.
    pub bytes: u64,
}

/// Imports what `reader` reads, batch by batch, each in one write; tells `watch` before each and while it waits for one. What is
/// done is in `so_far`, whatever the end.
///
/// The file is read and decoded on a thread of its own. If the import stops before the end of the file, that thread ends as
/// soon as its read returns: nobody waits for it.
pub fn import<R: Read + Send + 'static>(
    chain: &dyn Bridge<Block>,
    reader: BlockReader<R>,
    limits: BatchLimits,
    so_far: &mut Imported,
    watch: &mut dyn FnMut(&Imported) -> Next,
) -> Result<End, ImportFault> {
    let (batches, thread) = read_ahead(Batches::new(reader, limits));
    loop {
        if watch(so_far) == Next::Stop {
            return Ok(End::Stopped);
        }
        match batches.recv_timeout(TELL_EVERY) {
            Ok(batch) => import_batch(chain, batch?, so_far)?,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    // It has ended, and not by a panic, unless the reader has a fault.
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
    watch(so_far);
    Ok(End::Whole)
}

fn read_ahead<R: Read + Send + 'static>(
    batches: Batches<R>,
) -> (Receiver<Result<Batch, ReadError>>, JoinHandle<()>) {
    let (sender, receiver) = sync_channel(READ_AHEAD);
    let thread = std::thread::spawn(move || {
        for batch in batches {
            if sender.send(batch).is_err() {
                return;
            }
        }
    });
    (receiver, thread)
}

/// Skips what is stored, and imports the rest in one write.
fn import_batch(
    chain: &dyn Bridge<Block>,
    mut batch: Batch,
    so_far: &mut Imported,
) -> Result<(), ImportFault> {
    let stored = stored_at_front(chain, &batch)?;
    let rest = batch.split_off(stored);
    so_far.skipped += count(stored);
    reached(so_far, batch.last());
    let Some(first) = rest.first() else {
        return Ok(());
    };
    check_place(chain, first)?;
    let (places, blocks): (Vec<_>, Vec<_>) = rest
        .into_iter()
        .map(|read| (Place::of(&read), read.block))
        .unzip();
    let report = chain.import(blocks);
    so_far.imported += count(report.stored);
    if let Some(last) = report.stored.checked_sub(1).and_then(|at| places.get(at)) {
        so_far.last = Some(last.id);
        so_far.bytes = last.ends;
    }
    match (report.failure, places.get(report.stored)) {
        (None, _) => Ok(()),
        (Some(ImportError::Local(error)), _) => Err(ImportFault::Store(error)),
        (Some(source), place) => {
            let begins = place.map_or(so_far.bytes, |place| place.begins);
            let id = refused(&source).or(place.map(|place| place.id));
            let id = id.unwrap_or_else(|| chain.best());
            Err(ImportFault::Refused { id, begins, source })
        }
    }
}

/// Where a block is in the file.
#[derive(Clone, Copy)]
struct Place {
    id: BlockId<Block>,
    begins: u64,
    ends: u64,
}

impl Place {
    fn of(read: &ReadBlock) -> Self {
        Self {
            id: read.id,
            begins: read.begins,
            ends: read.ends,
        }
    }
}

fn refused(error: &ImportError<Block>) -> Option<BlockId<Block>> {
    match error {
        ImportError::UnknownParent { id }
        | ImportError::Invalid { id, .. }
        | ImportError::AgainstFinal { id, .. } => Some(*id),
        _ => None,
    }
}

/// How many blocks from the front are stored. A block whose parent is not stored is not stored either.
fn stored_at_front(chain: &dyn Bridge<Block>, batch: &Batch) -> Result<usize, ImportFault> {
    for (at, read) in batch.iter().enumerate() {
        let presence = chain.presence(read.id.hash).map_err(ImportFault::Store)?;
        if presence == Presence::Absent {
            return Ok(at);
        }
    }
    Ok(batch.len())
}

/// Whether the block can follow anything here; says better than the bridge could why not.
fn check_place(chain: &dyn Bridge<Block>, first: &ReadBlock) -> Result<(), ImportFault> {
    let ours = chain.genesis_hash();
    let parent = first.block.header.parent_hash;
    let genesis = match first.id.number {
        0 => Some(first.id.hash),
        1 => Some(parent),
        _ => None,
    };
    if let Some(theirs) = genesis.filter(|theirs| *theirs != ours) {
        return Err(ImportFault::OtherChain { theirs, ours });
    }
    match chain.presence(parent).map_err(ImportFault::Store)? {
        Presence::Absent => Err(ImportFault::NoParent {
            id: first.id,
            begins: first.begins,
            parent,
            best: chain.best(),
        }),
        Presence::Canonical | Presence::Fork => Ok(()),
    }
}

fn reached(so_far: &mut Imported, last: Option<&ReadBlock>) {
    if let Some(last) = last {
        so_far.last = Some(last.id);
        so_far.bytes = last.ends;
    }
}

fn count(blocks: usize) -> u64 {
    u64::try_from(blocks).unwrap_or(u64::MAX)
}
