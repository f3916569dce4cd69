//! The stop in which the stores are exchanged, and what an earlier process left of one.

use super::{LastRun, Phase, ResyncDesk};
use crate::{authoring::Chain, service::ServiceError};
use runtime_bridge::{
    ChainTip,
    resync::{ResyncFileError, Started},
};
use sync_component::chain_sync::{BackupName, Journal, ResyncStage, Run, Stage};

impl ResyncDesk {
    /// Before the chain is opened: finishes or takes back what an earlier process began, and says so.
    pub(crate) fn recover(&self) -> Result<(), ServiceError> {
        match self.files.recover().map_err(ServiceError::Resync)? {
            Started::Clean => {}
            Started::Forgotten => tracing::warn!(
                "a restore was ordered and had touched nothing yet: it is forgotten; order it again"
            ),
            Started::Swapped { backup } => {
                let named = backup.as_ref().map(tracing::field::display);
                tracing::info!(
                    backup = named,
                    "an interrupted swap is finished: the new chain runs"
                );
                self.state().last = Some(LastRun::Swapped { backup });
            }
            Started::StagedLost => {
                let why = "the chain that was to become live is gone: the old chain runs, and the run is over; order it again";
                tracing::warn!("{why}");
                self.alert(why);
                self.state().last = Some(LastRun::Failed(why.to_owned()));
            }
            Started::RolledBack { why } => {
                tracing::error!(
                    "{why}; the old chain runs; `resync --resume` tries a resync's swap again"
                );
                self.alert(&why);
                self.state().last = Some(LastRun::Interrupted(why));
            }
            Started::AwaitsOperator(_) => {
                tracing::warn!("{}", ResyncFileError::AwaitsOperator);
            }
            Started::Resumes(journal) => {
                tracing::info!(
                    stage = journal.stage.name(),
                    "an interrupted resync goes on"
                );
                if let Run::Resync(run) = &journal.run
                    && let Err(error) = self.want(run)
                {
                    tracing::error!(%error, "the interrupted resync cannot go on");
                }
            }
        }
        Ok(())
    }

    /// Whether the stores are to be exchanged now.
    pub(crate) fn is_to_swap(&self) -> bool {
        matches!(self.state().phase, Phase::Swap)
    }

    /// Returns when the node has to stop for an exchange of the stores.
    pub(crate) async fn swap_is_due(&self) {
        loop {
            let changed = self.changed.notified();
            if self.is_to_swap() {
                return;
            }
            changed.await;
        }
    }

    /// Exchanges the stores, both closed. The chain in the live place is whole afterwards; an error says why it is not, and
    /// what to do.
    pub(crate) fn swap(&self, old: Option<ChainTip>) -> Result<(), ServiceError> {
        self.state().watch.stage(ResyncStage::Swapping);
        match self.files.swap(old) {
            Ok(swap) => {
                let backup = self.backup_of(swap.backup);
                if let Some(backup) = &backup {
                    tracing::info!(%backup, "the stores are exchanged; the old chain is kept as this backup");
                } else {
                    tracing::info!("the new chain is live; there was no old one to keep");
                }
                self.ended(LastRun::Swapped { backup });
                Ok(())
            }
            Err(error) => {
                tracing::error!(%error, "the stores are not exchanged");
                let why = error.to_string();
                // The old chain is in its place, or the next start puts it there.
                let is_whole = !matches!(
                    self.files.journal().map_err(ServiceError::Resync)?,
                    Some(Journal {
                        stage: Stage::Swapping(_) | Stage::Committed(_),
                        ..
                    })
                );
                self.ended(LastRun::Interrupted(why));
                if is_whole {
                    Ok(())
                } else {
                    Err(ServiceError::Resync(error))
                }
            }
        }
    }

    /// What a swap made of the old chain, under the name that its tip makes.
    fn backup_of(&self, name: BackupName) -> Option<BackupName> {
        let backups = self.files.backups();
        let named = backups.kept(name.clone()).and_then(|kept| {
            let named = kept.map(|kept| backups.name_after_tip(kept));
            named.transpose()
        });
        named.unwrap_or_else(|error| {
            tracing::warn!(%error, "the backup keeps the name that says nothing of its tip");
            Some(name)
        })
    }

    /// Whether the store that a run builds is closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.staged.is_closed()
    }

    /// A node may start on the live store: refused where a run is under way and there is none, as a new one would be made.
    pub(crate) fn live_store_may_be_made(&self) -> Result<(), ServiceError> {
        self.files
            .live_store_may_be_made()
            .map_err(ServiceError::Resync)
    }
}

/// The tip of a chain that is about to be closed.
pub(crate) fn tip_of(chain: &Chain) -> Option<ChainTip> {
    chain
        .tip()
        .inspect_err(|error| tracing::warn!(%error, "the old chain's tip cannot be read"))
        .ok()
}
