//! Tier 3 in a running node: takes the operator's orders, runs one at a time, and asks for the stop in which the stores are
//! exchanged.

mod declared;
mod kept;
mod order;
mod report;
mod swap;
mod work;

pub(crate) use declared::declared;
pub(crate) use order::lengths;
pub use order::{Chosen, OrderError};
pub use report::{LastRun, ResyncReport};
pub(super) use swap::tip_of;

use super::{ChainFolder, onlookers::Onlookers};
use crate::{
    Block,
    runtime::TemplateRuntime,
    telemetry::{Alert, AlertKind},
};
use chain_spec::ChainSpec;
use runtime_bridge::resync::{Places, RealDisk, Reserve, ResyncFiles, StagedStore, StoreFolders};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use sync_component::{
    StrategyRegistry, SyncSettings,
    chain_sync::{OperatorsOrder, ResyncWatch},
    ports::{Clock, PeerId},
};
use tokio::sync::Notify;

/// One desk for the life of the process; it outlives the restart in which the stores are exchanged.
#[derive(Debug)]
pub struct ResyncDesk {
    files: ResyncFiles,
    staged: Arc<StagedStore<Block, TemplateRuntime>>,
    registry: StrategyRegistry<Block>,
    settings: SyncSettings,
    declared: BTreeSet<PeerId>,
    onlookers: Onlookers,
    state: Mutex<State>,
    /// Held while a run begins or ends, so that two orders at once are one order and a refusal.
    deciding: Mutex<()>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    watch: ResyncWatch,
    /// How the last run ended.
    last: Option<LastRun>,
}

#[derive(Debug)]
enum Phase {
    Idle,
    /// An order waits for the task that carries it out.
    Wanted(Job),
    Running,
    /// The task is to give up.
    Aborting,
    /// The stores are to be exchanged.
    Swap,
}

#[derive(Debug)]
struct Job {
    order: OperatorsOrder<Block>,
    strategy: String,
}

impl ResyncDesk {
    pub(super) fn new(
        folder: &ChainFolder,
        spec: &ChainSpec,
        settings: &SyncSettings,
        declared: BTreeSet<PeerId>,
        registry: StrategyRegistry<Block>,
        clock: Arc<dyn Clock>,
        onlookers: Onlookers,
    ) -> Self {
        // How many headers a snapshot may keep is this node's own setting, like how many are asked for.
        let spec = ChainSpec {
            sync: settings.clone(),
            ..spec.clone()
        };
        let stores = StoreFolders::new(spec, TemplateRuntime, Arc::clone(&clock));
        let stores = Arc::new(stores.observed_by(Arc::clone(&onlookers.observer)));
        let places = Places::in_folder(folder.path());
        let files = ResyncFiles::new(places, Arc::new(RealDisk), stores.clone(), clock)
            .reserving(Reserve::of(&settings.limits));
        Self {
            staged: Arc::new(StagedStore::new(files.clone(), stores)),
            files,
            registry,
            settings: settings.clone(),
            declared,
            onlookers,
            state: Mutex::new(State {
                phase: Phase::Idle,
                watch: ResyncWatch::default(),
                last: None,
            }),
            deciding: Mutex::new(()),
            changed: Notify::new(),
        }
    }

    fn deciding(&self) -> MutexGuard<'_, ()> {
        self.deciding.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, phase: Phase) {
        self.state().phase = phase;
        self.changed.notify_waiters();
    }

    /// A run begins, or goes on: how the last one ended is of no interest any more.
    fn begin(&self, phase: Phase) {
        self.staged.forget();
        {
            let mut state = self.state();
            state.watch = ResyncWatch::default();
            state.last = None;
        }
        self.enter(phase);
    }

    fn ended(&self, how: LastRun) {
        if let LastRun::Failed(why) | LastRun::Interrupted(why) = &how {
            self.alert(why);
        }
        self.state().last = Some(how);
        self.enter(Phase::Idle);
    }

    fn alert(&self, why: &str) {
        let message = format!(
            "a resync or a restore did not come to its end: {why}; see `node-template resync --status`"
        );
        let alert = Alert::new(AlertKind::ResyncFailed, message);
        self.onlookers.alert(alert);
    }
}
