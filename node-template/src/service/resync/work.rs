//! The task that carries the orders out, one after the other.

use super::{Job, LastRun, Phase, ResyncDesk};
use crate::{Block, service::run::within_patience};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use sync_component::{
    BlockId, NetworkSyncManager,
    chain_sync::{Journal, ResyncError, ResyncStage, ResyncWatch, Stage},
    ports::BridgeError,
};

/// How much later than a run that ends without sources one that waits for them is told of. Lower: of both.
const GRACE: Duration = Duration::from_secs(5);

impl ResyncDesk {
    /// Carries out orders, one after the other.
    pub(crate) async fn work(self: Arc<Self>, manager: Arc<NetworkSyncManager<Block>>) {
        loop {
            let changed = self.changed.notified();
            let wanted = {
                let mut state = self.state();
                match std::mem::replace(&mut state.phase, Phase::Running) {
                    Phase::Wanted(job) => Some((job, state.watch.clone())),
                    other => {
                        state.phase = other;
                        None
                    }
                }
            };
            match wanted {
                Some((job, watch)) => self.carry_out(&manager, job, watch).await,
                None => changed.await,
            }
        }
    }

    async fn carry_out(
        self: &Arc<Self>,
        manager: &NetworkSyncManager<Block>,
        job: Job,
        watch: ResyncWatch,
    ) {
        let mut settings = self.settings.clone();
        settings.strategies.tier3 = Some(job.strategy.clone());
        let strategy = match self.registry.resync(&settings) {
            Ok(strategy) => strategy,
            // It was there when the run began.
            Err(error) => return self.ended(LastRun::Interrupted(error.to_string())),
        };
        let chain_sync = manager.chain_sync(strategy, self.declared.clone(), watch.clone());
        let mut outcome = tokio::select! {
            outcome = chain_sync.run(&job.order, self.staged.clone()) => outcome,
            () = self.told_to_abort() => return self.on_disk(Self::give_up).await,
            () = self.warn_of_absent_sources(&watch) => return,
        };
        let (mut voted, mut prepared) = (Instant::now(), None);
        while let Ok(staged) = outcome {
            let ready = if prepared == Some(staged) {
                // The vote opened it once more.
                self.closed().await
            } else {
                self.prepare().await
            };
            outcome = ready.map(|()| staged);
            // At the exchange the vote is no older than a slot.
            if outcome.is_err() || voted.elapsed() <= chain_sync.slot() {
                break;
            }
            prepared = Some(staged);
            outcome = tokio::select! {
                outcome = chain_sync.vote_again(&job.order, self.staged.clone()) => outcome,
                () = self.told_to_abort() => return self.on_disk(Self::give_up).await,
            };
            voted = Instant::now();
        }
        self.on_disk(move |desk| desk.decide(outcome)).await;
    }

    /// What comes after a run that has ended so: also where it is to be given up, and the order to do so came too late to stop it.
    fn decide(&self, outcome: Result<BlockId<Block>, ResyncError<Block>>) {
        let deciding = self.deciding();
        if matches!(self.state().phase, Phase::Aborting) {
            drop(deciding);
            return self.give_up();
        }
        match outcome {
            Ok(staged) => {
                tracing::info!(%staged, "the resync is ready: the stores are exchanged now");
                self.enter(Phase::Swap);
            }
            Err(error) => self.failed(&error),
        }
        drop(deciding);
        self.sweep();
    }

    /// Works on the files where no other task waits for it.
    pub(super) async fn on_disk<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> T {
        let desk = Arc::clone(self);
        let working = tokio::task::spawn_blocking(move || work(&desk)).await;
        working.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }

    /// Removes what has lost its place. Takes long, so nothing else may be held.
    pub(crate) fn sweep(&self) {
        if let Err(error) = self.files.sweep() {
            tracing::warn!(%error, "a store that is needed no more cannot be removed; the next start tries again");
        }
    }

    /// Tells the operator when a run finds none of its sources; then, and if it finds one in time, waits for ever.
    async fn warn_of_absent_sources(&self, watch: &ResyncWatch) {
        // A little longer than a run waits that ends without them.
        let patience = self.settings.tier1.timeout.saturating_add(GRACE);
        tokio::time::sleep(patience).await;
        let progress = watch.progress();
        if progress.stage == ResyncStage::Preparing && progress.sources == 0 {
            self.alert("none of its sources is connected; it goes on as soon as one is");
        }
        std::future::pending::<()>().await;
    }

    /// Does what can be done of the exchange while the old chain is live, so that the node is away for as short as may be, and the vote is
    /// not old by the time of the exchange. An error if nothing may be exchanged.
    async fn prepare(&self) -> Result<(), ResyncError<Block>> {
        self.closed().await?;
        let files = self.files.clone();
        let prepared = tokio::task::spawn_blocking(move || files.prepare_swap()).await;
        if let Ok(Err(error)) = prepared {
            // The exchange meets the same, and says so.
            tracing::debug!(%error, "the exchange is not prepared");
        }
        Ok(())
    }

    /// Waits until nobody holds the staged store any more. While somebody does the node is not stopped for an exchange: it could not be
    /// made, and the old chain would be down as well.
    async fn closed(&self) -> Result<(), ResyncError<Block>> {
        within_patience(|| self.is_closed()).await;
        let closed = self.staged.closed().map_err(BridgeError::new);
        Ok(closed?)
    }

    /// Called while deciding.
    fn failed(&self, error: &ResyncError<Block>) {
        tracing::error!(%error, "the resync ended");
        // A run that has not begun to build leaves nothing to go on with.
        let has_begun = !matches!(
            self.files.journal(),
            Ok(Some(Journal {
                stage: Stage::Preparing,
                ..
            }))
        );
        if has_begun && error.is_resumable() {
            return self.ended(LastRun::Interrupted(error.to_string()));
        }
        if let Err(error) = self.files.give_up() {
            tracing::error!(%error, "what the resync had built cannot be given up");
        }
        self.ended(LastRun::Failed(error.to_string()));
    }

    /// Ends the run that the task worked on, as it was told to.
    fn give_up(&self) {
        {
            let _deciding = self.deciding();
            match self.files.give_up() {
                Ok(()) => self.ended(LastRun::Aborted),
                Err(error) => {
                    tracing::error!(%error, "the run cannot be given up");
                    self.ended(LastRun::Interrupted(error.to_string()));
                }
            }
        }
        self.sweep();
    }

    async fn told_to_abort(&self) {
        loop {
            let changed = self.changed.notified();
            if matches!(self.state().phase, Phase::Aborting) {
                return;
            }
            changed.await;
        }
    }

    /// Returns when no run is worked on any more, with the end of the last one.
    pub(crate) async fn is_idle(&self) -> Option<LastRun> {
        loop {
            let changed = self.changed.notified();
            {
                let state = self.state();
                if matches!(state.phase, Phase::Idle) {
                    return state.last.clone();
                }
            }
            changed.await;
        }
    }
}
