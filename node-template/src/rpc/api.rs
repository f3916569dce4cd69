use super::{BlockHashes, BlockNumbers, Health, PeerInfo, StrategyEntry, SyncState};
use crate::{Header, status_view::StatusView};
use jsonrpsee::{core::RpcResult, proc_macros::rpc};
use sp_core::H256;

#[rpc(server)]
pub(super) trait NodeApi {
    #[method(name = "system_health")]
    fn health(&self) -> RpcResult<Health>;

    #[method(name = "system_syncState")]
    fn sync_state(&self) -> RpcResult<SyncState>;

    #[method(name = "system_peers")]
    fn peers(&self) -> RpcResult<Vec<PeerInfo>>;

    #[method(name = "system_localPeerId")]
    fn local_peer_id(&self) -> RpcResult<String>;

    #[method(name = "system_localListenAddresses")]
    fn local_listen_addresses(&self) -> RpcResult<Vec<String>>;

    /// The header of `hash`, or of the best block.
    #[method(name = "chain_getHeader", blocking)]
    fn header(&self, hash: Option<H256>) -> RpcResult<Option<Header>>;

    /// The best chain's hashes at these heights, or at the best one.
    #[method(name = "chain_getBlockHash", blocking)]
    fn block_hash(&self, numbers: Option<BlockNumbers>) -> RpcResult<BlockHashes>;

    #[method(name = "sync_status")]
    fn sync_status(&self) -> RpcResult<StatusView>;

    #[method(name = "sync_strategies")]
    fn sync_strategies(&self) -> RpcResult<Vec<StrategyEntry>>;
}
