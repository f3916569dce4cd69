use crate::{Block, authoring::Chain, pool::Pool, service::PeerKeeper};
use jsonrpsee::{
    core::RpcResult,
    types::{ErrorObjectOwned, error::CALL_EXECUTION_FAILED_CODE},
};
use std::{sync::Arc, time::Duration};
use sync_component::NetworkSyncManager;
use tokio::sync::watch;

/// How long a call waits for an exchange of the stores. Lower: callers are told to ask again although it would have been over;
/// higher: they wait as long where it fails.
const PATIENCE: Duration = Duration::from_secs(10);

/// What of a node goes and comes again when its stores are exchanged.
#[derive(Clone, Debug)]
pub struct Live {
    /// How it stands.
    pub manager: Arc<NetworkSyncManager<Block>>,
    /// Its chain.
    pub chain: Arc<Chain>,
    /// What waits for a block.
    pub pool: Arc<Pool>,
    /// What is remembered of peers.
    pub peers: Arc<PeerKeeper>,
}

/// Where the RPC finds it. Whoever takes it out holds the store open until it is dropped. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Present(Arc<watch::Sender<Option<Live>>>);

impl Default for Present {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }
}

impl Present {
    /// It is there from now on.
    pub fn put(&self, live: Live) {
        self.0.send_replace(Some(live));
    }

    /// It is gone: calls wait.
    pub fn take_away(&self) {
        self.0.send_replace(None);
    }

    /// What is there now; an error to the caller if there is nothing.
    pub(super) fn now(&self) -> RpcResult<Live> {
        self.get().ok_or_else(|| {
            let text = "the stores are being exchanged; ask again in a moment";
            ErrorObjectOwned::owned(CALL_EXECUTION_FAILED_CODE, text, None::<()>)
        })
    }

    /// What is there now.
    pub(super) fn get(&self) -> Option<Live> {
        self.0.borrow().clone()
    }

    /// Waits until something is there, but not for ever.
    pub(super) async fn wait(&self) {
        let mut changes = self.0.subscribe();
        // It ends by itself only with the node; whoever looks sees that nothing is there.
        let _ = tokio::time::timeout(PATIENCE, changes.wait_for(Option::is_some)).await;
    }
}
