use super::{
    Places, ResyncFileError, Stores,
    run::{Reserve, ResyncFiles, at},
};
use crate::{
    bridge::{ChainTip, OpenError, RuntimeBridge},
    chain_block::ChainBlock,
    closing::Closing,
    execute::Runtime,
    store::LogLimit,
};
use chain_spec::ChainSpec;
use std::{
    fmt, fs, io,
    marker::PhantomData,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    thread,
    time::{Duration, Instant},
};
use sync_component::{
    Observer,
    chain_sync::{Stage, Staging, Swap},
    observer::Unobserved,
    ports::{Bridge, BridgeError, Clock},
};

/// What a second chain is estimated to need beyond the size of the present one, in bytes: the network has gone on, and
/// `RocksDB` keeps old files for a while.
const HEADROOM: u64 = 64 << 20;

/// How long it may take until a staged chain that is given up is closed. Shorter: a run ends that could have gone on with other
/// sources, or one that begins right after another; longer: it takes longer to say so.
const CLOSING: Duration = Duration::from_secs(10);

/// Opens the stores of one chain in whatever folder.
pub struct StoreFolders<B, R> {
    spec: ChainSpec,
    runtime: R,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
    block: PhantomData<fn() -> B>,
}

impl<B, R> fmt::Debug for StoreFolders<B, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreFolders")
            .field("chain", &self.spec.id)
            .finish_non_exhaustive()
    }
}

impl<B: ChainBlock, R: Runtime<B> + Clone> StoreFolders<B, R> {
    /// The stores of the chain of `spec`.
    pub fn new(spec: ChainSpec, runtime: R, clock: Arc<dyn Clock>) -> Self {
        Self {
            spec,
            runtime,
            clock,
            observer: Arc::new(Unobserved),
            block: PhantomData,
        }
    }

    /// The same stores; imports into them are measured.
    #[must_use]
    pub fn observed_by(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = observer;
        self
    }

    fn open(&self, folder: &Path) -> Result<RuntimeBridge<B, R>, OpenError> {
        // It is built, and then opened once more to run a node.
        let bridge = RuntimeBridge::open_with(
            LogLimit::Small,
            folder,
            &self.spec,
            self.runtime.clone(),
            Arc::clone(&self.clock),
        )?;
        Ok(bridge.observed_by(Arc::clone(&self.observer)))
    }
}

impl<B: ChainBlock, R: Runtime<B> + Clone> Stores for StoreFolders<B, R> {
    fn check(&self, folder: &Path) -> Result<ChainTip, OpenError> {
        // A missing folder would be made, with nothing but genesis in it.
        if !folder.exists() {
            return Err(crate::store::StoreError::NotAStore {
                path: folder.to_owned(),
            }
            .into());
        }
        Ok(self.open(folder)?.tip()?)
    }
}

type Opened<B, R> = Option<(Weak<RuntimeBridge<B, R>>, Closing)>;

/// The staged chain of the run under way, for the component.
pub struct StagedStore<B: ChainBlock, R> {
    files: ResyncFiles,
    stores: Arc<StoreFolders<B, R>>,
    /// The live chain's tip, which names its backup.
    old: Mutex<Option<ChainTip>>,
    /// The staged chain while anybody holds it: a store opens once.
    open: Mutex<Opened<B, R>>,
}

impl<B: ChainBlock, R> fmt::Debug for StagedStore<B, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StagedStore")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl<B: ChainBlock, R: Runtime<B> + Clone> StagedStore<B, R> {
    /// The staged chain among these files.
    pub fn new(files: ResyncFiles, stores: Arc<StoreFolders<B, R>>) -> Self {
        Self {
            files,
            stores,
            old: Mutex::new(None),
            open: Mutex::new(None),
        }
    }

    /// A new run begins: what an earlier one has open is not its chain. Whoever opens the new one waits until that is closed.
    pub fn forget(&self) {
        if let Some((staged, _)) = self.opened().as_mut() {
            *staged = Weak::new();
        }
    }

    /// Whether what was opened last is closed.
    pub fn is_closed(&self) -> bool {
        !is_open(&self.opened())
    }

    /// An error if what was opened last is not closed.
    pub fn closed(&self) -> Result<(), ResyncFileError> {
        if self.is_closed() {
            return Ok(());
        }
        Err(self.in_use())
    }

    fn in_use(&self) -> ResyncFileError {
        ResyncFileError::StagedInUse {
            path: self.files.places().staging.clone(),
        }
    }

    /// Waits until what was opened last is closed, for [`CLOSING`] at most: the last one to hold it may be work of a run that was given
    /// up.
    fn await_closing(&self) {
        let waiting = Instant::now();
        while !self.is_closed() && waiting.elapsed() < CLOSING {
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn held(&self) -> Option<Arc<RuntimeBridge<B, R>>> {
        let open = self.opened();
        open.as_ref().and_then(|(staged, _)| staged.upgrade())
    }

    fn opened(&self) -> MutexGuard<'_, Opened<B, R>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The live chain's tip, last seen before it was closed.
    pub fn live_ends_at(&self, tip: ChainTip) {
        *self.old.lock().unwrap_or_else(PoisonError::into_inner) = Some(tip);
    }
}

impl<B: ChainBlock, R: Runtime<B> + Clone> Staging<B> for StagedStore<B, R> {
    fn open(&self) -> Result<Arc<dyn Bridge<B>>, BridgeError> {
        if let Some(staged) = self.held() {
            return Ok(staged);
        }
        self.await_closing();
        let mut open = self.opened();
        if let Some(staged) = open.as_ref().and_then(|(staged, _)| staged.upgrade()) {
            return Ok(staged);
        }
        if is_open(&open) {
            return Err(BridgeError::new(self.in_use()));
        }
        // Work of a run that was given up may come here late, or be here when it is given up: its files neither come back nor go
        // while a store is being made of them.
        let _writing = self.files.writing();
        self.files.run_under_way().map_err(BridgeError::new)?;
        let staged = self.stores.open(&self.files.places().staging);
        let staged = staged.map_err(|source| ResyncFileError::Staged { source });
        let staged = Arc::new(staged.map_err(BridgeError::new)?);
        *open = Some((Arc::downgrade(&staged), staged.closing()));
        Ok(staged)
    }

    fn renew(&self) -> Result<(), BridgeError> {
        let staging = &self.files.places().staging;
        self.await_closing();
        let mut open = self.opened();
        if is_open(&open) {
            return Err(BridgeError::new(self.in_use()));
        }
        *open = None;
        let discarded = {
            let _writing = self.files.writing();
            self.files.discard(staging)
        };
        discarded
            .and_then(|()| self.files.sweep())
            .map_err(BridgeError::new)
    }

    fn room(&self) -> Result<(), BridgeError> {
        self.files.room().map_err(BridgeError::new)
    }

    fn enter(&self, stage: Stage) -> Result<(), BridgeError> {
        self.files.enter(stage).map_err(BridgeError::new)
    }

    fn exchange(&self) -> Result<Swap, BridgeError> {
        let old = *self.old.lock().unwrap_or_else(PoisonError::into_inner);
        self.files.swap(old).map_err(BridgeError::new)
    }
}

fn is_open<B: ChainBlock, R>(opened: &Opened<B, R>) -> bool {
    let last = opened.as_ref();
    last.is_some_and(|(_, closing)| !closing.is_closed())
}

/// What a resync would need and where. Made without writing anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The places.
    pub places: Places,
    /// Size of the live store in bytes; 0 if there is none.
    pub present: u64,
    /// What has to be free for the new one, by the size of the present one, with the reserve; in bytes.
    pub needed: u64,
    /// Free bytes on the disk.
    pub free: u64,
}

/// How long two chains are, in blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lengths {
    /// The live one.
    pub ours: u64,
    /// The one that is to be built, as its sources claim.
    pub theirs: u64,
}

impl Plan {
    /// What has to be free if the new chain's blocks take as much room each as the present one's, in bytes; `None` where that says no
    /// more than [`Plan::needed`]. It rests on claims, and on a chain that may be short and unlike: good for a warning, not for a
    /// refusal.
    pub fn by_length(&self, lengths: Lengths) -> Option<u64> {
        let Lengths { ours, theirs } = lengths;
        if theirs <= ours {
            return None;
        }
        let size = u128::from(self.present).saturating_mul(u128::from(theirs));
        let size = size.checked_div(u128::from(ours))?;
        let more = u64::try_from(size).unwrap_or(u64::MAX) - self.present;
        Some(self.needed.saturating_add(more))
    }
}

impl ResyncFiles {
    /// Checks, without writing, that there is room for a second chain and that live store, staging and backups lie on one
    /// file system.
    pub fn plan(&self) -> Result<Plan, ResyncFileError> {
        let places = self.places();
        let folder = &places.folder;
        let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev());
        let here = device(folder).map_err(at(folder))?;
        for other in [&places.live, &places.staging, &places.backups] {
            match device(other) {
                Ok(there) if there != here => {
                    return Err(ResyncFileError::FileSystems {
                        one: folder.clone(),
                        other: other.clone(),
                    });
                }
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(at(other)(error));
                }
                _ => {}
            }
        }
        // First, as what is being removed must not count twice.
        let free = self.free()?;
        let present = size_of(&places.live).map_err(at(&places.live))?;
        // What an interrupted run has built counts as free: it is used. So does what is being removed, as after an abort.
        let mut free_soon = size_of(&places.staging).map_err(at(&places.staging))?;
        for waiting in self.waiting_to_go()? {
            free_soon = free_soon.saturating_add(size_of(&waiting).map_err(at(&waiting))?);
        }
        let needed = present.saturating_add(HEADROOM).saturating_sub(free_soon);
        let needed = needed.saturating_add(self.reserve().0);
        let plan = Plan {
            places: places.clone(),
            present,
            needed,
            free,
        };
        if free < needed {
            return Err(ResyncFileError::DiskTooSmall {
                path: folder.clone(),
                needed,
                reserve: self.reserve().0,
                free,
            });
        }
        Ok(plan)
    }

    fn free(&self) -> Result<u64, ResyncFileError> {
        free_on(&self.places().folder)
    }

    /// Whether what is being built leaves room for the live chain, which goes on growing on the same disk.
    pub fn room(&self) -> Result<(), ResyncFileError> {
        let free = self.free()?;
        let Reserve(reserve) = self.reserve();
        if free < reserve {
            return Err(ResyncFileError::ReserveReached {
                path: self.places().folder.clone(),
                free,
                reserve,
            });
        }
        Ok(())
    }

    /// Tries what the swap will do, with two empty folders beside each pair of places (SPEC section 7, 1).
    pub fn try_exchange(&self) -> Result<(), ResyncFileError> {
        let places = self.places();
        let live_folder = places.live.parent().unwrap_or(&places.folder);
        let here = places.folder.join(".exchange-test");
        for there in [live_folder, &places.backups] {
            let there: PathBuf = there.join(".exchange-test");
            self.disk().create_folder(&here).map_err(at(&here))?;
            self.disk().create_folder(&there).map_err(at(&there))?;
            let exchanged = match self.disk().exchange(&here, &there) {
                // Two renames do it then; they need one file system as well.
                Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                    self.disk().rename(&here, &there)
                }
                result => result,
            };
            let removed =
                [&here, &there].map(|path| self.disk().remove_tree(path).map_err(at(path)));
            if let Err(error) = exchanged {
                return Err(if error.kind() == io::ErrorKind::CrossesDevices {
                    ResyncFileError::FileSystems {
                        one: here,
                        other: there,
                    }
                } else {
                    at(&there)(error)
                });
            }
            for result in removed {
                result?;
            }
        }
        Ok(())
    }
}

/// Free bytes on the disk of this folder.
pub(super) fn free_on(folder: &Path) -> Result<u64, ResyncFileError> {
    let disk = rustix::fs::statvfs(folder).map_err(|error| at(folder)(error.into()))?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn size_of(folder: &Path) -> io::Result<u64> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut size: u64 = 0;
    for entry in entries {
        let entry = entry?;
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            // RocksDB removes files of a store that is open.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        size = size.saturating_add(if metadata.is_dir() {
            size_of(&entry.path())?
        } else {
            metadata.len()
        });
    }
    Ok(size)
}
