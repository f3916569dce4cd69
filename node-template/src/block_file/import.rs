use super::{
    Batch, BatchLimits, Batches, BlockReader, End, ImportFault, Next, ReadError,
    checking::{Checking, Outcome, Place, ReadyBatch, threads},
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

/// Batches that are read while others are checked and imported. More: more memory; fewer: they wait for each other.
const READ_AHEAD: usize = 2;

/// How often whoever watches is told, while there is nothing to import.
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
/// The file is read and decoded on a thread of its own, and what needs no state is checked on as many threads as there are
/// cores, while the batch before is imported. In memory are as many batches as cores, and five more. If the import stops
/// before the end of the file, the thread that reads ends as soon as its read returns: nobody waits for it.
pub fn import<R: Read + Send + 'static>(
    chain: &dyn Bridge<Block>,
    reader: BlockReader<R>,
    limits: BatchLimits,
    so_far: &mut Imported,
    watch: &mut dyn FnMut(&Imported) -> Next,
) -> Result<End, ImportFault> {
    let (batches, thread) = read_ahead(Batches::new(reader, limits));
    let (checking, ready) = Checking::of(chain, batches);
    let end = std::thread::scope(|scope| {
        for _ in 0..threads() {
            scope.spawn(|| checking.work());
        }
        let end = import_ready(chain, &ready, so_far, watch);
        checking.end();
        drop(ready);
        end
    })?;
    if end == End::Whole {
        // It has ended, and not by a panic, unless the reader has a fault.
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
        watch(so_far);
    }
    Ok(end)
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

/// Imports the batches in order, as they get ready.
fn import_ready(
    chain: &dyn Bridge<Block>,
    ready: &Receiver<Receiver<Outcome>>,
    so_far: &mut Imported,
    watch: &mut dyn FnMut(&Imported) -> Next,
) -> Result<End, ImportFault> {
    loop {
        let batch = match wait(ready, so_far, watch) {
            Waited::For(batch) => batch,
            Waited::Stopped => return Ok(End::Stopped),
            Waited::InVain => return Ok(End::Whole),
        };
        match wait(&batch, so_far, watch) {
            Waited::For(outcome) => import_batch(chain, outcome?, so_far)?,
            // In vain only if the thread that checks it has panicked, which whoever waits for that thread passes on.
            Waited::Stopped | Waited::InVain => return Ok(End::Stopped),
        }
    }
}

/// What waiting came to.
enum Waited<T> {
    For(T),
    /// Whoever watches wants no more.
    Stopped,
    /// Nothing will ever come.
    InVain,
}

fn wait<T>(
    from: &Receiver<T>,
    so_far: &Imported,
    watch: &mut dyn FnMut(&Imported) -> Next,
) -> Waited<T> {
    loop {
        if watch(so_far) == Next::Stop {
            return Waited::Stopped;
        }
        match from.recv_timeout(TELL_EVERY) {
            Ok(got) => return Waited::For(got),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Waited::InVain,
        }
    }
}

/// Skips what is stored, and imports the rest in one write.
fn import_batch(
    chain: &dyn Bridge<Block>,
    batch: ReadyBatch,
    so_far: &mut Imported,
) -> Result<(), ImportFault> {
    let ReadyBatch {
        places,
        stored,
        mut blocks,
        refused,
    } = batch;
    // The batch before may have stored more of it.
    let more = stored_at_front(chain, places.get(stored..).unwrap_or_default())?;
    let more = more.min(blocks.len());
    let rest = blocks.split_off(more);
    let stored = stored + more;
    so_far.skipped += count(stored);
    let skipped = stored.checked_sub(1).and_then(|last| places.get(last));
    reached(so_far, skipped);
    let behind = places.get(stored..).unwrap_or_default();
    let Some(first) = behind.first() else {
        return Ok(());
    };
    check_place(chain, first)?;
    let whole = rest.len();
    let report = chain.import_checked(rest);
    so_far.imported += count(report.stored);
    let last = report.stored.checked_sub(1);
    reached(so_far, last.and_then(|last| behind.get(last)));
    let failure = report
        .failure
        .or(refused.filter(|_| report.stored == whole));
    match failure {
        None => Ok(()),
        Some(ImportError::Local(error)) => Err(ImportFault::Store(error)),
        Some(source) => {
            let place = behind.get(report.stored);
            let begins = place.map_or(so_far.bytes, |place| place.begins);
            let id = refused_block(&source).or(place.map(|place| place.id));
            let id = id.unwrap_or_else(|| chain.best());
            Err(ImportFault::Refused { id, begins, source })
        }
    }
}

fn refused_block(error: &ImportError<Block>) -> Option<BlockId<Block>> {
    match error {
        ImportError::UnknownParent { id }
        | ImportError::Invalid { id, .. }
        | ImportError::AgainstFinal { id, .. } => Some(*id),
        _ => None,
    }
}

/// How many blocks from the front are stored. A block whose parent is not stored is not stored either.
pub(super) fn stored_at_front(
    chain: &dyn Bridge<Block>,
    places: &[Place],
) -> Result<usize, ImportFault> {
    for (at, place) in places.iter().enumerate() {
        let presence = chain.presence(place.id.hash).map_err(ImportFault::Store)?;
        if presence == Presence::Absent {
            return Ok(at);
        }
    }
    Ok(places.len())
}

/// Whether the block can follow anything here; says better than the bridge could why not.
fn check_place(chain: &dyn Bridge<Block>, first: &Place) -> Result<(), ImportFault> {
    let ours = chain.genesis_hash();
    let genesis = match first.id.number {
        0 => Some(first.id.hash),
        1 => Some(first.parent),
        _ => None,
    };
    if let Some(theirs) = genesis.filter(|theirs| *theirs != ours) {
        return Err(ImportFault::OtherChain { theirs, ours });
    }
    match chain.presence(first.parent).map_err(ImportFault::Store)? {
        Presence::Absent => Err(ImportFault::NoParent {
            id: first.id,
            begins: first.begins,
            parent: first.parent,
            best: chain.best(),
        }),
        Presence::Canonical | Presence::Fork => Ok(()),
    }
}

fn reached(so_far: &mut Imported, last: Option<&Place>) {
    if let Some(last) = last {
        so_far.last = Some(last.id);
        so_far.bytes = last.ends;
    }
}

fn count(blocks: usize) -> u64 {
    u64::try_from(blocks).unwrap_or(u64::MAX)
}
