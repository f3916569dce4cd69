use super::{HeaderView, NodeFile, StatusView};
use crate::rpc::{BackupView, PeerView, PlanView, ResyncParams, ResyncView};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use jsonrpsee::core::{client::ClientT, params::ArrayParams};
use jsonrpsee_http_client::{HttpClient, HttpClientBuilder};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use sp_core::{Bytes, H256};
use std::time::Duration;

/// How long one call may take. A node answers status calls from memory, so this is generous; it bounds the wait for a
/// process that is stopped or swapped out.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an operator's order may take: the node may have gigabytes to remove, or a store to open, before it answers.
const ORDER_TIMEOUT: Duration = Duration::from_mins(2);

/// Largest reply that is read. The largest ones are a block, in JSON three times its bytes at most (`block_bytes` of its chain),
/// and the extrinsics of a full pool. Too low: they cannot be read; too high: who answers in the node's place fills our memory.
const MAX_REPLY_BYTES: u32 = 64 * 1024 * 1024;

/// Asks a running node over its JSON-RPC.
#[derive(Clone, Debug)]
pub struct NodeClient {
    http: HttpClient,
    url: String,
}

/// A call that did not work.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The URL is none.
    #[error(
        "{url} is no address that can be asked ({source}); give one like http://127.0.0.1:9944"
    )]
    BadUrl {
        /// What was given.
        url: String,
        /// What is wrong with it.
        source: Box<jsonrpsee::core::ClientError>,
    },
    /// Nobody listens there, or no answer came in time.
    #[error(
        "no node answers at {url} ({}); start it, or give its address with --url",
        root(.source)
    )]
    Unreachable {
        /// Where we asked.
        url: String,
        /// What happened.
        source: Box<jsonrpsee::core::ClientError>,
    },
    /// The node does not do it, and says why and what to do.
    #[error("{reason}")]
    Declined {
        /// What it said.
        reason: String,
    },
    /// Somebody answered, but not as a node of this version would.
    #[error("{url} answered {method} with an error ({source}); check that it is a node-template")]
    Refused {
        /// Where we asked.
        url: String,
        /// What we asked.
        method: &'static str,
        /// What came back.
        source: Box<jsonrpsee::core::ClientError>,
    },
}

/// What happened in the end: what is above it in the chain of causes says only that a connection failed.
fn root(error: &jsonrpsee::core::ClientError) -> String {
    let mut last: &dyn std::error::Error = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}

/// `system_health`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// Connected peers.
    pub peers: usize,
    /// Whether the node is catching up.
    pub is_syncing: bool,
    /// Whether it expects to have peers.
    pub should_have_peers: bool,
}

impl NodeClient {
    /// A client for `url`, such as `http://127.0.0.1:9944`. Connects at the first call.
    pub fn new(url: impl Into<String>) -> Result<Self, ClientError> {
        Self::with_headers(url.into(), HeaderMap::new(), CALL_TIMEOUT)
    }

    /// A client for the node that wrote `file`, which may call its unsafe methods.
    pub fn of_operator(file: &NodeFile) -> Result<Self, ClientError> {
        let mut headers = HeaderMap::new();
        // A token that is no header value is none of ours; the node will say so.
        if let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {}", file.token)) {
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        Self::with_headers(file.rpc_url.clone(), headers, ORDER_TIMEOUT)
    }

    fn with_headers(
        url: String,
        headers: HeaderMap,
        timeout: Duration,
    ) -> Result<Self, ClientError> {
        let built = HttpClientBuilder::default()
            .set_headers(headers)
            .request_timeout(timeout)
            .max_response_size(MAX_REPLY_BYTES)
            .build(&url);
        match built {
            Ok(http) => Ok(Self { http, url }),
            Err(source) => Err(ClientError::BadUrl {
                url,
                source: Box::new(source),
            }),
        }
    }

    /// Where this client asks.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// `sync_status`.
    pub async fn status(&self) -> Result<StatusView, ClientError> {
        self.call("sync_status", ArrayParams::new()).await
    }

    /// `system_health`.
    pub async fn health(&self) -> Result<Health, ClientError> {
        self.call("system_health", ArrayParams::new()).await
    }

    /// `chain_getBlockHash` of the best chain; `None` above its tip.
    pub async fn block_hash(&self, number: u64) -> Result<Option<String>, ClientError> {
        self.call("chain_getBlockHash", one(&number)).await
    }

    /// `chain_getHeader`; `None` if the node does not hold the block.
    pub async fn header(&self, hash: &str) -> Result<Option<HeaderView>, ClientError> {
        self.call("chain_getHeader", one(&hash)).await
    }

    /// How many extrinsics the best chain's block at this height holds; 0 above its tip.
    pub async fn block_extrinsics(&self, number: u64) -> Result<usize, ClientError> {
        let hash = self.block_hash(number).await?;
        let block: Option<Value> = match hash {
            Some(hash) => self.call("chain_getBlock", one(&hash)).await?,
            None => None,
        };
        let list = block
            .as_ref()
            .and_then(|block| block["block"]["extrinsics"].as_array());
        Ok(list.map_or(0, Vec::len))
    }

    /// Hash of block 0.
    pub async fn genesis_hash(&self) -> Result<H256, ClientError> {
        self.call("chain_getBlockHash", one(&0_u64)).await
    }

    /// `system_accountNextIndex` of an SS58 address.
    pub async fn account_next_index(&self, account: &str) -> Result<u64, ClientError> {
        self.call("system_accountNextIndex", one(&account)).await
    }

    /// `author_submitExtrinsic` of an encoded extrinsic; its hash.
    pub async fn submit_extrinsic(&self, encoded: &[u8]) -> Result<H256, ClientError> {
        let bytes = Bytes(encoded.to_vec());
        self.call("author_submitExtrinsic", one(&bytes)).await
    }

    /// `author_pendingExtrinsics`, encoded.
    pub async fn pending_extrinsics(&self) -> Result<Vec<Bytes>, ClientError> {
        self.call("author_pendingExtrinsics", ArrayParams::new())
            .await
    }

    /// `state_getStorage` at the best block.
    pub async fn storage(&self, key: &[u8]) -> Result<Option<Bytes>, ClientError> {
        self.call("state_getStorage", one(&Bytes(key.to_vec())))
            .await
    }

    /// `sync_resync`: begins one, or says what it would do.
    pub async fn resync(&self, params: &ResyncParams) -> Result<PlanView, ClientError> {
        self.call("sync_resync", one(params)).await
    }

    /// `sync_resyncStatus`.
    pub async fn resync_status(&self) -> Result<ResyncView, ClientError> {
        self.call("sync_resyncStatus", ArrayParams::new()).await
    }

    /// `sync_resume`.
    pub async fn resume(&self) -> Result<(), ClientError> {
        self.call("sync_resume", ArrayParams::new()).await
    }

    /// `sync_abort`.
    pub async fn abort(&self) -> Result<(), ClientError> {
        self.call("sync_abort", ArrayParams::new()).await
    }

    /// `sync_peers`.
    pub async fn peers(&self) -> Result<Vec<PeerView>, ClientError> {
        self.call("sync_peers", ArrayParams::new()).await
    }

    /// `sync_banPeer`.
    pub async fn ban_peer(&self, peer: &str) -> Result<(), ClientError> {
        self.call("sync_banPeer", one(&peer)).await
    }

    /// `sync_unbanPeer`; whether it was banned.
    pub async fn unban_peer(&self, peer: &str) -> Result<bool, ClientError> {
        self.call("sync_unbanPeer", one(&peer)).await
    }

    /// `sync_backups`.
    pub async fn backups(&self) -> Result<Vec<BackupView>, ClientError> {
        self.call("sync_backups", ArrayParams::new()).await
    }

    /// `sync_restoreBackup`; the backup's whole name.
    pub async fn restore_backup(&self, id: &str) -> Result<String, ClientError> {
        self.call("sync_restoreBackup", one(&id)).await
    }

    /// `sync_pruneBackups`; the names of those that were removed.
    pub async fn prune_backups(&self) -> Result<Vec<String>, ClientError> {
        self.call("sync_pruneBackups", ArrayParams::new()).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: ArrayParams,
    ) -> Result<T, ClientError> {
        self.http
            .request(method, params)
            .await
            .map_err(|error| self.explain(method, error))
    }

    fn explain(&self, method: &'static str, error: jsonrpsee::core::ClientError) -> ClientError {
        use jsonrpsee::core::ClientError as Cause;
        let url = self.url.clone();
        let source = Box::new(error);
        match *source {
            Cause::Call(ref refusal) => ClientError::Declined {
                reason: refusal.message().to_owned(),
            },
            Cause::Transport(_) | Cause::RequestTimeout | Cause::RestartNeeded(_) => {
                ClientError::Unreachable { url, source }
            }
            _ => ClientError::Refused {
                url,
                method,
                source,
            },
        }
    }
}

/// The parameters of a call with one.
fn one(value: &impl Serialize) -> ArrayParams {
    let mut params = ArrayParams::new();
    params
        .insert(value)
        .expect("texts and numbers are always valid JSON");
    params
}
