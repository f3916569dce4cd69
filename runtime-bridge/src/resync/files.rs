use std::path::{Path, PathBuf};
use sync_component::chain_sync::{BackupName, Journal};

/// Where the files of a chain lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// `<base>/chains/<id>`.
    pub folder: PathBuf,
    /// The journal.
    pub journal: PathBuf,
    /// The live store.
    pub live: PathBuf,
    /// The staged store.
    pub staging: PathBuf,
    /// Old stores.
    pub backups: PathBuf,
}

impl Places {
    /// The places in the chain's folder.
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            journal: folder.join("journal"),
            live: folder.join("db").join("full"),
            staging: folder.join("staging"),
            backups: folder.join("backups"),
        }
    }

    /// Where a backup lies.
    pub fn backup(&self, name: &BackupName) -> PathBuf {
        self.backups.join(&name.0)
    }
}

/// What a start found of an earlier run, and did about it. The store in the live place is whole in every case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Started {
    /// No run was under way.
    Clean,
    /// A restore had touched nothing yet: it is forgotten.
    Forgotten,
    /// A resync was under way: the old chain runs, and the run goes on.
    Resumes(Journal),
    /// A swap was finished: the new chain runs.
    Swapped {
        /// The old chain's name among the backups; `None` if there was no old chain.
        backup: Option<BackupName>,
    },
    /// A swap waits for the operator: the old chain runs.
    AwaitsOperator(Journal),
    /// The store that was to be live is gone: the old chain runs.
    StagedLost,
    /// A swap could not be finished: the old chain runs, and the run is in the stage before it; a restore is over.
    RolledBack {
        /// What stood in the way.
        why: String,
    },
}
