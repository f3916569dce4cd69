use super::{Disk, Places, ResyncFileError};
use crate::{
    bridge::{ChainTip, OpenError},
    store::draft_of,
};
use jiff::Timestamp;
use std::{
    ffi::OsString,
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use sync_component::{
    chain_sync::{BackupName, Journal, RestoreRun, Run, Stage},
    ports::{Clock, UnixMillis},
    settings::Limits,
};

/// Begins the name of a store that is being removed.
const REMOVING: &str = ".removing-";

/// What a run leaves free on the disk, in bytes (`disk_reserve_bytes`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserve(pub u64);

impl Reserve {
    /// What these limits say.
    pub fn of(limits: &Limits) -> Self {
        Self(u64::try_from(limits.disk_reserve_bytes).unwrap_or(u64::MAX))
    }
}

/// What a swap has to know of the stores themselves.
pub trait Stores: fmt::Debug + Send + Sync {
    /// Opens the store in this folder, reads its tip and that tip's state root, and closes it.
    fn check(&self, folder: &Path) -> Result<ChainTip, OpenError>;
}

/// The files of one chain and the run under way on them. The caller holds the chain's lock.
#[derive(Clone, Debug)]
pub struct ResyncFiles {
    places: Places,
    disk: Arc<dyn Disk>,
    stores: Arc<dyn Stores>,
    clock: Arc<dyn Clock>,
    reserve: Reserve,
    /// Held while the journal is read, decided on and written, and while anything loses its place.
    writing: Arc<Mutex<()>>,
    /// Held while what has lost its place is removed, which takes long.
    sweeping: Arc<Mutex<()>>,
}

impl ResyncFiles {
    /// The files at these places.
    pub fn new(
        places: Places,
        disk: Arc<dyn Disk>,
        stores: Arc<dyn Stores>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            places,
            disk,
            stores,
            clock,
            reserve: Reserve::of(&Limits::default()),
            writing: Arc::default(),
            sweeping: Arc::default(),
        }
    }

    /// The same files, of whose disk a run leaves so much free.
    #[must_use]
    pub fn reserving(mut self, reserve: Reserve) -> Self {
        self.reserve = reserve;
        self
    }

    pub(super) fn reserve(&self) -> Reserve {
        self.reserve
    }

    /// Where they lie.
    pub fn places(&self) -> &Places {
        &self.places
    }

    pub(super) fn disk(&self) -> &dyn Disk {
        self.disk.as_ref()
    }

    /// The tip of the store in this folder; `None` if it does not open.
    pub(super) fn tip_of(&self, folder: &Path) -> Option<ChainTip> {
        self.stores.check(folder).ok()
    }

    pub(super) fn writing(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> UnixMillis {
        self.clock.wall()
    }

    /// The run under way.
    pub fn journal(&self) -> Result<Option<Journal>, ResyncFileError> {
        let path = &self.places.journal;
        let Some(bytes) = self.disk.read(path).map_err(at(path))? else {
            return Ok(None);
        };
        let journal = Journal::parse(&String::from_utf8_lossy(&bytes));
        journal
            .map(Some)
            .map_err(|source| ResyncFileError::Journal {
                path: path.clone(),
                source,
            })
    }

    pub(super) fn write(&self, journal: &Journal) -> Result<(), ResyncFileError> {
        let draft = self.places.journal.with_extension("new");
        self.disk
            .write(&draft, journal.to_text().as_bytes())
            .map_err(at(&draft))?;
        self.disk
            .rename(&draft, &self.places.journal)
            .map_err(at(&self.places.journal))?;
        self.sync(&self.places.folder)
    }

    pub(super) fn forget(&self) -> Result<(), ResyncFileError> {
        let path = &self.places.journal;
        self.disk.remove(path).map_err(at(path))?;
        self.sync(&self.places.folder)
    }

    pub(super) fn sync(&self, folder: &Path) -> Result<(), ResyncFileError> {
        self.disk.sync_folder(folder).map_err(at(folder))
    }

    pub(super) fn sync_parent(&self, path: &Path) -> Result<(), ResyncFileError> {
        self.sync(path.parent().unwrap_or(path))
    }

    /// `UnderWay` if a run is.
    pub fn nothing_is_under_way(&self) -> Result<(), ResyncFileError> {
        let Some(journal) = self.journal()? else {
            return Ok(());
        };
        Err(ResyncFileError::UnderWay {
            kind: match journal.run {
                Run::Resync(_) => "resync",
                Run::Restore(_) => "restore",
            },
            stage: journal.stage.name(),
        })
    }

    pub(super) fn run_under_way(&self) -> Result<Journal, ResyncFileError> {
        self.journal()?.ok_or(ResyncFileError::NothingUnderWay)
    }

    /// `NoLiveStore` if a run is under way and there is no live store: no new one may be made then.
    pub fn live_store_may_be_made(&self) -> Result<(), ResyncFileError> {
        let live = &self.places.live;
        if self.journal()?.is_some() && !self.disk.exists(live).map_err(at(live))? {
            return Err(ResyncFileError::NoLiveStore { live: live.clone() });
        }
        Ok(())
    }

    /// A run begins. Refused while another is under way; what an aborted one left in staging loses its place, and
    /// [`ResyncFiles::sweep`] removes it: an error after the journal is written would look like a refusal of a run that goes on.
    pub fn begin(&self, run: Run) -> Result<Journal, ResyncFileError> {
        let _writing = self.writing();
        self.nothing_is_under_way()?;
        self.discard_staged()?;
        self.begin_on_empty(run)
    }

    /// Called while writing, where no run is under way.
    pub(super) fn begin_on_empty(&self, run: Run) -> Result<Journal, ResyncFileError> {
        let journal = Journal::begin(run, self.now());
        self.write(&journal)?;
        Ok(journal)
    }

    /// The run enters `stage`; being in it already is no error.
    pub fn enter(&self, stage: Stage) -> Result<(), ResyncFileError> {
        let _writing = self.writing();
        let journal = self.run_under_way()?;
        if journal.stage == stage {
            return Ok(());
        }
        self.write(&journal.next(stage, self.now())?)
    }

    /// Takes a store out of its place, so that nobody ever finds half of one there; [`ResyncFiles::sweep`] removes it. Called while
    /// writing.
    pub(super) fn discard(&self, store: &Path) -> Result<(), ResyncFileError> {
        if self.disk.exists(store).map_err(at(store))? {
            let garbage = self.free_name(store)?;
            self.disk.rename(store, &garbage).map_err(at(store))?;
            self.sync_parent(store)?;
        }
        Ok(())
    }

    /// What is being removed may still have the name that an earlier one got.
    fn free_name(&self, store: &Path) -> Result<PathBuf, ResyncFileError> {
        let mut name = OsString::from(REMOVING);
        name.push(store.file_name().unwrap_or_default());
        let mut garbage = store.with_file_name(&name);
        while self.disk.exists(&garbage).map_err(at(&garbage))? {
            name.push("+");
            garbage.set_file_name(&name);
        }
        Ok(garbage)
    }

    /// What a run built, whole or not yet. Called while writing.
    pub(super) fn discard_staged(&self) -> Result<(), ResyncFileError> {
        self.discard(&self.places.staging)?;
        self.discard(&draft_of(&self.places.staging))
    }

    /// The stores that have lost their place and are still there, or being removed.
    pub(super) fn waiting_to_go(&self) -> Result<Vec<PathBuf>, ResyncFileError> {
        let mut waiting = Vec::new();
        for folder in [&self.places.folder, &self.places.backups] {
            let names = self.disk.list(folder).map_err(at(folder))?;
            let names = names.iter().filter(|name| name.starts_with(REMOVING));
            waiting.extend(names.map(|name| folder.join(name)));
        }
        Ok(waiting)
    }

    /// Removes the stores that have lost their place, also those of an earlier process that did not come to it. Takes as long as the
    /// disk needs; nothing else waits for it.
    pub fn sweep(&self) -> Result<(), ResyncFileError> {
        let _sweeping = self.sweeping.lock().unwrap_or_else(PoisonError::into_inner);
        let mut result = Ok(());
        for garbage in self.waiting_to_go()? {
            let removed = self.disk.remove_tree(&garbage).map_err(at(&garbage));
            // One that cannot be removed keeps no other.
            result = result.and(removed);
        }
        result
    }

    /// The store that is to become live.
    pub(super) fn source(&self, journal: &Journal) -> PathBuf {
        match &journal.run {
            Run::Resync(_) => self.places.staging.clone(),
            Run::Restore(RestoreRun { from }) => self.places.backup(from),
        }
    }

    pub(super) fn check(&self, folder: &Path) -> Result<ChainTip, ResyncFileError> {
        self.stores
            .check(folder)
            .map_err(|source| ResyncFileError::NewStore {
                path: folder.to_owned(),
                source: Box::new(source),
            })
    }

    /// Takes a swap that waits for the operator back to the stage before it: for a resync the voters are asked again.
    pub fn resume(&self) -> Result<Journal, ResyncFileError> {
        let _writing = self.writing();
        let journal = self.run_under_way()?;
        if !matches!(journal.stage, Stage::Swapping(_)) {
            return Ok(journal);
        }
        let journal = journal.before_swap(self.now())?;
        self.write(&journal)?;
        Ok(journal)
    }

    /// Gives the run up: the old chain stays, what was built goes. Refused once the stores are exchanged, unless the new one
    /// does not open: then they are exchanged back.
    pub fn abort(&self) -> Result<(), ResyncFileError> {
        self.give_up()?;
        self.sweep()
    }

    /// The same without its longest part: what was built has lost its place and waits for [`ResyncFiles::sweep`].
    pub fn give_up(&self) -> Result<(), ResyncFileError> {
        let _writing = self.writing();
        let journal = self.run_under_way()?;
        match &journal.stage {
            Stage::Committed(_) => return Err(ResyncFileError::TooLateToAbort),
            Stage::Swapping(swap) => {
                let live = &self.places.live;
                if self.held(live)?.is_new(swap) && self.stores.check(live).is_ok() {
                    return Err(ResyncFileError::TooLateToAbort);
                }
                self.roll_back(&journal, swap)?;
            }
            Stage::Preparing | Stage::Downloading | Stage::Validated => {}
        }
        // The journal first: staging without a journal is garbage, a journal without staging would begin again.
        self.forget()?;
        match journal.run {
            Run::Resync(_) => self.discard_staged(),
            Run::Restore(_) => Ok(()),
        }
    }
}

/// `<time>-<number>-<hash>`, the time in UTC to the millisecond.
pub(super) fn backup_name(now: UnixMillis, tip: Option<ChainTip>) -> BackupName {
    let millis = i64::try_from(now.0).unwrap_or(i64::MAX);
    let time = Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX);
    let time = time.strftime("%Y%m%dT%H%M%S%3fZ");
    let suffix = tip.map_or_else(|| UNREAD.to_owned(), tip_suffix);
    BackupName(format!("{time}{suffix}"))
}

/// The end of a backup's name whose tip is not known.
pub(super) const UNREAD: &str = "-unread";

/// The end of the name of a backup that ends in `tip`.
pub(super) fn tip_suffix(tip: ChainTip) -> String {
    format!("-{}-{}", tip.number, hex::encode(tip.hash))
}

pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> ResyncFileError + use<> {
    let path = path.to_owned();
    move |source| ResyncFileError::Path { path, source }
}
