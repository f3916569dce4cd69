//! The RPC through other people's clients, where they are installed.

use crate::harness::{client, serving, until_status};
use serde_json::Value;
use std::process::{Command, Stdio};

/// Says that a test did nothing, and what it would need.
fn skipped(why: &str) {
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    {
        eprintln!("skipped: {why}");
    }
}

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
    assert_eq!(told["chain"], "Development");
    assert_eq!(
        told["genesis"],
        format!("{:?}", asked.genesis_hash().await.unwrap())
    );
    assert!(told["block"].as_u64().unwrap() >= 1, "{told}");
    assert_eq!(told["extrinsics"], 1);
    assert_eq!(told["now"].as_str().unwrap().len(), 18);
    assert_eq!(told["pending"], serde_json::json!([]));
    let heads = told["heads"].as_array().unwrap();
    assert!(heads[1].as_u64() > heads[0].as_u64(), "{told}");
    assert!(told["refused"].as_str().unwrap().contains("1001"), "{told}");
    assert!(told["methods"].as_u64().unwrap() > 20, "{told}");
}
