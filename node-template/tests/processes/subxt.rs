//! The RPC through `subxt-rpcs`, where it is installed.

use crate::harness::{client, serving, skipped, until_status};
use codec::Encode;
use node_template::{keystore::DevKey, localnet::NodeProcess, runtime::Extrinsic};
use serde_json::{Value, json};
use sp_core::{Pair, crypto::Ss58Codec};
use sp_runtime::traits::{BlakeTwo256, Hash};
use std::{path::PathBuf, process::Command};

/// A package of its own: its dependencies are none of the node's.
const PACKAGE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/clients/subxt/Cargo.toml"
);

fn cargo(task: &str) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args([task, "--locked", "--offline", "--manifest-path", PACKAGE]);
    command
}

/// The client's executable; nothing if its crates are not on this machine. Built once, then only looked at.
fn built() -> Option<PathBuf> {
    let fetched = cargo("fetch").output();
    if !fetched.is_ok_and(|output| output.status.success()) {
        return None;
    }
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("subxt-client");
    let output = cargo("build")
        .arg("--target-dir")
        .arg(&target)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(target.join("debug/subxt-client"))
}

/// What the client is told, after it has sent Alice's first transfer.
async fn told(program: PathBuf, node: &NodeProcess) -> (Value, Vec<u8>) {
    let asked = client(node);
    let (alice, bob) = (DevKey::Alice.pair(), DevKey::Bob.pair());
    let genesis = asked.genesis_hash().await.unwrap();
    let extrinsic = Extrinsic::transfer(&alice, bob.public(), 1, 0, genesis).encode();
    let output = Command::new(program)
        .arg(asked.url().replace("http://", "ws://"))
        .arg(hex::encode(&extrinsic))
        .arg(alice.public().to_ss58check())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let told = serde_json::from_slice(&output.stdout).unwrap();
    (told, extrinsic)
}

#[tokio::test(flavor = "multi_thread")]
async fn subxt_s_rpcs_understand_the_node() {
    let Some(program) = built() else {
        return skipped(
            "the crates of subxt-rpcs are not installed (cargo fetch --locked --manifest-path node-template/tests/clients/subxt/Cargo.toml)",
        );
    };
    let base = tempfile::tempdir().unwrap();
    let node = serving(base.path(), "dev", "--dev").await;
    until_status(&client(&node), "block 1", |view| view.best.number >= 1).await;
    let (told, extrinsic) = told(program, &node).await;
    about_the_node(&told["node"]);
    plain(&told["plain"]);
    about_blocks(
        &told["blocks"],
        &json!(client(&node).genesis_hash().await.unwrap()),
    );
    about_state(&told["state"]);
    for heads in ["newHeads", "finalizedHeads"] {
        let seen = &told[heads];
        assert!(seen[1].as_u64() > seen[0].as_u64(), "{heads}: {seen}");
    }
    sent(&told["sent"], &extrinsic);
    for (method, code) in missing(&told["missing"]) {
        assert_eq!(code, "-32601", "{method}");
    }
}

fn about_the_node(told: &Value) {
    assert_eq!(told["name"], "node-template");
    assert_eq!(told["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(told["chain"], "Development");
    assert_eq!(told["chainType"], "Development");
    assert!(told["properties"].is_object(), "{told}");
    let health = json!({"peers": 0, "isSyncing": false, "shouldHavePeers": false});
    assert_eq!(told["health"], health);
}

fn plain(told: &Value) {
    let state = &told["system_syncState"];
    for key in ["startingBlock", "currentBlock", "highestBlock"] {
        assert!(state[key].is_u64(), "{state}");
    }
    assert_eq!(told["system_peers"], json!([]));
    assert_eq!(told["system_nodeRoles"], json!(["Authority"]));
    assert_eq!(told["author_pendingExtrinsics"], json!([]));
    let id = told["system_localPeerId"].as_str().unwrap();
    let address = told["system_localListenAddresses"][0].as_str().unwrap();
    assert!(address.ends_with(id), "{address}, {id}");
    let methods = told["rpc_methods"]["methods"].as_array().unwrap();
    for method in ["chain_getBlock", "sync_status", "rpc_methods"] {
        assert!(methods.contains(&json!(method)), "{methods:?}");
    }
    assert!(told["sync_status"]["verdict"].is_string(), "{told}");
    assert!(told["sync_strategies"].is_array() && told["sync_backups"].is_array());
}

fn about_blocks(told: &Value, genesis: &Value) {
    assert_eq!(&told["genesis"], genesis);
    assert_eq!(&told["genesisInHex"], genesis);
    assert_eq!(told["aboveTheTip"], Value::Null);
    assert!(told["number"].as_u64().unwrap() >= 1, "{told}");
    assert!(told["final"].as_u64() <= told["number"].as_u64(), "{told}");
    assert_eq!(told["engines"], json!(["aura", "aura"]));
    // Of the best block, and of the final one, which may be block 0.
    assert_eq!(told["hashesAgree"], json!([true, true]));
    assert_eq!(told["headersAgree"], true);
    assert_eq!(told["bestIsDefault"], true);
    assert_eq!(told["extrinsics"], 1);
    assert_eq!(told["justifications"], false);
    assert_eq!(told["unknown"], json!([false, false]));
}

fn about_state(told: &Value) {
    let expected = json!({"now": 8, "nowOfBest": 8, "nothing": null, "unknownBlock": "4003"});
    assert_eq!(told, &expected);
}

fn sent(told: &Value, extrinsic: &[u8]) {
    assert_eq!(told["nonces"], json!([0, 1]));
    let hash = BlakeTwo256::hash(extrinsic);
    assert_eq!(told["hash"], json!(hash));
    assert_eq!(told["again"], "1013");
    assert_eq!(told["nonsense"], "1001");
    assert_eq!(told["block"].as_str().unwrap().len(), 66, "{told}");
}

fn missing(told: &Value) -> Vec<(String, String)> {
    let told: Vec<(String, String)> = serde_json::from_value(told.clone()).unwrap();
    assert!(told.len() > 10, "{told:?}");
    told
}
