use super::{CliError, PlaceArgs, args::StandInArgs, node_key, strategies};
use crate::{
    Block, network,
    runtime::TemplateRuntime,
    service::{ChainFolder, ServiceError},
};
use chain_spec::{ChainSpec, Preset};
use runtime_bridge::{
    resync::{Places, RealDisk, ResyncFiles, StoreFolders},
    store::{Lock, LockError},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use sync_component::ports::{Clock, SystemClock};

/// The chain of `--chain` and `--dev`; `local` if neither is given, as with Substrate's templates.
pub(super) fn chain_name(chain: Option<&str>, dev: bool) -> &str {
    match (chain, dev) {
        (Some(chain), _) => chain,
        (None, true) => Preset::Dev.name(),
        (None, false) => Preset::Local.name(),
    }
}

/// The chain spec, whose strategies have to be there.
pub(super) fn load(name_or_path: &str) -> Result<ChainSpec, CliError> {
    Ok(ChainSpec::load_knowing(name_or_path, strategies::known())?)
}

/// A chain and the folder of its data on this machine.
#[derive(Debug)]
pub(super) struct Place {
    /// The chain.
    pub(super) spec: ChainSpec,
    /// `<base>/chains/<id>`.
    pub(super) folder: PathBuf,
}

impl Place {
    /// What the options say.
    pub(super) fn of(args: &PlaceArgs) -> Result<Self, CliError> {
        let spec = load(chain_name(args.chain.as_deref(), args.dev))?;
        let base = match &args.base_path {
            Some(path) => path.clone(),
            None => default_base_path()?,
        };
        let folder = chain_folder(&base, &spec.id);
        Ok(Self { spec, folder })
    }

    /// The same, with the settings that the node is given.
    pub(super) fn of_node(args: &StandInArgs) -> Result<Self, CliError> {
        let mut place = Self::of(&args.place)?;
        place.spec.sync = strategies::settings(&place.spec, args.sync_config.as_deref())?;
        Ok(place)
    }

    /// The files of Tier 3 of this chain.
    pub(super) fn resync_files(&self) -> ResyncFiles {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let stores =
            StoreFolders::<Block, _>::new(self.spec.clone(), TemplateRuntime, Arc::clone(&clock));
        let places = Places::in_folder(&self.folder);
        ResyncFiles::new(places, Arc::new(RealDisk), Arc::new(stores), clock)
    }

    /// Refuses the id of the node that has this folder. One that was given its key on its command line knows better itself.
    pub(super) fn is_another(&self, peer: &str) -> Result<(), CliError> {
        let key = ChainFolder::at(&self.folder).network_key();
        // Without a key, or with one that does not read, nobody is known to be this node.
        let ours = node_key::read(&key).map(|key| network::peer_id(&key).to_string());
        if ours.is_ok_and(|ours| ours == peer) {
            let peer = peer.to_owned();
            return Err(CliError::Ourselves { peer });
        }
        Ok(())
    }

    /// The chain's lock; `None` if there is no such folder. Refused while a node holds it.
    pub(super) fn lock(&self) -> Result<Option<Lock>, CliError> {
        if !self.folder.exists() {
            return Ok(None);
        }
        match Lock::take(&ChainFolder::at(&self.folder).lock()) {
            Ok(lock) => Ok(Some(lock)),
            Err(LockError::Held { .. }) => Err(CliError::InUse {
                folder: self.folder.clone(),
            }),
            Err(error) => Err(ServiceError::from(error).into()),
        }
    }
}

/// `<base>/chains/<id>` (SPEC section 11).
pub(super) fn chain_folder(base: &Path, id: &str) -> PathBuf {
    base.join("chains").join(id)
}

/// Where data go if nothing is said: `node-template` in the user's data folder.
pub(super) fn default_base_path() -> Result<PathBuf, CliError> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let data = match (set("XDG_DATA_HOME"), set("HOME")) {
        (Some(data), _) => PathBuf::from(data),
        (None, Some(home)) => PathBuf::from(home).join(".local").join("share"),
        (None, None) => return Err(CliError::NoDataFolder),
    };
    Ok(data.join(env!("CARGO_PKG_NAME")))
}
