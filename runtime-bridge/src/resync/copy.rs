//! A copy of a backup, for another node to open.

use super::{Backups, ResyncFileError, backups::SETTLED, run::at, staging::free_on};
use crate::store::draft_of;
use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};
use sync_component::chain_sync::BackupName;

/// The lock file of a database that is closed.
const DATABASE_LOCK: &str = "LOCK";

/// How far a copy is, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Copied already.
    pub done: u64,
    /// Altogether.
    pub total: u64,
}

/// What is copied of a store. Two that are alike were taken with nothing changed between them.
#[derive(Debug, PartialEq, Eq)]
struct Listing(Vec<Listed>);

#[derive(Debug, PartialEq, Eq)]
struct Listed {
    name: OsString,
    bytes: u64,
    changed: SystemTime,
}

impl Listing {
    fn of(store: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        for entry in fs::read_dir(store)? {
            let entry = entry?;
            let name = entry.file_name();
            // What was said of it as a backup is no part of the store.
            if entry.file_type()?.is_file() && name != SETTLED && name != DATABASE_LOCK {
                let metadata = entry.metadata()?;
                files.push(Listed {
                    name,
                    bytes: metadata.len(),
                    changed: metadata.modified()?,
                });
            }
        }
        files.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Self(files))
    }

    fn bytes(&self) -> u64 {
        let sizes = self.0.iter().map(|file| file.bytes);
        sizes.fold(0, u64::saturating_add)
    }
}

impl Backups<'_> {
    /// Copies a backup to `target`, which gets its name when the copy is whole and on the disk: a kill or a full disk leaves a draft
    /// beside it that no node takes for a store. Nobody need hold the chain: where a running node removes or restores the backup
    /// meanwhile, the copy is refused.
    pub fn copy(
        &self,
        name: &BackupName,
        target: &Path,
        copied: impl FnMut(Copied),
    ) -> Result<(), ResyncFileError> {
        let from = self.0.places().backup(name);
        let draft = draft_of(target);
        let done = self.copy_whole(&from, &draft, target, copied);
        if done.is_err() {
            // What went wrong is what is told; a draft that is left is in nobody's way.
            let _ = self.0.disk().remove_tree(&draft);
        }
        done
    }

    fn copy_whole(
        &self,
        from: &Path,
        draft: &Path,
        target: &Path,
        copied: impl FnMut(Copied),
    ) -> Result<(), ResyncFileError> {
        let listing = Listing::of(from).map_err(at(from))?;
        let present = nearest(target);
        let (needed, free) = (listing.bytes(), free_on(present)?);
        if free < needed {
            return Err(ResyncFileError::NoRoomForCopy {
                path: target.to_owned(),
                needed,
                free,
            });
        }
        let disk = self.0.disk();
        disk.create_folder(draft).map_err(at(draft))?;
        let files = copy_files(&listing, from, draft, copied);
        if Listing::of(from).ok().as_ref() != Some(&listing) {
            return Err(ResyncFileError::ChangedMeanwhile {
                path: from.to_owned(),
            });
        }
        files?;
        disk.sync_tree(draft).map_err(at(draft))?;
        disk.rename(draft, target).map_err(at(target))?;
        // With the folders that were made for it.
        for folder in target.ancestors().skip(1) {
            let folder = or_here(folder);
            self.0.sync(folder)?;
            if folder == present {
                break;
            }
        }
        Ok(())
    }
}

fn copy_files(
    listing: &Listing,
    from: &Path,
    to: &Path,
    mut copied: impl FnMut(Copied),
) -> Result<(), ResyncFileError> {
    let (mut done, total) = (0_u64, listing.bytes());
    for file in &listing.0 {
        copied(Copied { done, total });
        let to: PathBuf = to.join(&file.name);
        fs::copy(from.join(&file.name), &to).map_err(at(&to))?;
        done = done.saturating_add(file.bytes);
    }
    Ok(())
}

/// The innermost folder on the way to `path` that is there.
fn nearest(path: &Path) -> &Path {
    let mut above = path.ancestors().skip(1).map(or_here);
    above
        .find(|folder| folder.is_dir())
        .unwrap_or_else(|| Path::new("/"))
}

/// The end of a relative path is the folder that it is relative to.
fn or_here(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    }
}
