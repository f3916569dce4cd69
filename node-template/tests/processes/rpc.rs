//! The shapes of the RPC, as Substrate's tools expect them.

use crate::harness::{client, error_line, run, serving, until_status};
use jsonrpsee::core::{
    client::{ClientT, Subscription, SubscriptionClientT},
    params::ArrayParams,
};
use jsonrpsee_http_client::HttpClientBuilder;
use jsonrpsee_ws_client::WsClientBuilder;
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::TcpStream,
};

async fn call(url: &str, method: &str, params: &[Value]) -> Value {
    let client = HttpClientBuilder::default().build(url).unwrap();
    let mut list = ArrayParams::new();
    for param in params {
        list.insert(param).unwrap();
    }
    client.request(method, list).await.unwrap()
}

#[tokio::test]
async fn answers_have_the_shapes_of_substrate() {
    let base = tempfile::tempdir().unwrap();
    let node = serving(base.path(), "dev", "--dev").await;
    let asked = client(&node);
    until_status(&asked, "block 2", |view| view.best.number >= 2).await;
    let url = asked.url();

    let health = call(url, "system_health", &[]).await;
    assert_eq!(
        health,
        json!({"peers": 0, "isSyncing": false, "shouldHavePeers": false})
    );
    let state = call(url, "system_syncState", &[]).await;
    for key in ["startingBlock", "currentBlock", "highestBlock"] {
        assert!(state[key].is_u64(), "{state}");
    }
    assert_eq!(call(url, "system_peers", &[]).await, json!([]));

    let hash = call(url, "chain_getBlockHash", &[json!(1)]).await;
    assert!(hash.as_str().is_some_and(|hash| hash.len() == 66), "{hash}");
    let header = call(url, "chain_getHeader", std::slice::from_ref(&hash)).await;
    assert_eq!(header["number"], "0x1");
    assert_eq!(
        header["parentHash"],
        call(url, "chain_getBlockHash", &[json!(0)]).await
    );
    assert_eq!(header["digest"]["logs"].as_array().unwrap().len(), 2);
    for key in ["stateRoot", "extrinsicsRoot"] {
        assert_eq!(header[key].as_str().unwrap().len(), 66, "{header}");
    }
    assert!(call(url, "chain_getBlockHash", &[]).await.is_string());
    for (method, params, expected) in [
        ("chain_subscribeNewHeads", "[]", "needs a WebSocket"),
        (
            "chain_getBlockHash",
            "[\"x\"]",
            "the number of a block is expected",
        ),
    ] {
        let body =
            format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"{method}\",\"params\":{params}}}");
        let answer = ask(url, "POST / HTTP/1.1", &body);
        assert!(answer.contains(expected), "{answer}");
    }
    let above = call(url, "chain_getBlockHash", &[json!(1_000_000)]).await;
    assert_eq!(above, Value::Null);

    let status = call(url, "sync_status", &[]).await;
    for key in [
        "verdict",
        "reason",
        "best",
        "target",
        "consensus",
        "voters",
        "withUs",
        "round",
        "ageMs",
        "tier",
    ] {
        assert!(status.get(key).is_some(), "{key}: {status}");
    }
    let strategies = call(url, "sync_strategies", &[]).await;
    assert!(
        strategies.to_string().contains("height-majority"),
        "{strategies}"
    );
}

/// What a plain HTTP request is answered.
pub(crate) fn ask(url: &str, head: &str, body: &str) -> String {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    // A node that has heard enough answers before the end, and closes.
    let _ = write!(
        stream,
        "{head}\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_chain_and_state_are_told_in_the_shapes_of_substrate() {
    let base = tempfile::tempdir().unwrap();
    let node = serving(base.path(), "dev", "--dev").await;
    let asked = client(&node);
    until_status(&asked, "block 1", |view| view.best.number >= 1).await;
    let url = asked.url();

    assert_eq!(call(url, "system_name", &[]).await, "node-template");
    assert_eq!(
        call(url, "system_version", &[]).await,
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(call(url, "system_chain", &[]).await, "Development");
    assert_eq!(call(url, "system_chainType", &[]).await, "Development");
    assert_eq!(
        call(url, "system_nodeRoles", &[]).await,
        json!(["Authority"])
    );
    assert!(call(url, "system_properties", &[]).await.is_object());
    let alice = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
    let index = call(url, "system_accountNextIndex", &[json!(alice)]).await;
    assert_eq!(index, 0);

    let hash = call(url, "chain_getBlockHash", &[json!(1)]).await;
    let block = call(url, "chain_getBlock", std::slice::from_ref(&hash)).await;
    assert_eq!(block["block"]["header"]["number"], "0x1");
    assert_eq!(block["justifications"], Value::Null);
    let extrinsics = block["block"]["extrinsics"].as_array().unwrap();
    assert!(extrinsics[0].as_str().unwrap().starts_with("0x"), "{block}");
    let unknown = json!(format!("0x{}", "00".repeat(32)));
    assert_eq!(call(url, "chain_getBlock", &[unknown]).await, Value::Null);
    let final_head = call(url, "chain_getFinalizedHead", &[]).await;
    assert_eq!(final_head.as_str().unwrap().len(), 66);

    let now = json!(format!("0x{}", hex::encode(b"timestamp:now")));
    let at_1 = call(url, "state_getStorage", &[now.clone(), hash]).await;
    assert_eq!(at_1.as_str().unwrap().len(), 18, "eight bytes: {at_1}");
    let nothing = call(url, "state_getStorage", &[json!("0x00")]).await;
    assert_eq!(nothing, Value::Null);
    assert_eq!(call(url, "author_pendingExtrinsics", &[]).await, json!([]));
    let methods = call(url, "rpc_methods", &[]).await;
    for name in ["author_submitExtrinsic", "chain_subscribeNewHeads"] {
        assert!(methods["methods"].to_string().contains(name), "{methods}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_follow_the_chain() {
    let base = tempfile::tempdir().unwrap();
    let node = serving(base.path(), "dev", "--dev").await;
    let url = client(&node).url().replace("http://", "ws://");
    let socket = WsClientBuilder::default().build(&url).await.unwrap();
    for (subscribe, unsubscribe) in [
        ("chain_subscribeNewHeads", "chain_unsubscribeNewHeads"),
        (
            "chain_subscribeFinalizedHeads",
            "chain_unsubscribeFinalizedHeads",
        ),
        // The names of old clients.
        ("chain_subscribeNewHead", "chain_unsubscribeNewHead"),
        ("subscribe_newHead", "unsubscribe_newHead"),
        (
            "chain_subscribeFinalisedHeads",
            "chain_unsubscribeFinalisedHeads",
        ),
    ] {
        let mut heads: Subscription<Value> = socket
            .subscribe(subscribe, ArrayParams::new(), unsubscribe)
            .await
            .unwrap();
        let number = |header: &Value| {
            let text = header["number"].as_str().unwrap();
            u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap()
        };
        let first = number(&heads.next().await.unwrap().unwrap());
        let second = number(&heads.next().await.unwrap().unwrap());
        assert!(second > first, "{subscribe}: {first}, then {second}");
        heads.unsubscribe().await.unwrap();
        // Whoever ends what is none is told so, and nothing else ends.
        let mut nobody_s = ArrayParams::new();
        nobody_s.insert("nobody's").unwrap();
        let ended: bool = socket.request(unsubscribe, nobody_s).await.unwrap();
        assert!(!ended, "{unsubscribe}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_told_to_load_balancers_and_strange_pages_are_turned_away() {
    let base = tempfile::tempdir().unwrap();
    let node = serving(base.path(), "local", "--chain local --alice").await;
    let url = client(&node).url().to_owned();
    let health = ask(&url, "GET /health HTTP/1.1", "");
    assert!(health.starts_with("HTTP/1.1 200"), "{health}");
    assert!(health.contains("\"shouldHavePeers\":true"), "{health}");
    // Nobody has told it where the network stands.
    let ready = ask(&url, "GET /health/readiness HTTP/1.1", "");
    assert!(ready.starts_with("HTTP/1.1 503"), "{ready}");

    let body = r#"{"jsonrpc":"2.0","id":1,"method":"system_name","params":[]}"#;
    let post = |origin: &str| ask(&url, &format!("POST / HTTP/1.1\r\nOrigin: {origin}"), body);
    let ours = post("http://localhost:3000");
    assert!(ours.contains("node-template"), "{ours}");
    assert!(
        ours.to_lowercase()
            .contains("access-control-allow-origin: http://localhost:3000"),
        "{ours}"
    );
    let strange = post("https://example.org");
    assert!(strange.starts_with("HTTP/1.1 403"), "{strange}");
    assert!(strange.contains("--rpc-cors"), "{strange}");

    let alone = base.path().join("alone");
    std::fs::create_dir_all(&alone).unwrap();
    let alone = serving(&alone, "dev", "--dev").await;
    until_status(&client(&alone), "a block", |view| view.best.number > 0).await;
    let ready = ask(client(&alone).url(), "GET /health/readiness HTTP/1.1", "");
    assert!(ready.starts_with("HTTP/1.1 200"), "{ready}");

    let both = run("--dev --rpc-external --rpc-methods unsafe");
    assert!(
        error_line(&both).contains("leave one of them out"),
        "{both:?}"
    );
    let wrong = run("--dev --rpc-cors example.org");
    assert!(error_line(&wrong).contains("is no origin"), "{wrong:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn operator_on_the_machine_of_an_external_rpc_keeps_the_orders() {
    let base = tempfile::tempdir().unwrap();
    let node = serving(base.path(), "dev", "--dev --rpc-external").await;
    let peer = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp";
    let ban = format!("peers ban {peer} --dev -d {}", base.path().display());
    let banned = run(&ban);
    assert!(banned.status.success(), "{banned:?}");
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "sync_unbanPeer", "params": [peer]});
    let answer = ask(client(&node).url(), "POST / HTTP/1.1", &body.to_string());
    assert!(answer.contains("-32601"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_parameters_are_errors_that_say_what_is_expected() {
    let base = tempfile::tempdir().unwrap();
    let node = serving(base.path(), "dev", "--dev").await;
    let url = client(&node).url().to_owned();
    let cases = [
        ("chain_getBlockHash", json!([-1]), -32602, "Invalid params"),
        ("chain_getBlockHash", json!(["7"]), -32602, "Invalid params"),
        (
            "chain_getBlockHash",
            json!([(0..1_025).collect::<Vec<u32>>()]),
            -32602,
            "at most 1024 numbers",
        ),
        ("chain_getHeader", json!(["0x12"]), -32602, "Invalid params"),
        ("chain_getBlock", json!([7]), -32602, "Invalid params"),
        ("system_accountNextIndex", json!(["nobody"]), -32602, "SS58"),
        (
            "system_accountNextIndex",
            json!([]),
            -32602,
            "Invalid params",
        ),
        ("state_getStorage", json!(["xyz"]), -32602, "Invalid params"),
        (
            "state_getStorage",
            json!(["0x00", format!("0x{}", "11".repeat(32))]),
            4003,
            "not stored",
        ),
        (
            "author_submitExtrinsic",
            json!(["0x"]),
            1001,
            "no extrinsic",
        ),
        (
            "author_submitExtrinsic",
            json!(["0x280000"]),
            1001,
            "no extrinsic",
        ),
        // An inherent.
        (
            "author_submitExtrinsic",
            json!(["0x24000000000000000000"]),
            1010,
            "only the author",
        ),
        ("sync_resync", json!([{}]), -32601, "token"),
        ("sync_banPeer", json!(["x"]), -32601, "token"),
        ("author_rotateKeys", json!([]), -32601, "Method not found"),
    ];
    for (method, params, code, text) in cases {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let answer = ask(&url, "POST / HTTP/1.1", &body.to_string());
        let answer = answer.split("\r\n\r\n").nth(1).unwrap();
        let answer: Value = serde_json::from_str(answer).unwrap();
        assert_eq!(answer["error"]["code"], code, "{body}: {answer}");
        assert!(answer.to_string().contains(text), "{body}: {answer}");
    }
    let nonsense = ask(&url, "POST / HTTP/1.1", "{");
    assert!(nonsense.contains("-32700"), "{nonsense}");
    let large = "x".repeat(2 * 1024 * 1024);
    let refused = ask(&url, "POST / HTTP/1.1", &large);
    assert!(refused.starts_with("HTTP/1.1 413"), "{refused}");
    let calls = vec![json!({"jsonrpc": "2.0", "id": 1, "method": "system_name"}); 101];
    let refused = ask(&url, "POST / HTTP/1.1", &json!(calls).to_string());
    assert!(refused.contains("batch"), "{refused}");
    assert_eq!(client(&node).genesis_hash().await.map(drop).ok(), Some(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn localhost_is_answered_over_both_families() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        crate::harness::skipped("this machine has no IPv6");
        return;
    }
    let peer = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp";
    for options in ["--dev --isolated", "--dev --isolated --rpc-external"] {
        let base = tempfile::tempdir().unwrap();
        let node = serving(base.path(), "dev", options).await;
        let url = client(&node).url().replace("127.0.0.1", "[::1]");
        assert!(url.contains("[::1]"), "{url}");
        let name = call(&url, "system_name", &[]).await;
        assert_eq!(name, "node-template");
        // The operator is the operator there, too.
        let token = node.node_file().unwrap().token;
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "sync_unbanPeer", "params": [peer]});
        let head = format!("POST / HTTP/1.1\r\nAuthorization: Bearer {token}");
        let answer = ask(&url, &head, &body.to_string());
        assert!(answer.contains("\"result\":false"), "{options}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn port_that_is_in_use_over_one_family_is_in_use() {
    let Ok(taken) = std::net::TcpListener::bind("[::1]:0") else {
        crate::harness::skipped("this machine has no IPv6");
        return;
    };
    let port = taken.local_addr().unwrap().port();
    let base = tempfile::tempdir().unwrap();
    let at = base.path().join("data");
    let line = format!(
        "--dev --isolated --no-prometheus --rpc-port {port} -d {}",
        at.display()
    );
    let error = error_line(&run(&line));
    assert!(error.contains("--rpc-port"), "{error}");
    assert!(!at.exists(), "something was written");
}
