//! The shapes of the RPC, as Substrate's tools expect them.

use crate::harness::{client, serving, until_status};
use jsonrpsee::core::{client::ClientT, params::ArrayParams};
use jsonrpsee_http_client::HttpClientBuilder;
use serde_json::{Value, json};

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
