//! `kill -9` of a validator in a running network, again and again (SPEC section 13: I2 and I11).

use crate::{
    harness::{PATIENCE, local_network},
    seals::seals_in,
};
use node_template::{
    localnet::{
        LocalNetwork, NodeIndex,
        tour::{Duty, NodePlan, Stage},
    },
    service::DevKey,
    status_view::VerdictKind,
};
use rustix::process::Signal;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::{Duration, Instant},
};

const KEYS: [DevKey; 4] = [DevKey::Alice, DevKey::Bob, DevKey::Charlie, DevKey::Dave];
const KILLS: u32 = 20;
const VICTIM: NodeIndex = NodeIndex(3);

/// Four validators.
pub(crate) async fn network(folder: &Path) -> LocalNetwork {
    let mut network = local_network(folder);
    for (index, key) in KEYS.into_iter().enumerate() {
        let plan = NodePlan {
            name: key.flag().into(),
            duty: Duty::Author(key),
            bootnodes: (0..index).map(NodeIndex).collect(),
        };
        network.start(plan).await.unwrap();
    }
    network
}

/// Waits until all nodes are in sync at `height` or above.
pub(crate) async fn until_all(network: &mut LocalNetwork, what: &str, height: u64) {
    let start = Instant::now();
    loop {
        let rows = network.survey().await.unwrap();
        let there = rows.iter().all(|row| {
            row.state.view().is_some_and(|view| {
                view.best.number >= height && view.verdict == VerdictKind::InSync
            })
        });
        if there {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{what}: {rows:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

pub(crate) async fn height(network: &mut LocalNetwork, node: NodeIndex) -> u64 {
    let rows = network.survey().await.unwrap();
    rows[node.0].state.height().unwrap_or_default()
}

#[tokio::test]
async fn node_killed_20_times_keeps_one_whole_chain_and_never_seals_twice_for_a_slot() {
    let folder = tempfile::tempdir().unwrap();
    let mut network = network(folder.path()).await;
    until_all(&mut network, "the first blocks", 2).await;
    for kill in 0..KILLS {
        // Moments spread over a slot, so that some fall into the author's seal and import.
        tokio::time::sleep(Duration::from_millis(u64::from(kill) * 97 % 700)).await;
        let process = network.process(VICTIM).unwrap();
        process.signal(Signal::KILL).unwrap();
        process.ended(PATIENCE).await.unwrap();
        network.restart(VICTIM).await.unwrap();
        if kill % 5 == 4 {
            // Long enough that it authors again between two kills.
            let goal = height(&mut network, NodeIndex(0)).await + 4;
            until_all(&mut network, "blocks between two kills", goal).await;
        }
    }
    let goal = height(&mut network, NodeIndex(0)).await + 4;
    until_all(&mut network, "the network after the last kill", goal).await;
    whole_chain(&mut network, goal).await;
    network.stop_all().await;
    let seals = seals(folder.path());
    assert!(
        seals
            .keys()
            .any(|(author, _)| author == KEYS[VICTIM.0].flag()),
        "the victim authored nothing, so nothing was tested"
    );
    for ((author, slot), hashes) in seals {
        assert_eq!(hashes.len(), 1, "{author} sealed twice in slot {slot}");
    }
}

/// The victim has every block from genesis to `tip`, linked, and the others have the same tip.
async fn whole_chain(network: &mut LocalNetwork, tip: u64) {
    let mut parent = network.block_hash(VICTIM, 0).await.unwrap().unwrap();
    let mut slot = 0;
    for number in 1..=tip {
        let hash = network.block_hash(VICTIM, number).await.unwrap().unwrap();
        let header = network.header(VICTIM, &hash).await.unwrap().unwrap();
        assert_eq!(header.parent_hash, parent, "block {number}");
        assert!(header.slot().unwrap() > slot, "block {number}");
        slot = header.slot().unwrap();
        parent = hash;
    }
    for node in [0, 1, 2].map(NodeIndex) {
        // The newest block may be replaced by its twin; one below all agree.
        let theirs = network.block_hash(node, tip - 1).await.unwrap();
        let ours = network.block_hash(VICTIM, tip - 1).await.unwrap();
        assert_eq!(theirs, ours);
    }
}

/// Every seal that any node logged, lost branches included: by author and slot, the hashes.
fn seals(folder: &Path) -> BTreeMap<(String, u64), BTreeSet<String>> {
    let mut seals: BTreeMap<(String, u64), BTreeSet<String>> = BTreeMap::new();
    for key in KEYS {
        let log = std::fs::read_to_string(folder.join(format!("{}.log", key.flag()))).unwrap();
        for (slot, hash) in seals_in(&log) {
            seals
                .entry((key.flag().into(), slot))
                .or_default()
                .insert(hash);
        }
    }
    seals
}
