//! A chain that begins with a snapshot as a backup (SPEC section 7): another resync moves it there whole, and it can be had back.

use crate::{
    below_snapshot::{self, answer},
    dead_fork::{Finality, World, backups},
    harness::{PATIENCE, client, run, serving, until_status},
};
use node_template::{
    localnet::NodeProcess,
    status_view::{BlockView, NodeClient},
};
use serde_json::{Value, json};
use std::path::Path;

/// A chain as its node tells of it.
#[derive(Debug, PartialEq)]
struct Told {
    best: BlockView,
    /// That of the best block.
    state_root: Value,
    /// What its state says of the time.
    time: Value,
    /// The lowest whole block.
    lowest: u64,
}

impl Told {
    async fn by(node: &NodeProcess) -> Self {
        let asked = client(node);
        let best = asked.status().await.unwrap().best;
        let header = answer(&asked, "chain_getHeader", &json!([best.hash]));
        let state_root = header["result"]["stateRoot"].clone();
        let key = format!("0x{}", hex::encode(b"timestamp:now"));
        let time = answer(&asked, "state_getStorage", &json!([key, best.hash]))["result"].clone();
        assert!(state_root.is_string() && time.is_string(), "{header}");
        Self {
            best,
            state_root,
            time,
            lowest: below_snapshot::rpc(node).await,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chain_that_begins_with_a_snapshot_is_kept_by_the_next_resync_and_restored() {
    let world = World::with(Finality::Reached).await;
    let base = world.copy_of_daves_files("kept");
    resync_alone(&world, &base, "snapshot");
    let before = {
        let mut node = alone(&world, &base).await;
        let told = Told::by(&node).await;
        node.stop(PATIENCE).await.unwrap();
        told
    };

    // No node runs, so it ends where it ended.
    resync_alone(&world, &base, "multi-source");
    let mut names = backups(&base);
    names.sort();
    let [_, backup] = <[String; 2]>::try_from(names).unwrap();
    let tip = before.best.hash.trim_start_matches("0x");
    let tip = format!("-{}-{tip}", before.best.number);
    assert!(backup.ends_with(&tip), "{backup}: {before:?}");
    let node = alone(&world, &base).await;
    let asked = client(&node);
    let present = asked.status().await.unwrap().best;
    let theirs = world.alice_holds(before.lowest).await;
    assert_eq!(asked.block_hash(before.lowest).await.unwrap(), theirs);
    assert!(is_whole(&asked, 1).await, "all blocks are fetched");

    let copy = world.base("copy");
    let to = format!("backups restore {backup} --to {}", copy.display());
    let copied = run(&world.line(&to, &base));
    assert!(copied.status.success(), "{copied:?}");
    let other = alone(&world, &copy).await;
    assert_eq!(Told::by(&other).await, before);
    drop(other);
    assert_eq!(asked.status().await.unwrap().best, present);

    let restored = run(&world.line(&format!("backups restore {backup} -y"), &base));
    assert!(restored.status.success(), "{restored:?}");
    until_status(&client(&node), "the chain as it was", |view| {
        view.best == before.best
    })
    .await;
    assert_eq!(Told::by(&node).await, before);
    assert!(!is_whole(&client(&node), 1).await);
    drop(node);

    // It goes on from there.
    let node = world.connected(&base).await;
    let later = world.until_joined(&node).await;
    assert!(later.best.number > before.best.number, "{later:?}");
    assert_eq!(below_snapshot::rpc(&node).await, before.lowest);
    assert_eq!(backups(&base).len(), 2, "the fork's, and the whole one");
}

/// A resync where no node runs.
fn resync_alone(world: &World, base: &Path, strategy: &str) {
    let (peer, bootnode) = (world.alice_id(), world.alice_address());
    let order = format!("resync -y --peer {peer} --strategy {strategy} --bootnodes {bootnode}");
    let done = run(&world.line(&order, base));
    assert!(done.status.success(), "{strategy}: {done:?}");
}

/// A node that nobody brings blocks to.
async fn alone(world: &World, base: &Path) -> NodeProcess {
    let args = format!("--chain {} --isolated", world.spec().display());
    serving(base, "quick", &args).await
}

/// Whether the node has more of the block than its header.
async fn is_whole(asked: &NodeClient, number: u64) -> bool {
    let hash = asked.block_hash(number).await.unwrap().unwrap();
    answer(asked, "chain_getBlock", &json!([hash]))["error"].is_null()
}
