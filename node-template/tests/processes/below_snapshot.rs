//! What is said of blocks below the snapshot with which a chain begins: that they are not kept, and what to do.

use crate::{
    dead_fork::World,
    harness::{client, error_line, run, stdout},
    rpc::ask,
};
use node_template::{localnet::NodeProcess, status_view::NodeClient};
use serde_json::{Value, json};
use std::path::Path;

/// The number of the lowest whole block, in a text that names it.
fn lowest_in(text: &str) -> u64 {
    let after = text.split("begins with a snapshot at ").nth(1);
    let after = after.unwrap_or_else(|| panic!("{text}"));
    let after = after.trim_start_matches("block ").trim_start_matches('#');
    let digits = after.split(|c: char| !c.is_ascii_digit()).next();
    digits.unwrap().parse().unwrap()
}

/// The error, or the result, of a call.
pub(crate) fn answer(node: &NodeClient, method: &str, params: &Value) -> Value {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let answer = ask(node.url(), "POST / HTTP/1.1", &body.to_string());
    let answer = answer.split("\r\n\r\n").nth(1).unwrap();
    serde_json::from_str(answer).unwrap()
}

/// By the RPC of a node whose chain begins with a snapshot; returns the lowest whole block.
pub(crate) async fn rpc(node: &NodeProcess) -> u64 {
    let asked = client(node);
    let hash = async |number| asked.block_hash(number).await.unwrap().unwrap();
    let key = format!("0x{}", hex::encode(b"timestamp:now"));
    let first = hash(1).await;
    let mut lowest = 0;
    for (method, params) in [
        ("state_getStorage", json!([key, first])),
        ("chain_getBlock", json!([first])),
    ] {
        let refused = answer(&asked, method, &params);
        assert_eq!(refused["error"]["code"], 4003, "{method}: {refused}");
        let text = refused["error"]["message"].as_str().unwrap();
        assert!(text.contains("`resync` with another strategy"), "{text}");
        lowest = lowest_in(text);
    }
    assert!(lowest > 1);
    // From there on everything is there, and of the blocks below the headers.
    for number in [0, lowest, lowest + 1] {
        let at = hash(number).await;
        let block = answer(&asked, "chain_getBlock", &json!([at]));
        let header = &block["result"]["block"]["header"];
        assert_eq!(header["number"], format!("{number:#x}"), "{block}");
        let value = answer(&asked, "state_getStorage", &json!([key, at]));
        assert!(value["error"].is_null(), "{value}");
        assert_eq!(value["result"].is_string(), number > 0, "{value}");
    }
    let below = hash(lowest - 1).await;
    let header = answer(&asked, "chain_getHeader", &json!([below]));
    assert_eq!(header["result"]["number"], format!("{:#x}", lowest - 1));
    let refused = answer(&asked, "chain_getBlock", &json!([below]));
    assert_eq!(refused["error"]["code"], 4003, "{refused}");
    lowest
}

/// By the commands for a stopped node.
pub(crate) fn commands(world: &World, base: &Path, lowest: u64) {
    let below = lowest - 1;
    for number in [1, below] {
        let checked = run(&world.line(&format!("check-block {number}"), base));
        let error = error_line(&checked);
        assert_eq!(lowest_in(&error), lowest, "{error}");
        assert!(error.contains("`resync` with another strategy"), "{error}");
    }
    let above = stdout(&run(
        &world.line(&format!("check-block {}", lowest + 1), base)
    ));
    assert!(above.contains("holds"), "{above}");

    let file = base.join("exported");
    let export = |from: u64| format!("export-blocks {} --from {from}", file.display());
    for order in [
        export(0),
        export(below),
        format!("export-blocks {}", file.display()),
    ] {
        let error = error_line(&run(&world.line(&order, base)));
        assert_eq!(lowest_in(&error), lowest, "{error}");
        assert!(error.contains(&format!("--from {lowest}")), "{error}");
        assert!(!file.exists(), "nothing is left of it");
    }
    let exported = run(&world.line(&export(lowest), base));
    assert!(exported.status.success(), "{exported:?}");
    assert!(file.exists());

    // What is final stays, and the snapshot is.
    let reverted = run(&world.line("revert 100000 -y", base));
    assert!(reverted.status.success(), "{reverted:?}");
    let again = stdout(&run(&world.line("revert 100000 -y", base)));
    assert!(again.contains("what is final stays"), "{again}");
    let best = again.split("best #").nth(1).unwrap();
    let digits = best.split(|c: char| !c.is_ascii_digit()).next();
    assert!(digits.unwrap().parse::<u64>().unwrap() >= lowest, "{again}");
}
