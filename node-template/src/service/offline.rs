//! The chain of a node that is stopped, for commands that work on it themselves.

use super::{ChainFolder, ServiceError};
use crate::{authoring::Chain, runtime::TemplateRuntime};
use chain_spec::ChainSpec;
use runtime_bridge::{
    resync::{Places, RealDisk, ResyncFiles, StoreFolders},
    store::Lock,
};
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};
use sync_component::ports::{Clock, SystemClock};

/// A chain that no node runs on, held until this is dropped.
#[derive(Debug)]
pub struct Offline {
    /// The chain.
    pub chain: Chain,
    lock: Lock,
    made: Option<Made>,
}

impl Offline {
    /// Takes the chain's lock and opens its store. Refused while a run of Tier 3 is under way; no store is made where there is
    /// none. The folder must exist.
    pub(crate) fn open(folder: &ChainFolder, spec: &ChainSpec) -> Result<Self, ServiceError> {
        let lock = Lock::take(&folder.lock())?;
        let store = folder.store();
        let chain = Self::open_locked(folder, spec, || {
            if store.exists() {
                Ok(())
            } else {
                let folder = folder.path().to_owned();
                Err(ServiceError::NoStore { folder })
            }
        })?;
        Ok(Self {
            chain,
            lock,
            made: None,
        })
    }

    /// The same; folder and store are made where there are none, as a node would.
    pub(crate) fn open_or_create(
        folder: &ChainFolder,
        spec: &ChainSpec,
    ) -> Result<Self, ServiceError> {
        let made = Made::by_opening(folder);
        folder.create()?;
        let lock = Lock::take(&folder.lock())?;
        // Another process may have made one meanwhile: that is not ours to remove.
        let made = made.filter(|_| !folder.store().exists());
        let chain = Self::open_locked(folder, spec, || Ok(()))?;
        Ok(Self { chain, lock, made })
    }

    /// Whether there was no chain here before this was opened.
    pub(crate) fn is_new(&self) -> bool {
        self.made.is_some()
    }

    /// Closes the chain, and removes it with its folders where they were made for it.
    pub(crate) fn take_back(self) -> io::Result<()> {
        let Self { chain, lock, made } = self;
        drop(chain);
        if let Some(made) = made {
            made.remove()?;
        }
        // Until now, so that nobody opens what is being removed.
        drop(lock);
        Ok(())
    }

    fn open_locked(
        folder: &ChainFolder,
        spec: &ChainSpec,
        is_fit: impl FnOnce() -> Result<(), ServiceError>,
    ) -> Result<Chain, ServiceError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let stores = StoreFolders::new(spec.clone(), TemplateRuntime, Arc::clone(&clock));
        let places = Places::in_folder(folder.path());
        let disk = Arc::new(RealDisk);
        let files = ResyncFiles::new(places, disk, Arc::new(stores), Arc::clone(&clock));
        files.nothing_is_under_way().map_err(ServiceError::Resync)?;
        is_fit()?;
        Ok(Chain::open(&folder.store(), spec, TemplateRuntime, clock)?)
    }
}

/// What opening a chain makes where there is none.
#[derive(Debug)]
struct Made {
    store: PathBuf,
    /// The lock's file, if it was not there.
    lock: Option<PathBuf>,
    /// Folders that were not there, the innermost first.
    folders: Vec<PathBuf>,
}

impl Made {
    /// To be asked before; `None` if there is a chain.
    fn by_opening(folder: &ChainFolder) -> Option<Self> {
        let (store, lock, network) = (folder.store(), folder.lock(), folder.network());
        if store.exists() {
            return None;
        }
        let around = store.ancestors().skip(1).chain(network.ancestors());
        let absent = around.filter(|path| !path.as_os_str().is_empty() && !path.exists());
        let absent: BTreeSet<_> = absent.map(Path::to_owned).collect();
        Some(Self {
            lock: (!lock.exists()).then_some(lock),
            // Whatever is in a folder comes after it in this order.
            folders: absent.into_iter().rev().collect(),
            store,
        })
    }

    fn remove(self) -> io::Result<()> {
        fs::remove_dir_all(&self.store)?;
        if let Some(lock) = self.lock {
            fs::remove_file(lock)?;
        }
        for folder in self.folders {
            match fs::remove_dir(folder) {
                // Somebody else has put something there.
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
                removed => removed?,
            }
        }
        Ok(())
    }
}
