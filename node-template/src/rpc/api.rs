use super::{
    BackupView, BlockHashes, BlockNumbers, Health, PeerInfo, PeerView, PlanView, ResyncParams,
    ResyncView, StrategyEntry, SyncState,
};
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

    /// What is remembered of all peers.
    #[method(name = "sync_peers")]
    fn remembered_peers(&self) -> RpcResult<Vec<PeerView>>;

    /// Unsafe: bans a peer until `sync_unbanPeer`.
    #[method(name = "sync_banPeer", blocking, with_extensions)]
    fn ban_peer(&self, peer: String) -> RpcResult<()>;

    /// Unsafe: takes a ban back; answers whether there was one.
    #[method(name = "sync_unbanPeer", blocking, with_extensions)]
    fn unban_peer(&self, peer: String) -> RpcResult<bool>;

    /// The run of Tier 3 under way, and how the last one ended.
    #[method(name = "sync_resyncStatus", blocking)]
    fn resync_status(&self) -> RpcResult<ResyncView>;

    /// The old chains, the oldest first.
    #[method(name = "sync_backups", blocking)]
    fn backups(&self) -> RpcResult<Vec<BackupView>>;

    /// Unsafe: begins a resync, or says what it would do.
    #[method(name = "sync_resync", blocking, with_extensions)]
    fn resync(&self, params: ResyncParams) -> RpcResult<PlanView>;

    /// Unsafe: goes on with an interrupted resync.
    #[method(name = "sync_resume", blocking, with_extensions)]
    fn resume(&self) -> RpcResult<()>;

    /// Unsafe: gives the run under way up.
    #[method(name = "sync_abort", with_extensions)]
    async fn abort(&self) -> RpcResult<()>;

    /// Unsafe: makes a backup the live chain again; answers its whole name.
    #[method(name = "sync_restoreBackup", blocking, with_extensions)]
    fn restore_backup(&self, id: String) -> RpcResult<String>;

    /// Unsafe: removes the backups that need not be kept any more; answers their names.
    #[method(name = "sync_pruneBackups", blocking, with_extensions)]
    fn prune_backups(&self) -> RpcResult<Vec<String>>;
}
