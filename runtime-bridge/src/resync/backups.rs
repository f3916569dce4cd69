use super::{
    ResyncFileError,
    run::{ResyncFiles, UNREAD, at, tip_suffix},
};
use jiff::Timestamp;
use std::time::Duration;
use sync_component::chain_sync::{BackupName, Held, RestoreRun, Run};

/// The file in a backup that says that the node was in sync once since the backup was made.
pub(super) const SETTLED: &str = "IN_SYNC_SINCE";

/// An old chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Its name: `<time>-<number>-<hash>`.
    pub name: BackupName,
    /// How long ago it was made; `None` if its name does not say.
    pub age: Option<Duration>,
    /// Whether the node was in sync once on the chain that took its place.
    pub since: Since,
}

/// Whether the node was in sync once since a backup was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// It was.
    InSync,
    /// Not yet: the backup is kept, whatever its age.
    NeverInSync,
}

/// How long backups are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention(pub Duration);

/// What a pruning did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Backups that were removed.
    pub removed: Vec<BackupName>,
    /// Backups that stay.
    pub kept: Vec<BackupName>,
}

/// The old chains of one chain folder.
#[derive(Clone, Debug)]
pub struct Backups<'a>(pub(super) &'a ResyncFiles);

impl ResyncFiles {
    /// The backups.
    pub fn backups(&self) -> Backups<'_> {
        Backups(self)
    }
}

impl Backups<'_> {
    /// All of them, the oldest first.
    pub fn list(&self) -> Result<Vec<Backup>, ResyncFileError> {
        let folder = &self.0.places().backups;
        let names = self.0.disk().list(folder).map_err(at(folder))?;
        names
            .into_iter()
            .filter(|name| !name.starts_with('.'))
            .map(|name| {
                let name = BackupName(name);
                let settled = self.0.places().backup(&name).join(SETTLED);
                let is_settled = self.0.disk().exists(&settled).map_err(at(&settled))?;
                Ok(Backup {
                    age: self.age(&name),
                    since: if is_settled {
                        Since::InSync
                    } else {
                        Since::NeverInSync
                    },
                    name,
                })
            })
            .collect()
    }

    fn age(&self, name: &BackupName) -> Option<Duration> {
        let time = name.0.split('-').next()?;
        let made = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%S%3fZ", time).ok()?;
        let made = made.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
        let now = Timestamp::from_millisecond(i64::try_from(self.0.now().0).ok()?).ok()?;
        Duration::try_from(now.duration_since(made)).ok()
    }

    /// The backup that a restore under way makes live: nobody else may touch it.
    fn being_restored(&self) -> Result<Option<BackupName>, ResyncFileError> {
        let journal = self.0.journal()?;
        Ok(journal.and_then(|journal| match journal.run {
            Run::Restore(RestoreRun { from }) => Some(from),
            Run::Resync(_) => None,
        }))
    }

    /// The node is in sync: all present backups may go once they are old enough.
    pub fn settle(&self) -> Result<(), ResyncFileError> {
        let _writing = self.0.writing();
        let taken = self.being_restored()?;
        for backup in self.list()? {
            if Some(&backup.name) == taken.as_ref() {
                continue;
            }
            if backup.since == Since::NeverInSync {
                let folder = self.0.places().backup(&backup.name);
                let path = folder.join(SETTLED);
                let disk = self.0.disk();
                disk.write(&path, b"").map_err(at(&path))?;
                disk.sync_folder(&folder).map_err(at(&folder))?;
            }
        }
        Ok(())
    }

    /// Removes the backups that are older than `retention` and since whose making the node was in sync.
    pub fn prune(&self, retention: Retention) -> Result<Pruned, ResyncFileError> {
        let pruned = self.take_old(retention)?;
        self.0.sweep()?;
        Ok(pruned)
    }

    /// Takes those backups out of their places.
    fn take_old(&self, retention: Retention) -> Result<Pruned, ResyncFileError> {
        let _writing = self.0.writing();
        let taken = self.being_restored()?;
        let mut pruned = Pruned::default();
        for backup in self.list()? {
            let is_old = backup.age.is_some_and(|age| age > retention.0);
            let is_free = taken.as_ref() != Some(&backup.name);
            if is_old && is_free && backup.since == Since::InSync {
                self.0.discard(&self.0.places().backup(&backup.name))?;
                pruned.removed.push(backup.name);
            } else {
                pruned.kept.push(backup.name);
            }
        }
        Ok(pruned)
    }

    /// The backup with this name, or the only one whose name begins so.
    pub fn find(&self, id: &str) -> Result<BackupName, ResyncFileError> {
        let mut matching = self.list()?;
        matching.retain(|backup| backup.name.0.starts_with(id));
        match matching.as_slice() {
            [only] if !id.is_empty() => Ok(only.name.clone()),
            all => all
                .iter()
                .find(|backup| backup.name.0 == id)
                .map(|backup| backup.name.clone())
                .ok_or_else(|| ResyncFileError::NoSuchBackup { id: id.to_owned() }),
        }
    }

    /// The backup that a swap was to make; `None` if it made none, as there was no live store.
    pub fn kept(&self, name: BackupName) -> Result<Option<BackupName>, ResyncFileError> {
        let folder = self.0.places().backup(&name);
        let is_there = self.0.disk().exists(&folder).map_err(at(&folder))?;
        Ok(is_there.then_some(name))
    }

    /// Gives a backup whose chain was not opened when it was live the name that its tip makes. One that does not open keeps
    /// its name, and all that it holds.
    pub fn name_after_tip(&self, name: BackupName) -> Result<BackupName, ResyncFileError> {
        let Some(time) = name.0.strip_suffix(UNREAD) else {
            return Ok(name);
        };
        let _writing = self.0.writing();
        let folder = self.0.places().backup(&name);
        let Some(tip) = self.0.tip_of(&folder) else {
            return Ok(name);
        };
        let named = BackupName(format!("{time}{}", tip_suffix(tip)));
        let to = self.0.places().backup(&named);
        let backups = &self.0.places().backups;
        self.0.disk().rename(&folder, &to).map_err(at(&folder))?;
        self.0.disk().sync_folder(backups).map_err(at(backups))?;
        Ok(named)
    }

    /// A run that makes this backup the live chain begins: `swap` does it. Refused if the backup does not open.
    pub fn begin_restore(&self, name: &BackupName) -> Result<(), ResyncFileError> {
        // Until the journal names it, or it could be pruned meanwhile.
        let _writing = self.0.writing();
        let folder = self.0.places().backup(name);
        self.0.nothing_is_under_way()?;
        if !matches!(self.0.held(&folder)?, Held::Store(_)) {
            return Err(ResyncFileError::NoMarker { path: folder });
        }
        self.0.check(&folder)?;
        // It is to be live again: what was said of it as a backup says nothing. Before the journal, as an order that is refused may
        // leave none; without a run the backup is then only kept until the node was in sync once more.
        let settled = folder.join(SETTLED);
        self.0.disk().remove(&settled).map_err(at(&settled))?;
        let from = name.clone();
        self.0.begin_on_empty(Run::Restore(RestoreRun { from }))?;
        Ok(())
    }
}
