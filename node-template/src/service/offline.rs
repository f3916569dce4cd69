//! The chain of a node that is stopped, for commands that work on it themselves.

use super::{ChainFolder, ServiceError};
use crate::{authoring::Chain, runtime::TemplateRuntime};
use chain_spec::ChainSpec;
use runtime_bridge::{
    resync::{Places, RealDisk, ResyncFiles, StoreFolders},
    store::Lock,
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
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let stores = StoreFolders::new(spec.clone(), TemplateRuntime, Arc::clone(&clock));
        let places = Places::in_folder(folder.path());
        let disk = Arc::new(RealDisk);
        let files = ResyncFiles::new(places, disk, Arc::new(stores), Arc::clone(&clock));
        files.nothing_is_under_way().map_err(ServiceError::Resync)?;
        let store = folder.store();
        if !store.exists() {
            let folder = folder.path().to_owned();
            return Err(ServiceError::NoStore { folder });
        }
        Ok(Self {
            chain: Chain::open(&store, spec, TemplateRuntime, clock)?,
            _lock: lock,
        })
    }
}
