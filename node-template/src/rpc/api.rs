use super::{
    BackupView, BlockHashes, BlockNumbers, BlockView, Health, PeerInfo, PeerView, PlanView,
    ResyncParams, ResyncView, StrategyEntry, SyncState, hexed::Hexed,
};
use crate::{Header, runtime::Extrinsic, status_view::StatusView};
use jsonrpsee::{
    core::{RpcResult, SubscriptionResult},
    proc_macros::rpc,
};
use serde_json::Value;
use sp_core::{Bytes, H256};

#[rpc(server)]
pub(super) trait NodeApi {
    #[method(name = "system_name")]
    fn name(&self) -> RpcResult<String>;

    #[method(name = "system_version")]
    fn version(&self) -> RpcResult<String>;

    #[method(name = "system_chain")]
    fn chain(&self) -> RpcResult<String>;

    #[method(name = "system_chainType")]
    fn chain_type(&self) -> RpcResult<String>;

    /// `[properties]` of the chain spec.
    #[method(name = "system_properties")]
    fn properties(&self) -> RpcResult<Value>;

    #[method(name = "system_nodeRoles")]
    fn node_roles(&self) -> RpcResult<Vec<String>>;

    /// The nonce for the next extrinsic of an account (SS58), after those in the pool.
    #[method(name = "system_accountNextIndex", aliases = ["account_nextIndex"], blocking)]
    fn account_next_index(&self, account: String) -> RpcResult<u64>;

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

    /// The block with this hash, or the best one; `null` if it is not stored, error 4003 where only its header is kept.
    #[method(name = "chain_getBlock", blocking)]
    fn block(&self, hash: Option<H256>) -> RpcResult<Option<BlockView>>;

    /// Hash of the highest final block.
    #[method(name = "chain_getFinalizedHead", aliases = ["chain_getFinalisedHead"])]
    fn finalized_head(&self) -> RpcResult<H256>;

    /// Headers of the best block, now and whenever it changes.
    #[subscription(
        name = "chain_subscribeNewHeads" => "chain_newHead",
        aliases = ["chain_subscribeNewHead", "subscribe_newHead"],
        unsubscribe = "chain_unsubscribeNewHeads",
        unsubscribe_aliases = ["chain_unsubscribeNewHead", "unsubscribe_newHead"],
        item = Header
    )]
    async fn subscribe_new_heads(&self) -> SubscriptionResult;

    /// Headers of the highest final block, now and whenever it changes.
    #[subscription(
        name = "chain_subscribeFinalizedHeads" => "chain_finalizedHead",
        aliases = ["chain_subscribeFinalisedHeads"],
        unsubscribe = "chain_unsubscribeFinalizedHeads",
        unsubscribe_aliases = ["chain_unsubscribeFinalisedHeads"],
        item = Header
    )]
    async fn subscribe_finalized_heads(&self) -> SubscriptionResult;

    /// The value under a storage key in the state after a block, or after the best one; error 4003 where that state is not kept.
    #[method(name = "state_getStorage", aliases = ["state_getStorageAt"], blocking)]
    fn storage(&self, key: Hexed, at: Option<H256>) -> RpcResult<Option<Bytes>>;

    /// Takes an encoded extrinsic into the pool; answers its hash.
    #[method(name = "author_submitExtrinsic", blocking)]
    fn submit_extrinsic(&self, extrinsic: Hexed) -> RpcResult<H256>;

    /// All extrinsics in the pool, encoded, the oldest first.
    #[method(name = "author_pendingExtrinsics", blocking)]
    fn pending_extrinsics(&self) -> RpcResult<Vec<Extrinsic>>;

    /// The best chain's hashes at these heights, or at the best one.
    #[method(name = "chain_getBlockHash", aliases = ["chain_getHead"], blocking)]
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
