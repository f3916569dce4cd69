//! The operator's orders: what a resync would do, begin one, go on with it, give it up.

use super::{Job, LastRun, Phase, ResyncDesk};
use crate::Block;
use runtime_bridge::resync::{Lengths, Plan, ResyncFileError};
use std::{collections::BTreeSet, sync::Arc};
use sync_component::{
    NetworkSyncManager,
    chain_sync::{BadRequest, OperatorsOrder, ResyncRequest, ResyncRun, ResyncWatch, Run, Source},
    ports::PeerId,
    registry::{RegistryError, selected},
    status::Tier,
};

/// Why an order is not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// The files.
    #[error(transparent)]
    Files(#[from] ResyncFileError),
    /// The strategy.
    #[error(transparent)]
    Strategy(#[from] RegistryError),
    /// The request in the journal.
    #[error(transparent)]
    Request(#[from] BadRequest),
    /// The swap has begun.
    #[error("the stores are being exchanged: the run can only be finished")]
    TooLate,
    /// The run is not given up.
    #[error("the run is not given up: {0}")]
    NotAborted(String),
}

/// The strategy of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Its name.
    pub name: String,
    /// What it trusts beyond what every node checks of every block.
    pub trusts: Option<&'static str>,
}

/// What became of an order to give up.
enum Abort {
    /// The run is given up.
    Done,
    /// The task that works on the run gives it up.
    Asked,
}

impl ResyncDesk {
    /// What a resync would do; writes nothing.
    pub(crate) fn plan(&self) -> Result<Plan, OrderError> {
        self.files.nothing_is_under_way()?;
        Ok(self.files.plan()?)
    }

    /// The peers that a resync would use now.
    pub(crate) fn sources(
        &self,
        manager: &NetworkSyncManager<Block>,
        request: &ResyncRequest<Block>,
    ) -> Result<Vec<Source>, OrderError> {
        let strategy = self.registry.resync(&self.settings)?;
        let chain_sync =
            manager.chain_sync(strategy, self.declared.clone(), ResyncWatch::default());
        Ok(chain_sync.sources(&request.peers))
    }

    /// Peers that are declared trusted.
    pub(crate) fn declared(&self) -> &BTreeSet<PeerId> {
        &self.declared
    }

    /// The strategy that the settings, or the operator, chose.
    pub(crate) fn strategy(&self, wanted: Option<&str>) -> Result<Chosen, OrderError> {
        let mut settings = self.settings.clone();
        if let Some(name) = wanted {
            settings.strategies.tier3 = Some(name.to_owned());
        }
        let strategy = self.registry.resync(&settings)?;
        Ok(Chosen {
            name: selected(Tier::Resync, &settings).to_owned(),
            trusts: strategy.trusts(),
        })
    }

    /// Begins a resync.
    pub(crate) fn order(
        &self,
        order: OperatorsOrder<Block>,
        strategy: Option<&str>,
    ) -> Result<Plan, OrderError> {
        let strategy = self.strategy(strategy)?.name;
        let deciding = self.deciding();
        let plan = self.plan()?;
        let run = Run::Resync(order.request().written_down(&strategy));
        self.files.begin(run)?;
        if let Err(error) = self.files.try_exchange() {
            if let Err(error) = self.files.give_up() {
                tracing::error!(%error, "the order that was refused is still written down; `resync --abort` takes it back");
            }
            return Err(error.into());
        }
        self.begin(Phase::Wanted(Job { order, strategy }));
        drop(deciding);
        self.sweep();
        Ok(plan)
    }

    pub(super) fn want(&self, run: &ResyncRun) -> Result<(), OrderError> {
        #[allow(clippy::disallowed_methods, reason = "the operator's order goes on")]
        let order = OperatorsOrder::of_journal(run)?;
        let strategy = run.strategy.clone();
        self.begin(Phase::Wanted(Job { order, strategy }));
        Ok(())
    }

    /// Goes on with an interrupted run.
    pub(crate) fn resume(&self) -> Result<(), OrderError> {
        let _deciding = self.deciding();
        if !matches!(self.state().phase, Phase::Idle) {
            return Ok(());
        }
        let journal = self.files.resume()?;
        match &journal.run {
            Run::Resync(run) => self.want(run),
            // It has no vote: the stores are exchanged in the next stop.
            Run::Restore(_) => {
                self.begin(Phase::Swap);
                Ok(())
            }
        }
    }

    /// Gives the run up, unless it is worked on: the task that does it is told.
    fn abort_or_ask(&self) -> Result<Abort, OrderError> {
        let deciding = self.deciding();
        let mut state = self.state();
        match state.phase {
            Phase::Swap => return Err(OrderError::TooLate),
            Phase::Running => state.phase = Phase::Aborting,
            Phase::Aborting => {}
            Phase::Idle | Phase::Wanted(_) => {
                // Nobody takes the order up while its files go: the task may look at any time.
                let waiting = std::mem::replace(&mut state.phase, Phase::Aborting);
                drop(state);
                if let Err(error) = self.files.give_up() {
                    self.enter(waiting);
                    return Err(error.into());
                }
                self.ended(LastRun::Aborted);
                drop(deciding);
                self.sweep();
                return Ok(Abort::Done);
            }
        }
        Ok(Abort::Asked)
    }

    /// Gives the run up. One that is worked on is given up by the task that does it; this waits for that.
    pub(crate) async fn abort(self: &Arc<Self>) -> Result<(), OrderError> {
        match self.on_disk(Self::abort_or_ask).await? {
            Abort::Done => return Ok(()),
            Abort::Asked => {}
        }
        self.changed.notify_waiters();
        loop {
            let changed = self.changed.notified();
            {
                let state = self.state();
                match (&state.phase, &state.last) {
                    (Phase::Aborting, _) => {}
                    (_, Some(LastRun::Failed(why) | LastRun::Interrupted(why))) => {
                        return Err(OrderError::NotAborted(why.clone()));
                    }
                    _ => return Ok(()),
                }
            }
            changed.await;
        }
    }
}

/// How long the present chain is, and how long its sources claim theirs to be: at least half of them one as long.
pub(crate) fn lengths(manager: &NetworkSyncManager<Block>, sources: &[Source]) -> Option<Lengths> {
    let peers = manager.peers();
    let of_sources = peers
        .iter()
        .filter(|peer| sources.iter().any(|source| source.peer == peer.peer));
    let mut claims: Vec<_> = of_sources.map(|peer| peer.best.height()).collect();
    claims.sort_unstable();
    let theirs = *claims.get(claims.len().saturating_sub(1) / 2)?;
    let ours = manager.report().best.height();
    Some(Lengths { ours, theirs })
}
