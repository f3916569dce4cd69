//! Orders of Tier 3 that meet each other in a running node (SPEC section 7; scenario R8).

use crate::{
    dead_fork::{World, backups, critical},
    harness::{LOOK_EVERY, PATIENCE, chain_folder, error_line, run, serving, stdout, until_status},
};
use node_template::{
    localnet::NodeProcess,
    rpc::{LastRunView, ResyncParams, ResyncView},
    status_view::NodeClient,
};
use rustix::process::Signal;
use std::{fs, path::Path};

/// How often an order is given and taken back at once.
const TURNS: u32 = 20;

#[tokio::test(flavor = "multi_thread")]
async fn second_order_is_refused_until_the_first_is_given_up() {
    let world = World::new().await;
    let (mut source, address) = source(&world).await;
    let base = world.copy_of_daves_files("ordered");
    let args = format!("{} {address}", world.connected_args());
    let node = serving(&base, "quick", &args).await;
    let asking = NodeClient::of_operator(&node.node_file().unwrap()).unwrap();
    until_status(&asking, "a dead fork", critical).await;
    let from_source = from(address.rsplit_once("/p2p/").unwrap().1);
    connected(&asking, &from_source).await;

    // Whoever asks it waits for an answer.
    source.signal(Signal::STOP).unwrap();
    asking.resync(&from_source).await.unwrap();
    let begun = asking.resync_status().await.unwrap();
    assert!(begun.active && begun.run.is_some(), "{begun:?}");

    let from_alice = from(&world.alice_id());
    let again = format!("resync -y --peer {}", world.alice_id());
    let second = error_line(&run(&world.line(&again, &base)));
    assert!(second.contains("a resync is under way"), "{second}");
    // The command looks first; whoever does not is told the same.
    let second = asking.resync(&from_alice).await.unwrap_err().to_string();
    assert!(second.contains("a resync is under way"), "{second}");
    let first = asking.resync_status().await.unwrap();
    assert!(first.active && first.last.is_none(), "{first:?}");

    let aborted = run(&world.line("resync --abort", &base));
    assert!(stdout(&aborted).contains("given up"), "{aborted:?}");
    nothing_is_left(&asking.resync_status().await.unwrap(), &base);

    // It votes, too.
    source.signal(Signal::CONT).unwrap();
    for turn in 0..TURNS {
        if let Err(error) = asking.resync(&from_alice).await {
            panic!("{turn}: {error}\n{}", node.log_tail(60).join("\n"));
        }
        if let Err(error) = asking.abort().await {
            panic!("{turn}: {error}\n{}", node.log_tail(60).join("\n"));
        }
        nothing_is_left(&asking.resync_status().await.unwrap(), &base);
    }
    assert!(backups(&base).is_empty());

    let done = run(&world.line(&again, &base));
    assert!(
        done.status.success(),
        "{done:?}\n{}",
        node.log_tail(60).join("\n")
    );
    world.until_joined(&node).await;
    assert_eq!(backups(&base).len(), 1);
    assert!(!chain_folder(&base, "quick").join("staging").exists());
    let log = node.log_tail(4_000).join("\n");
    assert!(!log.contains("the resync ended"), "one went on: {log}");
}

/// A node with the network's chain that nobody else needs, and its address.
pub(crate) async fn source(world: &World) -> (NodeProcess, String) {
    let base = world.base("source");
    fs::create_dir_all(&base).unwrap();
    let node = world.connected(&base).await;
    world.until_joined(&node).await;
    let address = node.node_file().unwrap().listen_addresses[0].clone();
    (node, address)
}

/// The order to fetch from this peer.
pub(crate) fn from(peer: &str) -> ResyncParams {
    ResyncParams {
        peers: vec![peer.to_owned()],
        checkpoint: None,
        strategy: None,
        dry_run: false,
    }
}

/// Waits until the peers that the order names are connected.
pub(crate) async fn connected(asking: &NodeClient, order: &ResyncParams) {
    let dry = ResyncParams {
        dry_run: true,
        ..order.clone()
    };
    let connected = async {
        while asking.resync(&dry).await.unwrap().sources.is_empty() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(PATIENCE, connected).await.unwrap();
}

/// The last order is given up, and nothing begins again by itself.
fn nothing_is_left(seen: &ResyncView, base: &Path) {
    assert!(!seen.active && seen.run.is_none(), "{seen:?}");
    assert!(
        matches!(seen.last, Some(LastRunView::Aborted)),
        "{:?}",
        seen.last
    );
    let folder = chain_folder(base, "quick");
    assert!(!folder.join("journal").exists());
}
