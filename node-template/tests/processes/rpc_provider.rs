//! The RPC through `@polkadot/rpc-provider`, where it is installed.

use crate::harness::{client, serving, skipped, until_status};
use serde_json::{Value, json};
use std::process::{Command, Stdio};

/// `@polkadot/rpc-provider` from npm: `npm install @polkadot/rpc-provider` somewhere, and its `node_modules` in `NODE_PATH`.
#[tokio::test(flavor = "multi_thread")]
async fn polkadot_s_rpc_provider_understands_the_node() {
    let found = Command::new("node")
        .args(["-e", "require.resolve('@polkadot/rpc-provider')"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !found.is_ok_and(|status| status.success()) {
        return skipped(
            "node with @polkadot/rpc-provider is not installed (npm install @polkadot/rpc-provider, and NODE_PATH)",
        );
    }
    let base = tempfile::tempdir().unwrap();
    let node = serving(base.path(), "dev", "--dev").await;
    let asked = client(&node);
    until_status(&asked, "block 1", |view| view.best.number >= 1).await;
    let address = asked.url().strip_prefix("http://").unwrap();
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/clients/rpc-provider.cjs"
    );
    let output = Command::new("node")
        .args([script, address])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    // The library greets on standard output as well.
    let line = String::from_utf8(output.stdout).unwrap();
    let told: Value = serde_json::from_str(line.lines().last().unwrap()).unwrap();
    for way in ["http", "ws"] {
        plain(&told[way]);
    }
    let genesis = json!(asked.genesis_hash().await.unwrap());
    about_blocks(&told["blocks"], &genesis);
    for heads in ["newHeads", "finalizedHeads"] {
        let seen = &told[heads];
        assert!(seen[1].as_u64() > seen[0].as_u64(), "{heads}: {seen}");
    }
    for (call, code) in [
        ("nonsense", "1001"),
        ("missing", "-32601"),
        ("operatorOnly", "-32601"),
    ] {
        let said = told[call].as_str().unwrap();
        assert!(said.contains(code), "{call}: {said}");
    }
}

fn plain(told: &Value) {
    assert_eq!(told["system_name"], "node-template");
    assert_eq!(told["system_chain"], "Development");
    assert_eq!(told["system_chainType"], "Development");
    assert_eq!(told["system_nodeRoles"], json!(["Authority"]));
    assert_eq!(told["system_health"]["isSyncing"], false);
    assert!(told["system_syncState"]["currentBlock"].is_u64(), "{told}");
    assert_eq!(told["system_peers"], json!([]));
    assert_eq!(told["author_pendingExtrinsics"], json!([]));
    assert_eq!(
        told["chain_getFinalizedHead"].as_str().unwrap().len(),
        66,
        "{told}"
    );
    assert!(told["sync_status"]["verdict"].is_string(), "{told}");
    let methods = told["rpc_methods"]["methods"].as_array().unwrap();
    assert!(methods.len() > 20, "{methods:?}");
}

fn about_blocks(told: &Value, genesis: &Value) {
    assert_eq!(&told["genesis"], genesis);
    assert!(told["number"].as_u64().unwrap() >= 1, "{told}");
    assert_eq!(told["extrinsics"], 1);
    assert_eq!(told["headersAgree"], true);
    assert_eq!(told["now"].as_str().unwrap().len(), 18);
    assert_eq!(told["nonce"], 0);
    for nothing in ["justifications", "aboveTheTip", "nothing"] {
        assert_eq!(told[nothing], Value::Null, "{nothing}");
    }
}
