//! Talks to a node as programs built on subxt do: `subxt-client ws://127.0.0.1:9944 EXTRINSIC ACCOUNT`. Sends the encoded
//! extrinsic, of the account. Prints what it was told as one line of JSON, and fails on the first answer that the library
//! does not understand.

mod header;
mod missing;

use header::Header;
use primitive_types::H256;
use serde_json::{Value, json};
use std::{error::Error, time::Duration};
use subxt_rpcs::{
    LegacyRpcMethods, RpcClient, RpcConfig,
    client::{RpcSubscription, jsonrpsee_client, rpc_params},
    methods::legacy::NumberOrHex,
};

/// Longest wait for a block.
const PATIENCE: Duration = Duration::from_secs(60);

/// The types of this chain, for the library.
pub enum Config {}

impl RpcConfig for Config {
    type Header = Header;
    type Hash = H256;
    type AccountId = String;
}

type Rpc = LegacyRpcMethods<Config>;
type Told<T> = Result<T, Box<dyn Error + Send + Sync>>;

async fn about_the_node(rpc: &Rpc) -> Told<Value> {
    let health = rpc.system_health().await?;
    Ok(json!({
        "name": rpc.system_name().await?,
        "version": rpc.system_version().await?,
        "chain": rpc.system_chain().await?,
        "chainType": rpc.system_chain_type().await?,
        "properties": rpc.system_properties().await?,
        "health": {
            "peers": health.peers,
            "isSyncing": health.is_syncing,
            "shouldHavePeers": health.should_have_peers,
        },
    }))
}

/// What the library has no method for: the answers as they come.
async fn plain(client: &RpcClient) -> Told<Value> {
    let mut told = serde_json::Map::new();
    for method in [
        "system_syncState",
        "system_peers",
        "system_localPeerId",
        "system_localListenAddresses",
        "system_nodeRoles",
        "author_pendingExtrinsics",
        "rpc_methods",
        "sync_status",
        "sync_strategies",
        "sync_backups",
    ] {
        let answer: Value = client.request(method, rpc_params![]).await?;
        told.insert(method.to_owned(), answer);
    }
    Ok(told.into())
}

async fn about_blocks(rpc: &Rpc) -> Told<Value> {
    let genesis = rpc.genesis_hash().await?;
    let in_hex = rpc
        .chain_get_block_hash(Some(NumberOrHex::Hex(0.into())))
        .await?;
    let best = rpc
        .chain_get_block_hash(None)
        .await?
        .ok_or("no best block")?;
    let header = rpc.chain_get_header(Some(best)).await?.ok_or("no header")?;
    let block = rpc.chain_get_block(Some(best)).await?.ok_or("no block")?;
    let final_hash = rpc.chain_get_finalized_head().await?;
    let final_header = rpc
        .chain_get_header(Some(final_hash))
        .await?
        .ok_or("no final header")?;
    let unknown = Some(H256::repeat_byte(0x11));
    Ok(json!({
        "genesis": genesis,
        "genesisInHex": in_hex,
        "aboveTheTip": rpc.chain_get_block_hash(Some(1_000_000_u32.into())).await?,
        "number": header.number,
        "engines": header.digest.engines(),
        "hashesAgree": [header.hash() == best, final_header.hash() == final_hash],
        "headersAgree": block.block.header == header,
        "bestIsDefault": rpc.chain_get_header(None).await?.is_some() && rpc.chain_get_block(None).await?.is_some(),
        "extrinsics": block.block.extrinsics.len(),
        "justifications": block.justifications.is_some(),
        "final": final_header.number,
        "unknown": [rpc.chain_get_header(unknown).await?.is_some(), rpc.chain_get_block(unknown).await?.is_some()],
    }))
}

async fn about_state(rpc: &Rpc) -> Told<Value> {
    let best = rpc.chain_get_block_hash(None).await?;
    let now = rpc
        .state_get_storage(b"timestamp:now", best)
        .await?
        .ok_or("no time")?;
    let unknown = rpc
        .state_get_storage(b"", Some(H256::repeat_byte(0x11)))
        .await;
    Ok(json!({
        "now": now.len(),
        "nowOfBest": rpc.state_get_storage(b"timestamp:now", None).await?.map(|now| now.len()),
        "nothing": rpc.state_get_storage(b"nothing", None).await?,
        "unknownBlock": missing::code(unknown),
    }))
}

async fn next(heads: &mut RpcSubscription<Header>) -> Told<Header> {
    let head = tokio::time::timeout(PATIENCE, heads.next()).await?;
    Ok(head.ok_or("the subscription ended")??)
}

/// The heights of the first two headers.
async fn two(mut heads: RpcSubscription<Header>) -> Told<[u32; 2]> {
    Ok([
        next(&mut heads).await?.number,
        next(&mut heads).await?.number,
    ])
}

/// Sends the extrinsic and waits for its block.
async fn sent(rpc: &Rpc, extrinsic: &[u8], account: &String) -> Told<Value> {
    let mut heads = rpc.chain_subscribe_new_heads().await?;
    let before = rpc.system_account_next_index(account).await?;
    let hash = rpc.author_submit_extrinsic(extrinsic).await?;
    let after = rpc.system_account_next_index(account).await?;
    let again = missing::code(rpc.author_submit_extrinsic(extrinsic).await);
    let block = loop {
        let head = next(&mut heads).await?;
        let block = rpc
            .chain_get_block(Some(head.hash()))
            .await?
            .ok_or("no block")?;
        if block
            .block
            .extrinsics
            .iter()
            .any(|bytes| **bytes == *extrinsic)
        {
            break head.hash();
        }
    };
    Ok(json!({
        "nonces": [before, after],
        "hash": hash,
        "again": again,
        "block": block,
        "nonsense": missing::code(rpc.author_submit_extrinsic(&[0]).await),
    }))
}

async fn talk(url: &str, extrinsic: &[u8], account: &String) -> Told<Value> {
    let client = RpcClient::new(jsonrpsee_client(url).await?);
    let rpc = Rpc::new(client.clone());
    Ok(json!({
        "node": about_the_node(&rpc).await?,
        "plain": plain(&client).await?,
        "blocks": about_blocks(&rpc).await?,
        "state": about_state(&rpc).await?,
        "newHeads": two(rpc.chain_subscribe_new_heads().await?).await?,
        "finalizedHeads": two(rpc.chain_subscribe_finalized_heads().await?).await?,
        "sent": sent(&rpc, extrinsic, account).await?,
        "missing": missing::answers(&rpc).await,
    }))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Told<()> {
    let mut arguments = std::env::args().skip(1);
    let mut argument = || {
        arguments
            .next()
            .ok_or("usage: subxt-client URL EXTRINSIC ACCOUNT")
    };
    let (url, extrinsic, account) = (argument()?, argument()?, argument()?);
    let extrinsic = hex::decode(extrinsic.trim_start_matches("0x"))?;
    println!("{}", talk(&url, &extrinsic, &account).await?);
    Ok(())
}
