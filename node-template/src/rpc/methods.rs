use super::{
    BlockHashes, BlockNumbers, Health, NodeFacts, PeerInfo, StrategyEntry, SyncState,
    answers::PeersExpected,
    api::NodeApiServer,
    blocks::{BlockNumber, NUMBERS_MAX},
};
use crate::{Block, Header, status_view::StatusView};
use jsonrpsee::{
    RpcModule,
    core::RpcResult,
    types::{
        ErrorObjectOwned,
        error::{INTERNAL_ERROR_CODE, INVALID_PARAMS_CODE},
    },
};
use sp_consensus::SyncOracle;
use sp_core::H256;
use sp_runtime::traits::NumberFor;
use std::sync::Arc;
use sync_component::{
    NetworkSyncManager,
    block_id::height,
    ports::{Bridge, BridgeError},
};

/// Answers the methods of the RPC from the node's memory and its store.
#[derive(Clone, Debug)]
pub struct Rpc {
    /// What does not change.
    pub facts: Arc<NodeFacts>,
    /// How the node stands.
    pub manager: Arc<NetworkSyncManager<Block>>,
    /// Its chain.
    pub bridge: Arc<dyn Bridge<Block>>,
}

impl Rpc {
    /// All methods, `rpc_methods` included.
    pub(super) fn into_module(self) -> RpcModule<()> {
        let mut module = RpcModule::new(());
        module
            .merge(self.into_rpc())
            .expect("the module is empty, so no name is taken");
        let mut names: Vec<&str> = module.method_names().collect();
        names.push("rpc_methods");
        names.sort_unstable();
        let list = serde_json::json!({ "methods": names });
        module
            .register_method("rpc_methods", move |_, (), _| list.clone())
            .expect("no other method has this name");
        module
    }

    fn hash_at(&self, BlockNumber(wanted): BlockNumber) -> RpcResult<Option<H256>> {
        // A number that the chain's type cannot hold lies above every tip.
        match NumberFor::<Block>::try_from(wanted) {
            Ok(number) => self.bridge.canonical_hash(number).map_err(|e| fault(&e)),
            Err(_) => Ok(None),
        }
    }
}

impl NodeApiServer for Rpc {
    fn health(&self) -> RpcResult<Health> {
        Ok(Health {
            peers: self.manager.peers().len(),
            is_syncing: self.manager.is_major_syncing(),
            should_have_peers: self.facts.peers_expected == PeersExpected::Yes,
        })
    }

    fn sync_state(&self) -> RpcResult<SyncState> {
        let report = self.manager.report();
        let current = report.best.height();
        let above = [report.target, report.consensus].into_iter().flatten();
        Ok(SyncState {
            starting_block: height::<Block>(self.facts.starting_block),
            current_block: current,
            highest_block: above.map(|block| block.height()).fold(current, u64::max),
        })
    }

    fn peers(&self) -> RpcResult<Vec<PeerInfo>> {
        Ok(self.manager.peers().iter().map(Into::into).collect())
    }

    fn local_peer_id(&self) -> RpcResult<String> {
        Ok(self.facts.peer_id.clone())
    }

    fn local_listen_addresses(&self) -> RpcResult<Vec<String>> {
        let addresses = self.facts.addresses.list();
        Ok(addresses.iter().map(ToString::to_string).collect())
    }

    fn header(&self, hash: Option<H256>) -> RpcResult<Option<Header>> {
        let hash = hash.unwrap_or_else(|| self.bridge.best().hash);
        self.bridge.header(hash).map_err(|error| fault(&error))
    }

    fn block_hash(&self, numbers: Option<BlockNumbers>) -> RpcResult<BlockHashes> {
        match numbers {
            None => Ok(BlockHashes::One(Some(self.bridge.best().hash))),
            Some(BlockNumbers::One(number)) => self.hash_at(number).map(BlockHashes::One),
            Some(BlockNumbers::List(numbers)) if numbers.len() > NUMBERS_MAX => {
                Err(ErrorObjectOwned::owned(
                    INVALID_PARAMS_CODE,
                    format!("at most {NUMBERS_MAX} numbers may be asked for at once"),
                    None::<()>,
                ))
            }
            Some(BlockNumbers::List(numbers)) => {
                let hashes = numbers.into_iter().map(|number| self.hash_at(number));
                hashes.collect::<RpcResult<_>>().map(BlockHashes::List)
            }
        }
    }

    fn sync_status(&self) -> RpcResult<StatusView> {
        Ok(StatusView::from(&self.manager.report()))
    }

    fn sync_strategies(&self) -> RpcResult<Vec<StrategyEntry>> {
        Ok(self.facts.strategies.iter().map(Into::into).collect())
    }
}

fn fault(error: &BridgeError) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(INTERNAL_ERROR_CODE, error.to_string(), None::<()>)
}
