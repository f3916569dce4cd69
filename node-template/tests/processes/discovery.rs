//! How nodes find each other (SPEC sections 3, 5 and 11): through one bootnode, again after a restart, reserved nodes, slots.

use crate::harness::{LOOK_EVERY, PATIENCE, client, run, serving, stdout, until_status};
use node_template::{localnet::NodeProcess, status_view::StatusView};
use std::{
    path::{Path, PathBuf},
    time::Instant,
};
use tempfile::TempDir;

/// Folders of nodes of the `local` chain.
struct Bases(TempDir);

impl Bases {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn of(&self, name: &str) -> PathBuf {
        let base = self.0.path().join(name);
        std::fs::create_dir_all(&base).unwrap();
        base
    }

    async fn node(&self, name: &str, args: &str) -> NodeProcess {
        node(&self.of(name), args).await
    }
}

async fn node(base: &Path, args: &str) -> NodeProcess {
    serving(base, "local", &format!("--chain local {args}")).await
}

fn address(node: &NodeProcess) -> String {
    node.node_file().unwrap().listen_addresses[0].clone()
}

fn id(node: &NodeProcess) -> String {
    let address = address(node);
    address.rsplit_once("/p2p/").unwrap().1.to_owned()
}

fn has_peers(count: usize) -> impl FnMut(&StatusView) -> bool {
    move |view| view.peers == count
}

/// Whom the node is connected to.
async fn connected(node: &NodeProcess) -> Vec<String> {
    let peers = client(node).peers().await.unwrap();
    let here = peers.into_iter().filter(|peer| peer.connected);
    here.map(|peer| peer.peer_id).collect()
}

/// Waits until the node is connected to these and nobody else.
async fn until_connected(node: &NodeProcess, wanted: &[String]) {
    let start = Instant::now();
    loop {
        let seen = connected(node).await;
        if seen == wanted {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{seen:?}, not {wanted:?}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_know_only_the_first_reach_all_others() {
    let bases = Bases::new();
    let first = bases.node("1", "").await;
    let bootnode = format!("--bootnodes {}", address(&first));
    let mut nodes = vec![first];
    for name in ["2", "3", "4", "5"] {
        nodes.push(bases.node(name, &bootnode).await);
    }
    for node in &nodes {
        until_status(&client(node), "all others", has_peers(4)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn node_whose_only_bootnode_died_comes_back_through_remembered_peers() {
    let bases = Bases::new();
    let mut bootnode = bases.node("bootnode", "").await;
    let args = format!("--bootnodes {}", address(&bootnode));
    let friend = bases.node("friend", &args).await;
    let mut node = bases.node("node", &args).await;
    until_status(&client(&node), "both others", has_peers(2)).await;
    node.stop(PATIENCE).await.unwrap();
    bootnode.stop(PATIENCE).await.unwrap();

    // It listens elsewhere now, so nobody else finds it.
    let node = bases.node("node", &args).await;
    until_status(&client(&node), "the friend", has_peers(1)).await;
    assert_eq!(connected(&node).await, [id(&friend)]);

    // Nor is the friend dialled once it is banned.
    drop(node);
    let base = bases.of("node");
    let ban = format!(
        "peers ban {} --chain local -d {}",
        id(&friend),
        base.display()
    );
    assert!(run(&ban).status.success());
    let node = bases.node("node", "").await;
    let third = bases
        .node("third", &format!("--bootnodes {}", address(&node)))
        .await;
    until_status(&client(&node), "the third", has_peers(1)).await;
    assert_eq!(connected(&node).await, [id(&third)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn full_node_refuses_the_second_stranger_and_takes_the_reserved_one() {
    let bases = Bases::new();
    // Its id must be known before its address is.
    let mut reserved = bases.node("reserved", "").await;
    let (reserved_id, reserved_at) = (id(&reserved), address(&reserved));
    reserved.stop(PATIENCE).await.unwrap();

    let args = format!("--in-peers 1 --out-peers 0 --reserved-nodes {reserved_at}");
    let full = bases.node("full", &args).await;
    let to_full = format!("--bootnodes {}", address(&full));
    let first = bases.node("first", &to_full).await;
    until_status(&client(&full), "the first", has_peers(1)).await;
    let second = bases.node("second", &to_full).await;
    let reserved = bases.node("reserved", &to_full).await;
    until_status(&client(&full), "the reserved one, too", has_peers(2)).await;
    let mut seen = connected(&full).await;
    seen.sort();
    let mut expected = [id(&first), reserved_id.clone()];
    expected.sort();
    assert_eq!(seen, expected);
    // It did come to the door: it knows the full node as one that it met.
    let known = client(&second).peers().await.unwrap();
    assert!(
        known.iter().any(|peer| peer.peer_id == id(&full)),
        "{known:?}"
    );
    drop(reserved);
}

#[tokio::test(flavor = "multi_thread")]
async fn node_for_reserved_nodes_only_refuses_a_stranger_and_trusts_them() {
    let bases = Bases::new();
    let friend = bases.node("friend", "").await;
    let args = format!("--reserved-only --reserved-nodes {}", address(&friend));
    let closed = bases.node("closed", &args).await;
    until_status(&client(&closed), "the reserved one", has_peers(1)).await;
    let both = format!("--bootnodes {} {}", address(&closed), address(&friend));
    let stranger = bases.node("stranger", &both).await;
    // The dialler of a connection has it for a moment before the other end refuses it, so it may see one peer, or two, that
    // are not there to stay.
    until_connected(&stranger, &[id(&friend)]).await;
    assert_eq!(connected(&closed).await, [id(&friend)]);

    let trusted = format!(
        "resync --dry-run --chain local -d {}",
        bases.of("closed").display()
    );
    let trusted = stdout(&run(&trusted));
    assert!(trusted.contains(&id(&friend)), "{trusted}");
    let nobody = format!(
        "resync --dry-run --chain local -d {}",
        bases.of("stranger").display()
    );
    let nobody = stdout(&run(&nobody));
    assert!(nobody.contains("no trusted peer"), "{nobody}");
}
