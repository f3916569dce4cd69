//! The chains that were exchanged: list, restore, remove.

use super::{OrderError, Phase, ResyncDesk};
use crate::telemetry::{Alert, AlertKind};
use runtime_bridge::resync::{Backup, Pruned, ResyncFileError, Retention};
use std::time::Duration;
use sync_component::chain_sync::BackupName;

impl ResyncDesk {
    /// Makes a backup the live chain again.
    pub(crate) fn restore(&self, id: &str) -> Result<BackupName, OrderError> {
        let _deciding = self.deciding();
        let backups = self.files.backups();
        let name = backups.find(id)?;
        backups.begin_restore(&name)?;
        self.begin(Phase::Swap);
        Ok(name)
    }

    /// The backups, the oldest first.
    pub(crate) fn backups(&self) -> Result<Vec<Backup>, ResyncFileError> {
        self.files.backups().list()
    }

    /// Removes the backups that need not be kept any more.
    pub(crate) fn prune(&self) -> Result<Pruned, ResyncFileError> {
        let days = self.settings.tier3.backup_retention_days;
        let kept = Duration::try_from_secs_f64(days * 24.0 * 3_600.0).unwrap_or(Duration::MAX);
        self.files.backups().prune(Retention(kept))
    }

    /// The node is in sync: remembers it beside the backups, and removes those that are old enough.
    pub(crate) fn settle(&self) {
        let settled = self.files.backups().settle().and_then(|()| self.prune());
        match settled {
            Ok(pruned) => {
                for backup in pruned.removed {
                    tracing::info!(%backup, "backup removed: it is old, and the node was in sync since");
                }
            }
            Err(error) => {
                tracing::debug!(%error, "the backups cannot be kept in order");
                let message = format!("the backups cannot be kept in order: {error}");
                let alert = Alert::new(AlertKind::BackupsFailed, message);
                self.onlookers.alert(alert);
            }
        }
    }
}
