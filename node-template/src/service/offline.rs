//! The chain of a node that is stopped, for commands that work on it themselves.

use super::{ChainFolder, ServiceError};
use crate::{authoring::Chain, runtime::TemplateRuntime};
use chain_spec::ChainSpec;
use runtime_bridge::{
    resync::{Places, RealDisk, ResyncFiles, StoreFolders},
    store::{Lock, StoreError},
};
use std::sync::Arc;
use sync_component::ports::{Clock, SystemClock};

/// A chain that no node runs on, held until this is dropped.
#[derive(Debug)]
pub struct Offline {
    /// The chain.
    pub chain: Chain,
    _lock: Lock,
}

impl Offline {
    /// Takes the chain's lock and opens its store. Refused while a run of Tier 3 is under way; no store is made where there is
    /// none. The folder must exist.
    pub(crate) fn open(folder: &ChainFolder, spec: &ChainSpec) -> Result<Self, ServiceError> {
        let lock = Lock::take(&folder.lock())?;
        Self::open_locked(folder, spec, lock, Absent::Refused)
    }

    /// The same; folder and store are made where there are none, as a node would.
    pub(crate) fn open_or_create(
        folder: &ChainFolder,
        spec: &ChainSpec,
    ) -> Result<Self, ServiceError> {
        folder.create()?;
        let lock = Lock::take(&folder.lock())?;
        Self::open_locked(folder, spec, lock, Absent::Made)
    }

    fn open_locked(
        folder: &ChainFolder,
        spec: &ChainSpec,
        lock: Lock,
        absent: Absent,
    ) -> Result<Self, ServiceError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let stores = StoreFolders::new(spec.clone(), TemplateRuntime, Arc::clone(&clock));
        let places = Places::in_folder(folder.path());
        let disk = Arc::new(RealDisk);
        let files = ResyncFiles::new(places, disk, Arc::new(stores), Arc::clone(&clock));
        files.nothing_is_under_way().map_err(ServiceError::Resync)?;
        let store = folder.store();
        if absent == Absent::Refused && !store.exists() {
            let missing = StoreError::NotAStore { path: store };
            return Err(ServiceError::Store(missing.into()));
        }
        Ok(Self {
            chain: Chain::open(&store, spec, TemplateRuntime, clock)?,
            _lock: lock,
        })
    }
}

/// What becomes of a store that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Absent {
    Refused,
    Made,
}
