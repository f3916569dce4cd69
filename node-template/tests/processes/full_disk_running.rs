//! A disk that fills up while a node that runs on it resyncs (SPEC section 7; scenario R7).

use crate::{
    dead_fork::{MAX_REORG, World, backups, in_sync},
    full_disk::{MIB, SmallDisk},
    harness::{
        LOOK_EVERY, PATIENCE, chain_folder, run, serving, skipped, stdout, until, until_status,
    },
    resync_twice::{connected, from, source},
};
use node_template::{
    localnet::NodeProcess,
    rpc::{LastRunView, ResyncParams},
    status_view::NodeClient,
};
use rustix::process::Signal;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Less than is kept for the live chain, and enough for it to go on.
const LITTLE: u64 = 8 * MIB;

#[tokio::test(flavor = "multi_thread")]
async fn full_disk_ends_the_resync_of_a_running_node_whose_chain_goes_on() {
    let world = World::new().await;
    let Some(disk) = SmallDisk::new(&world.base("mount"), 200 * MIB) else {
        return skipped("this system lets no user make a mount namespace (unshare --user --mount)");
    };
    let (mut source, address) = source(&world).await;
    let base = disk.root().join("base");
    fs::create_dir_all(&base).unwrap();
    let args = format!("{} {address}", world.connected_args());
    let node = serving(&base, "quick", &args).await;
    world.until_joined(&node).await;
    let asking = NodeClient::of_operator(&node.node_file().unwrap()).unwrap();
    let order = from(address.rsplit_once("/p2p/").unwrap().1);
    connected(&asking, &order).await;

    for left in [LITTLE, 0] {
        let filler = begun_and_filled_up(&disk, left, &asking, &order, &mut source, &base).await;
        // Of a disk with nothing left the live chain has no more than what it holds.
        if left > 0 {
            goes_on(&asking).await;
        }
        // No fork of the network takes it back.
        let settled = asking.status().await.unwrap().best.number - MAX_REORG;
        let held = asking.block_hash(settled).await.unwrap();
        fs::remove_file(filler).unwrap();
        goes_on(&asking).await;
        assert!(held.is_some());
        assert_eq!(asking.block_hash(settled).await.unwrap(), held);
        assert!(backups(&base).is_empty());
        if left > 0 {
            let aborted = run(&world.line("resync --abort", &base));
            assert!(stdout(&aborted).contains("given up"), "{aborted:?}");
            let folder = chain_folder(&base, "quick");
            assert!(!folder.join("journal").exists() && !folder.join("staging").exists());
        }
    }
    resumed(&world, &node, &base).await;
}

/// Orders a resync whose disk is full, but for `left` bytes, before the first block comes. Returns what fills it, once the run has
/// ended and has said why.
async fn begun_and_filled_up(
    disk: &SmallDisk,
    left: u64,
    asking: &NodeClient,
    order: &ResyncParams,
    source: &mut NodeProcess,
    base: &Path,
) -> PathBuf {
    // Whoever asks it waits for an answer.
    source.signal(Signal::STOP).unwrap();
    asking.resync(order).await.unwrap();
    let journal = chain_folder(base, "quick").join("journal");
    until("the download", || {
        fs::read_to_string(&journal).is_ok_and(|text| text.contains("downloading"))
    });
    let filler = disk.fill(left);
    source.signal(Signal::CONT).unwrap();
    let ended = async {
        loop {
            let seen = asking.resync_status().await.unwrap();
            if !seen.active {
                return seen.last;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let ended = tokio::time::timeout(PATIENCE, ended).await.unwrap();
    let Some(LastRunView::Interrupted(why)) = ended else {
        panic!("{left}: {ended:?}");
    };
    for part in ["kept for the live chain", "make room", "resync --resume"] {
        assert!(why.contains(part), "{left}: {why}");
    }
    filler
}

/// Waits until the chain has grown.
async fn goes_on(asking: &NodeClient) {
    let from = asking.status().await.unwrap().best.number;
    until_status(asking, "further blocks", |view| {
        view.best.number > from + 1 && in_sync(view)
    })
    .await;
}

/// Does what the message says.
async fn resumed(world: &World, node: &NodeProcess, base: &Path) {
    let done = run(&world.line("resync --resume", base));
    assert!(
        done.status.success(),
        "{done:?}\n{}",
        node.log_tail(60).join("\n")
    );
    world.until_joined(node).await;
    assert_eq!(backups(base).len(), 1);
}
