use super::{Disk, Places, ResyncFileError, Started};
use crate::{
    bridge::{ChainTip, OpenError},
    store::Marker,
};
use jiff::Timestamp;
use std::{fmt, io, path::Path, sync::Arc};
use sync_component::{
    chain_sync::{
        BackupName, Journal, LiveStore, Recovery, RestoreRun, Run, Stage, StoreId, Swap, recovery,
    },
    ports::{Clock, UnixMillis},
};

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
        }
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

    fn write(&self, journal: &Journal) -> Result<(), ResyncFileError> {
        let draft = self.places.journal.with_extension("new");
        self.disk
            .write(&draft, journal.to_text().as_bytes())
            .map_err(at(&draft))?;
        self.disk
            .rename(&draft, &self.places.journal)
            .map_err(at(&self.places.journal))?;
        self.sync(&self.places.folder)
    }

    fn forget(&self) -> Result<(), ResyncFileError> {
        let path = &self.places.journal;
        self.disk.remove(path).map_err(at(path))?;
        self.sync(&self.places.folder)
    }

    fn sync(&self, folder: &Path) -> Result<(), ResyncFileError> {
        self.disk.sync_folder(folder).map_err(at(folder))
    }

    fn sync_parent(&self, path: &Path) -> Result<(), ResyncFileError> {
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

    /// A run begins. Refused while another is under way; what an aborted one left in staging is removed.
    pub fn begin(&self, run: Run) -> Result<Journal, ResyncFileError> {
        self.nothing_is_under_way()?;
        self.remove_staging()?;
        let journal = Journal::begin(run, self.now());
        self.write(&journal)?;
        Ok(journal)
    }

    /// The run enters `stage`; being in it already is no error.
    pub fn enter(&self, stage: Stage) -> Result<(), ResyncFileError> {
        let journal = self.journal()?.ok_or(ResyncFileError::NothingUnderWay)?;
        if journal.stage == stage {
            return Ok(());
        }
        self.write(&journal.next(stage, self.now())?)
    }

    fn remove_staging(&self) -> Result<(), ResyncFileError> {
        let path = &self.places.staging;
        self.disk.remove_tree(path).map_err(at(path))
    }

    /// The store that is to become live.
    fn source(&self, journal: &Journal) -> std::path::PathBuf {
        match &journal.run {
            Run::Resync(_) => self.places.staging.clone(),
            Run::Restore(RestoreRun { from }) => self.places.backup(from),
        }
    }

    fn live_store(&self) -> Result<LiveStore, ResyncFileError> {
        let path = &self.places.live;
        if !self.disk.exists(path).map_err(at(path))? {
            return Ok(LiveStore::Missing);
        }
        Ok(self
            .store_id(path)?
            .map_or(LiveStore::Unread, LiveStore::Known))
    }

    /// The id in a store's marker; `None` if the marker is missing or does not read.
    pub(super) fn store_id(&self, folder: &Path) -> Result<Option<StoreId>, ResyncFileError> {
        let path = Marker::path(folder);
        let bytes = self.disk.read(&path).map_err(at(&path))?;
        let text = bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let marker = text.and_then(|text| Marker::parse(folder, &text).ok());
        Ok(marker.map(|marker| StoreId(marker.id)))
    }

    /// Exchanges the stores: the one that the run built becomes live, the live one a backup that is named after `old`, its
    /// tip if that is known. Both are closed. After an error before the exchange the old chain is live; after one behind
    /// it the next start finishes.
    pub fn swap(&self, old: Option<ChainTip>) -> Result<Swap, ResyncFileError> {
        let journal = self.journal()?.ok_or(ResyncFileError::NothingUnderWay)?;
        let source = self.source(&journal);
        self.check(&source)?;
        let staged = self.store_id(&source)?;
        let staged = staged.ok_or_else(|| ResyncFileError::UnreadableBackup {
            id: BackupName(source.display().to_string()),
        })?;
        self.disk.sync_tree(&source).map_err(at(&source))?;
        let live = match self.live_store()? {
            LiveStore::Known(id) => Some(id),
            LiveStore::Missing | LiveStore::Unread => None,
        };
        let swap = Swap {
            live,
            staged,
            backup: backup_name(self.now(), old),
        };
        let journal = journal.next(Stage::Swapping(swap.clone()), self.now())?;
        self.write(&journal)?;
        self.exchange(&source, &swap)?;
        self.finish(&journal, &swap)?;
        Ok(swap)
    }

    fn check(&self, folder: &Path) -> Result<ChainTip, ResyncFileError> {
        self.stores
            .check(folder)
            .map_err(|source| ResyncFileError::NewStore {
                source: Box::new(source),
            })
    }

    fn exchange(&self, source: &Path, swap: &Swap) -> Result<(), ResyncFileError> {
        let live = &self.places.live;
        let parent = live.parent().unwrap_or(live);
        self.disk.create_folder(parent).map_err(at(parent))?;
        if self.disk.exists(live).map_err(at(live))? {
            match self.disk.exchange(live, source) {
                Ok(()) => {
                    self.sync(parent)?;
                    return self.sync_parent(source);
                }
                Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                    self.to_backups(live, &swap.backup)?;
                }
                Err(error) => return Err(at(live)(error)),
            }
        }
        self.disk.rename(source, live).map_err(at(live))?;
        self.sync(parent)?;
        self.sync_parent(source)
    }

    fn to_backups(&self, store: &Path, name: &BackupName) -> Result<(), ResyncFileError> {
        let backups = &self.places.backups;
        self.disk.create_folder(backups).map_err(at(backups))?;
        self.sync_parent(backups)?;
        let place = self.places.backup(name);
        self.disk.rename(store, &place).map_err(at(&place))?;
        self.sync(backups)?;
        self.sync_parent(store)
    }

    /// What is left to do after the exchange.
    fn finish(&self, journal: &Journal, swap: &Swap) -> Result<(), ResyncFileError> {
        if matches!(journal.stage, Stage::Swapping(_)) {
            self.check(&self.places.live)?;
            self.write(&journal.next(Stage::Committed(swap.clone()), self.now())?)?;
        }
        let source = self.source(journal);
        if self.disk.exists(&source).map_err(at(&source))? {
            self.to_backups(&source, &swap.backup)?;
        }
        self.forget()
    }

    /// Before any store is opened: finishes or takes back what an earlier process began.
    pub fn recover(&self) -> Result<Started, ResyncFileError> {
        let Some(journal) = self.journal()? else {
            return Ok(Started::Clean);
        };
        let source = self.source(&journal);
        let staged = self.store_id(&source)?;
        let decision = recovery(&journal, &self.live_store()?, staged.as_ref(), self.now());
        Ok(match decision {
            Recovery::Forget => {
                self.forget()?;
                Started::Forgotten
            }
            Recovery::GoOn => Started::Resumes(journal),
            Recovery::Exchange(swap) => {
                self.exchange(&source, &swap)?;
                self.finish(&journal, &swap)?;
                Started::Swapped {
                    backup: swap.backup,
                }
            }
            Recovery::Finish(swap) => {
                self.finish(&journal, &swap)?;
                Started::Swapped {
                    backup: swap.backup,
                }
            }
            Recovery::AwaitOperator => Started::AwaitsOperator(journal),
            Recovery::StagedLost => {
                self.forget()?;
                Started::StagedLost
            }
        })
    }

    /// Takes a swap that waits for the operator back to the stage before it, so that the voters are asked again. A restore
    /// has no vote: it is finished.
    pub fn resume(&self) -> Result<Started, ResyncFileError> {
        let journal = self.journal()?.ok_or(ResyncFileError::NothingUnderWay)?;
        match (&journal.run, &journal.stage) {
            (Run::Restore(_), Stage::Swapping(swap)) => {
                self.exchange(&self.source(&journal), swap)?;
                self.finish(&journal, swap)?;
                Ok(Started::Swapped {
                    backup: swap.backup.clone(),
                })
            }
            (Run::Resync(_), Stage::Swapping(_)) => {
                let journal = journal.next(Stage::Validated, self.now())?;
                self.write(&journal)?;
                Ok(Started::Resumes(journal))
            }
            _ => Ok(Started::Resumes(journal)),
        }
    }

    /// Gives the run up: the old chain stays, what was built goes. Refused once the stores are exchanged, unless the new one
    /// does not open: then they are exchanged back.
    pub fn abort(&self) -> Result<(), ResyncFileError> {
        let journal = self.journal()?.ok_or(ResyncFileError::NothingUnderWay)?;
        let source = self.source(&journal);
        if let Stage::Committed(_) = journal.stage {
            return Err(ResyncFileError::TooLateToAbort);
        }
        if let Stage::Swapping(swap) = &journal.stage {
            match self.live_store()? {
                LiveStore::Known(id) if id == swap.staged => self.exchange_back(&source, swap)?,
                LiveStore::Missing => return Err(ResyncFileError::TooLateToAbort),
                LiveStore::Known(_) | LiveStore::Unread => {}
            }
        }
        // The journal first: staging without a journal is garbage, a journal without staging would begin again.
        self.forget()?;
        match journal.run {
            Run::Resync(_) => self.remove_staging(),
            Run::Restore(_) => Ok(()),
        }
    }

    fn exchange_back(&self, source: &Path, swap: &Swap) -> Result<(), ResyncFileError> {
        let live = &self.places.live;
        let backup = self.places.backup(&swap.backup);
        let exists = |path: &Path| self.disk.exists(path).map_err(at(path));
        let old_is_there = exists(source)? || exists(&backup)?;
        if !old_is_there || self.stores.check(live).is_ok() {
            return Err(ResyncFileError::TooLateToAbort);
        }
        if exists(source)? {
            self.disk.exchange(live, source).map_err(at(live))?;
        } else {
            self.disk.rename(live, source).map_err(at(live))?;
            self.sync_parent(live)?;
            self.disk.rename(&backup, live).map_err(at(live))?;
            self.sync(&self.places.backups)?;
        }
        self.sync_parent(live)?;
        self.sync_parent(source)
    }
}

/// `<time>-<number>-<hash>`, the time in UTC to the millisecond.
fn backup_name(now: UnixMillis, tip: Option<ChainTip>) -> BackupName {
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
