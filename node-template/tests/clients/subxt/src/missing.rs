//! What the library offers and this node does not have.

use crate::Config;
use subxt_rpcs::{Error, LegacyRpcMethods};

/// How each of these calls was answered: its code, or what it was instead of an error of the node.
pub async fn answers(rpc: &LegacyRpcMethods<Config>) -> Vec<(&'static str, String)> {
    let none = || std::iter::empty::<&[u8]>();
    vec![
        (
            "state_getMetadata",
            code(rpc.state_get_metadata(None).await),
        ),
        (
            "state_getRuntimeVersion",
            code(rpc.state_get_runtime_version(None).await),
        ),
        (
            "state_getKeysPaged",
            code(rpc.state_get_keys_paged(b"", 1, None, None).await),
        ),
        (
            "state_queryStorageAt",
            code(rpc.state_query_storage_at(none(), None).await),
        ),
        (
            "state_getReadProof",
            code(rpc.state_get_read_proof(none(), None).await),
        ),
        (
            "state_call",
            code(rpc.state_call("Core_version", None, None).await),
        ),
        ("system_dryRun", code(rpc.dry_run(&[0], None).await)),
        ("author_rotateKeys", code(rpc.author_rotate_keys().await)),
        (
            "author_hasKey",
            code(rpc.author_has_key(Vec::new(), "aura".into()).await),
        ),
        (
            "author_submitAndWatchExtrinsic",
            code(rpc.author_submit_and_watch_extrinsic(&[0]).await),
        ),
        (
            "chain_subscribeAllHeads",
            code(rpc.chain_subscribe_all_heads().await),
        ),
        (
            "state_subscribeRuntimeVersion",
            code(rpc.state_subscribe_runtime_version().await),
        ),
    ]
}

/// The code of the error that the node answered.
pub fn code<T>(answer: Result<T, Error>) -> String {
    match answer {
        Ok(_) => "answered".to_owned(),
        Err(Error::User(error)) => error.code.to_string(),
        Err(error) => error.to_string(),
    }
}
