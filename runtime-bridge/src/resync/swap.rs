//! The exchange of the stores, and what a start does about one that was interrupted.

use super::{
    ResyncFileError, Started,
    run::{ResyncFiles, at, backup_name},
};
use crate::{bridge::ChainTip, store::Marker};
use std::{io, path::Path};
use sync_component::chain_sync::{
    BackupName, Found, Held, Journal, Recovery, Run, Stage, StoreId, Swap, recovery,
};

impl ResyncFiles {
    /// Exchanges the stores: the one that the run built becomes live, the live one a backup that is named after `old`, its
    /// tip if that is known. Both are closed. After an error the old chain is live and the run is in the stage before, or
    /// the next start sees to it.
    pub fn swap(&self, old: Option<ChainTip>) -> Result<Swap, ResyncFileError> {
        let _writing = self.writing();
        let journal = self.run_under_way()?;
        let swapped = self.begin_swap(&journal, old);
        if swapped.is_err() && matches!(journal.run, Run::Restore(_)) {
            // Nothing was built that could be gone on with.
            self.forget_unless_swapping()?;
        }
        swapped
    }

    /// Opens what the run built once, and makes it durable, while the old chain is still live: what a store does when it is opened
    /// first after it was filled, and what the disk has to do, take the longest part of an exchange. It is closed. The exchange
    /// looks at all of it again; an error here is one there.
    pub fn prepare_swap(&self) -> Result<(), ResyncFileError> {
        let _writing = self.writing();
        let source = self.source(&self.run_under_way()?);
        self.check(&source)?;
        self.disk().sync_tree(&source).map_err(at(&source))
    }

    fn forget_unless_swapping(&self) -> Result<(), ResyncFileError> {
        match self.journal()? {
            Some(journal) if journal.stage == Stage::Preparing => self.forget(),
            _ => Ok(()),
        }
    }

    fn begin_swap(
        &self,
        journal: &Journal,
        old: Option<ChainTip>,
    ) -> Result<Swap, ResyncFileError> {
        let source = self.source(journal);
        self.check(&source)?;
        let Held::Store(staged) = self.held(&source)? else {
            return Err(ResyncFileError::NoMarker { path: source });
        };
        self.disk().sync_tree(&source).map_err(at(&source))?;
        let live = match self.held(&self.places().live)? {
            Held::Store(id) => Some(id),
            Held::Nothing | Held::Unread => None,
        };
        let swap = Swap {
            live,
            staged,
            backup: backup_name(self.now(), old),
        };
        let journal = journal.next(Stage::Swapping(swap.clone()), self.now())?;
        self.write(&journal)?;
        match self.carry_through(&journal, &swap)? {
            Carried::Through => Ok(swap),
            Carried::Back(error) => Err(error),
        }
    }

    /// From `swapping` to the end, or back.
    fn carry_through(&self, journal: &Journal, swap: &Swap) -> Result<Carried, ResyncFileError> {
        let done = self
            .exchange(&self.source(journal), swap)
            .and_then(|()| self.check(&self.places().live).map(|_| ()));
        match done {
            Ok(()) => self.finish(journal, swap).map(|()| Carried::Through),
            Err(error) => {
                self.roll_back(journal, swap)?;
                Ok(Carried::Back(error))
            }
        }
    }

    fn exchange(&self, source: &Path, swap: &Swap) -> Result<(), ResyncFileError> {
        let live = &self.places().live;
        let parent = live.parent().unwrap_or(live);
        if self.held(live)?.is_new(swap) {
            self.sync(parent)?;
            return self.sync_parent(source);
        }
        self.disk().create_folder(parent).map_err(at(parent))?;
        if self.disk().exists(live).map_err(at(live))? {
            match self.disk().exchange(live, source) {
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
        self.move_store(source, live)
    }

    fn move_store(&self, from: &Path, to: &Path) -> Result<(), ResyncFileError> {
        self.disk().rename(from, to).map_err(at(to))?;
        self.sync_parent(to)?;
        self.sync_parent(from)
    }

    fn to_backups(&self, store: &Path, name: &BackupName) -> Result<(), ResyncFileError> {
        let backups = &self.places().backups;
        self.disk().create_folder(backups).map_err(at(backups))?;
        self.sync_parent(backups)?;
        self.move_store(store, &self.places().backup(name))
    }

    /// What is left to do once the new store was opened in the live place.
    fn finish(&self, journal: &Journal, swap: &Swap) -> Result<(), ResyncFileError> {
        if matches!(journal.stage, Stage::Swapping(_)) {
            self.write(&journal.next(Stage::Committed(swap.clone()), self.now())?)?;
        }
        let source = self.source(journal);
        if self.disk().exists(&source).map_err(at(&source))? {
            self.to_backups(&source, &swap.backup)?;
        }
        self.forget()
    }

    /// Back to the old chain. What a resync has built stays, and the run is in the stage before the swap. If it is not
    /// known any more to be what was built, the run is over, as a restore is.
    pub(super) fn roll_back(&self, journal: &Journal, swap: &Swap) -> Result<(), ResyncFileError> {
        let source = self.source(journal);
        let found = self.found(journal)?;
        if found.live.is_old(swap) && found.waiting.is_old(swap) {
            return Err(self.unclear(&source));
        }
        if !found.live.is_old(swap) {
            self.put_back(&source, swap)?;
        }
        if matches!(journal.run, Run::Resync(_)) && self.held(&source)?.is_new(swap) {
            self.write(&journal.before_swap(self.now())?)
        } else {
            self.forget()
        }
    }

    fn put_back(&self, source: &Path, swap: &Swap) -> Result<(), ResyncFileError> {
        let live = &self.places().live;
        let backup = self.places().backup(&swap.backup);
        let live_holds = self.held(live)?;
        if self.held(source)?.is_old(swap) {
            if live_holds == Held::Nothing {
                return self.move_store(source, live);
            }
            self.disk().exchange(live, source).map_err(at(live))?;
            self.sync_parent(live)?;
            return self.sync_parent(source);
        }
        let old_is_backup = self.held(&backup)?.is_old(swap);
        let there_was_none = swap.live.is_none() && self.held(&backup)? == Held::Nothing;
        if !old_is_backup && !there_was_none {
            return Err(self.unclear(source));
        }
        if live_holds != Held::Nothing {
            self.move_store(live, source)?;
        }
        if old_is_backup {
            self.move_store(&backup, live)?;
        }
        Ok(())
    }

    fn unclear(&self, source: &Path) -> ResyncFileError {
        ResyncFileError::Unclear {
            live: self.places().live.clone(),
            waiting: source.to_owned(),
            backups: self.places().backups.clone(),
            journal: self.places().journal.clone(),
        }
    }

    /// What lies in the place of a store.
    pub(super) fn held(&self, folder: &Path) -> Result<Held, ResyncFileError> {
        if !self.disk().exists(folder).map_err(at(folder))? {
            return Ok(Held::Nothing);
        }
        let path = Marker::path(folder);
        let bytes = self.disk().read(&path).map_err(at(&path))?;
        let text = bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let marker = text.and_then(|text| Marker::parse(folder, &text).ok());
        Ok(marker.map_or(Held::Unread, |marker| Held::Store(StoreId(marker.id))))
    }

    fn found(&self, journal: &Journal) -> Result<Found, ResyncFileError> {
        let backup = match &journal.stage {
            Stage::Swapping(swap) | Stage::Committed(swap) => {
                self.held(&self.places().backup(&swap.backup))?
            }
            Stage::Preparing | Stage::Downloading | Stage::Validated => Held::Nothing,
        };
        Ok(Found {
            live: self.held(&self.places().live)?,
            waiting: self.held(&self.source(journal))?,
            backup,
        })
    }

    /// Before any store is opened: finishes or takes back what an earlier process began. What a run built that was given up loses its
    /// place; [`ResyncFiles::sweep`] removes it.
    pub fn recover(&self) -> Result<Started, ResyncFileError> {
        let _writing = self.writing();
        let Some(journal) = self.journal()? else {
            self.discard_staged()?;
            return Ok(Started::Clean);
        };
        Ok(
            match recovery(&journal, &self.found(&journal)?, self.now()) {
                Recovery::Forget => {
                    self.forget()?;
                    Started::Forgotten
                }
                Recovery::GoOn => Started::Resumes(journal),
                Recovery::Exchange(swap) => self.go_through(&journal, swap)?,
                Recovery::Finish(swap) if matches!(journal.stage, Stage::Swapping(_)) => {
                    self.go_through(&journal, swap)?
                }
                Recovery::Finish(swap) => {
                    self.finish(&journal, &swap)?;
                    self.swapped(swap)?
                }
                Recovery::PutBack(swap) => {
                    self.roll_back(&journal, &swap)?;
                    Started::StagedLost
                }
                Recovery::AwaitOperator => Started::AwaitsOperator(journal),
                Recovery::StagedLost => {
                    self.forget()?;
                    Started::StagedLost
                }
                Recovery::Unclear => return Err(self.unclear(&self.source(&journal))),
            },
        )
    }

    fn swapped(&self, swap: Swap) -> Result<Started, ResyncFileError> {
        let backup = self.backups().kept(swap.backup)?;
        Ok(Started::Swapped { backup })
    }

    fn go_through(&self, journal: &Journal, swap: Swap) -> Result<Started, ResyncFileError> {
        Ok(match self.carry_through(journal, &swap)? {
            Carried::Through => self.swapped(swap)?,
            Carried::Back(error) => Started::RolledBack {
                why: error.to_string(),
            },
        })
    }
}

/// How far a swap went.
enum Carried {
    Through,
    /// The old chain is live again.
    Back(ResyncFileError),
}
