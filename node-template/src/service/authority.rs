use super::{
    Duty, ServiceError,
    folder::ChainFolder,
    production::{RecordState, StoreState},
};
use crate::{
    authoring::{Author, Slots},
    keystore::Keystore,
};
use runtime_bridge::signing::{KeystoreState, Opening, Signed, SigningError, Waiting};
use sp_consensus_aura::sr25519::AuthorityId;
use sp_core::{Pair, sr25519};
use std::{sync::Arc, time::Duration};
use sync_component::{
    orchestrator::{FirstAnswer, ProductionMode},
    ports::Clock,
    wire::Roles,
};

/// How often it is said again that authoring has stopped.
const REMIND: Duration = Duration::from_mins(1);

/// What a node signs with; a node without keys has none.
pub(super) struct Authority {
    pub(super) keys: Arc<[sr25519::Pair]>,
    pub(super) opening: Opening,
}

impl Authority {
    /// The keys that are to sign.
    pub(super) fn public(&self) -> Vec<sr25519::Public> {
        self.keys.iter().map(Pair::public).collect()
    }
}

/// Whether this node has sealed before, by its record.
pub(super) fn record_state(folder: &ChainFolder) -> Result<RecordState, ServiceError> {
    let path = folder.signed();
    match path.try_exists() {
        Ok(true) => Ok(RecordState::Present),
        Ok(false) => Ok(RecordState::Absent),
        Err(source) => Err(ServiceError::Folder { path, source }),
    }
}

/// Reads the keys; `None` for a node that does not author.
pub(super) fn keystore(folder: &ChainFolder, duty: Duty) -> Result<Option<Keystore>, ServiceError> {
    let dev = match duty {
        Duty::Full => return Ok(None),
        Duty::Validator => None,
        Duty::Development(key) => Some(key),
    };
    Ok(Some(Keystore::open(&folder.keystore(), dev)?))
}

/// Says so if no key of ours is an authority's: the node would wait for ever to author.
pub(super) fn warn_of_strange_keys(authority: Option<&Authority>, authorities: &[AuthorityId]) {
    let is_authority = |key: &sr25519::Pair| authorities.contains(&key.public().into());
    if authority.is_some_and(|authority| !authority.keys.iter().any(is_authority)) {
        tracing::warn!(
            "none of our keys is among the authorities of the chain's genesis: nothing will be authored unless the chain has named one of them since"
        );
    }
}

/// Opens the record of what the keys have sealed; `None` without keys.
pub(super) fn open(
    folder: &ChainFolder,
    keystore: Option<Keystore>,
    mode: ProductionMode,
    store: StoreState,
) -> Result<Option<Authority>, ServiceError> {
    let Some(keystore) = keystore else {
        return Ok(None);
    };
    let keys = keystore.aura_keys();
    if keys.is_empty() {
        let folder = folder.keystore();
        tracing::warn!(
            "no AURA key in {}: nothing will be authored; put a key there and restart",
            folder.display()
        );
        return Ok(None);
    }
    // A development key may have been in use on another disk, so a missing record counts as lost. Only the single
    // authority of a chain that has no block yet, and of which nobody else can know any, has certainly sealed nothing.
    let alone = mode == ProductionMode::SingleAuthority(FirstAnswer::NotNeeded);
    let state = if alone && store == StoreState::Empty && keystore.is_empty_on_disk() {
        KeystoreState::Empty
    } else {
        KeystoreState::HoldsKeys
    };
    let publics: Vec<_> = keys.iter().map(Pair::public).collect();
    Ok(Some(Authority {
        keys: keys.into(),
        opening: Signed::open(&folder.signed(), state, &publics)?,
    }))
}

/// What this node tells its peers to be.
pub(super) fn roles(authority: Option<&Authority>) -> Roles {
    match authority {
        Some(_) => Roles::Authority,
        None => Roles::Full,
    }
}

/// The record, after the wait for what it does not know: as many slots as there are authorities.
pub(super) async fn ready(
    opening: Opening,
    slots: Slots,
    authorities: usize,
    clock: &dyn Clock,
) -> Result<Signed, SigningError> {
    let waiting: Waiting = match opening {
        Opening::Ready(signed) => return Ok(signed),
        Opening::MustWait(waiting) => waiting,
    };
    let wait = slots.length_of(authorities);
    tracing::info!(
        "no record of what a key of ours has sealed: authoring begins after {authorities} slots ({} s), when none of them can be repeated",
        wait.as_secs()
    );
    clock.sleep(wait).await;
    waiting.finish(slots.at(clock.wall()).slot)
}

/// Authors until a key of ours turns up elsewhere; then says so again and again, and authors nothing more.
pub(super) async fn author(author: Author) {
    let clock = Arc::clone(&author.clock);
    let manager = Arc::clone(&author.manager);
    let evidence = author.run().await;
    manager.height_sync().own_key_used_elsewhere(evidence.block);
    loop {
        tracing::error!("🚨 authoring has stopped: {evidence}");
        clock.sleep(REMIND).await;
    }
}
