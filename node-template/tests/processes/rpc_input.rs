//! What callers of the RPC get wrong, with and without the node's token: each is told so, with the code that Substrate has
//! for it.

use crate::harness::{client, serving};
use codec::Encode;
use node_template::{
    keystore::DevKey,
    localnet::NodeProcess,
    runtime::{Call, Extrinsic},
    status_view::NodeFile,
};
use serde_json::{Value, json};
use sp_core::{H256, Pair, sr25519};
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

/// The answer to one call; with the token of `file` as the operator's.
fn answer(file: &NodeFile, token: Option<&str>, method: &str, params: &Value) -> Value {
    let address = file.rpc_url.strip_prefix("http://").unwrap();
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
    let token = token.map_or_else(String::new, |token| {
        format!("Authorization: Bearer {token}\r\n")
    });
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n{token}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let body = text
        .split("\r\n\r\n")
        .nth(1)
        .unwrap_or_else(|| panic!("{text}"));
    serde_json::from_str(body).unwrap()
}

/// Method, parameters, the error's code, and what it says.
type Case = (&'static str, Value, i32, &'static str);

fn all_refused(node: &NodeProcess, token: Option<&str>, cases: &[Case]) {
    let file = node.node_file().unwrap();
    let mut wrong = Vec::new();
    for (method, params, code, text) in cases {
        let told = answer(&file, token, method, params);
        let error = &told["error"];
        if error["code"] != *code || !error.to_string().contains(text) {
            wrong.push(format!("{method} {params}: {told}, not {code} \"{text}\""));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn operator_s_orders_with_bad_parameters_change_nothing() {
    let base = tempfile::tempdir().unwrap();
    let node = serving(base.path(), "dev", "--dev").await;
    let token = node.node_file().unwrap().token;
    let cases: [Case; 12] = [
        (
            "sync_resync",
            json!([{"peers": ["0OIl"]}]),
            -32602,
            "no peer id",
        ),
        (
            "sync_resync",
            json!([{"checkpoint": "7"}]),
            -32602,
            "N:HASH",
        ),
        (
            "sync_resync",
            json!([{"strategy": "teleport"}]),
            -32603,
            "full-chain",
        ),
        (
            "sync_resync",
            json!([{"peer": []}]),
            -32602,
            "unknown field",
        ),
        ("sync_resync", json!(["x"]), -32602, "invalid type"),
        ("sync_banPeer", json!(["nobody"]), -32602, "no peer id"),
        ("sync_banPeer", json!([]), -32602, "Invalid params"),
        ("sync_unbanPeer", json!(["nobody"]), -32602, "no peer id"),
        ("sync_restoreBackup", json!(["../../etc"]), -32603, "backup"),
        ("sync_restoreBackup", json!([]), -32602, "Invalid params"),
        ("sync_resume", json!([]), -32603, "under way"),
        ("sync_abort", json!([]), -32603, "under way"),
    ];
    all_refused(&node, Some(&token), &cases);
    // Another node's token is none.
    let other = "0".repeat(token.len());
    let cases: [Case; 2] = [
        ("sync_resync", json!([{}]), -32601, "token"),
        ("sync_restoreBackup", json!(["x"]), -32601, "token"),
    ];
    all_refused(&node, Some(&other), &cases);
    assert_eq!(client(&node).status().await.unwrap().peers, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_and_state_that_cannot_be_asked_for() {
    let base = tempfile::tempdir().unwrap();
    let node = serving(base.path(), "dev", "--dev").await;
    let many: Vec<u32> = (0..1_025).collect();
    let cases: [Case; 7] = [
        ("chain_getBlockHash", json!([many]), -32602, "at most 1024"),
        (
            "chain_getBlockHash",
            json!([[1, "x"]]),
            -32602,
            "Invalid params",
        ),
        (
            "chain_getBlockHash",
            json!([{"number": 1}]),
            -32602,
            "Invalid params",
        ),
        (
            "state_getStorage",
            json!(["0x00", "0x12"]),
            -32602,
            "Invalid params",
        ),
        (
            "state_getStorage",
            json!(["0x00", 7]),
            -32602,
            "Invalid params",
        ),
        // Half a byte is none; with a zero before it, it would be another key.
        ("state_getStorage", json!(["0x0"]), -32602, "Invalid params"),
        (
            "author_submitExtrinsic",
            json!(["0x1"]),
            -32602,
            "Invalid params",
        ),
    ];
    all_refused(&node, None, &cases);
}

fn hex(extrinsic: &Extrinsic) -> Value {
    json!([format!("0x{}", hex::encode(extrinsic.encode()))])
}

#[tokio::test(flavor = "multi_thread")]
async fn transfers_that_the_pool_does_not_take_have_substrate_s_codes() {
    let base = tempfile::tempdir().unwrap();
    // Nothing is authored, so that what waits stays; room for two.
    let line = "--chain local --isolated --pool-limit 2";
    let node = serving(base.path(), "local", line).await;
    let genesis = client(&node).genesis_hash().await.unwrap();
    let to = DevKey::Bob.pair().public();
    let by =
        |key: DevKey, nonce, amount| Extrinsic::transfer(&key.pair(), to, amount, nonce, genesis);
    let Extrinsic(Call::Transfer(mut forged)) = by(DevKey::Alice, 0, 1) else {
        panic!("a transfer");
    };
    forged.amount = 2;
    let forged = Extrinsic(Call::Transfer(forged));
    let elsewhere = Extrinsic::transfer(&DevKey::Alice.pair(), to, 1, 0, H256::zero());
    let nobody = sr25519::Pair::from_string("//Nobody", None).unwrap();
    let unpaid = Extrinsic::transfer(&nobody, to, 1, 0, genesis);
    let cases: [Case; 6] = [
        (
            "author_submitExtrinsic",
            json!(["xyz"]),
            -32602,
            "Invalid params",
        ),
        (
            "author_submitExtrinsic",
            json!([7]),
            -32602,
            "Invalid params",
        ),
        (
            "author_submitExtrinsic",
            hex(&forged),
            1010,
            "the signature is bad",
        ),
        (
            "author_submitExtrinsic",
            hex(&elsewhere),
            1010,
            "genesis hash",
        ),
        ("author_submitExtrinsic", hex(&unpaid), 1010, "needs 1"),
        (
            "author_submitExtrinsic",
            hex(&by(DevKey::Alice, 9_000, 1)),
            1010,
            "send those between first",
        ),
    ];
    all_refused(&node, None, &cases);

    let file = node.node_file().unwrap();
    // Another signature by the same key would be another extrinsic.
    let first = by(DevKey::Alice, 0, 1);
    for one in [&first, &by(DevKey::Alice, 1, 1)] {
        let taken = answer(&file, None, "author_submitExtrinsic", &hex(one));
        assert!(taken["result"].is_string(), "{taken}");
    }
    let cases: [Case; 3] = [
        ("author_submitExtrinsic", hex(&first), 1013, "already"),
        (
            "author_submitExtrinsic",
            hex(&by(DevKey::Alice, 0, 5)),
            1014,
            "nonce 0",
        ),
        (
            "author_submitExtrinsic",
            hex(&by(DevKey::Charlie, 0, 1)),
            1016,
            "the pool is full",
        ),
    ];
    all_refused(&node, None, &cases);
}

/// How long calls may take that a machine under load answers in a moment. To decode one of these texts takes minutes.
const AT_ONCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn texts_that_are_longer_than_any_address_keep_nobody_waiting() {
    let base = tempfile::tempdir().unwrap();
    let node = serving(base.path(), "dev", "--dev").await;
    let file = node.node_file().unwrap();
    // Nearly as long as a request may be; as many at once as there are threads that answer.
    let long = "z".repeat(1_000_000);
    let calls = [
        ("system_accountNextIndex", json!([long]), "no SS58 address"),
        ("sync_banPeer", json!([long]), "no peer id"),
        ("sync_unbanPeer", json!([long]), "no peer id"),
        ("sync_resync", json!([{"peers": [long]}]), "no peer id"),
    ];
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for (method, params, text) in calls.iter().cycle().take(16) {
            let file = &file;
            scope.spawn(move || {
                let told = answer(file, Some(&file.token), method, params).to_string();
                assert!(told.contains("-32602") && told.contains(text), "{method}");
                assert!(
                    told.len() < 1_000,
                    "what was sent is not sent back: {method}"
                );
            });
        }
    });
    let took = begun.elapsed();
    assert!(took < AT_ONCE, "{took:?}");
    let header = answer(&file, None, "chain_getHeader", &json!([]));
    assert!(header["result"].is_object(), "{header}");
    assert!(begun.elapsed() < 2 * AT_ONCE);
}
