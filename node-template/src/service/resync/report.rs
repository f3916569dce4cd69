//! How far the run under way is, and how the last one ended.

use super::{Phase, ResyncDesk};
use runtime_bridge::resync::ResyncFileError;
use sync_component::chain_sync::{BackupName, Journal, Progress};

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LastRun {
    /// The new chain is live.
    Swapped {
        /// The old one among the backups; `None` if there was none.
        backup: Option<BackupName>,
    },
    /// It failed; it may go on later.
    Interrupted(String),
    /// It failed and was given up: the old chain is as it was.
    Failed(String),
    /// The operator gave it up.
    Aborted,
}

/// What is known of the run under way.
#[derive(Clone, Debug, PartialEq)]
pub struct ResyncReport {
    /// The journal; none if no run is under way.
    pub journal: Option<Journal>,
    /// How far it is, while it runs in this process.
    pub progress: Option<Progress>,
    /// How the last run of this process ended.
    pub last: Option<LastRun>,
}

impl ResyncDesk {
    /// How the last run of this process ended.
    pub(crate) fn last(&self) -> Option<LastRun> {
        self.state().last.clone()
    }

    /// How far the run under way is, without a look at its files; `None` if nothing is worked on.
    pub(crate) fn progress(&self) -> Option<Progress> {
        let state = self.state();
        let is_idle = matches!(state.phase, Phase::Idle);
        (!is_idle).then(|| state.watch.progress())
    }

    /// What is known of the run under way.
    pub(crate) fn report(&self) -> Result<ResyncReport, ResyncFileError> {
        let journal = self.files.journal()?;
        let state = self.state();
        let progress = match state.phase {
            Phase::Idle => None,
            _ => Some(state.watch.progress()),
        };
        Ok(ResyncReport {
            journal,
            progress,
            last: state.last.clone(),
        })
    }
}
