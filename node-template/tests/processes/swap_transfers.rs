//! Transfers that reach a node while it exchanges its stores (SPEC section 7): whatever it acknowledged is not lost.

use crate::{
    dead_fork::{World, critical, in_sync},
    harness::{PATIENCE, client, run, until_status},
    transactions::{account, until_balance},
};
use codec::Encode;
use node_template::{
    keystore::DevKey,
    runtime::Extrinsic,
    status_view::{ClientError, NodeClient},
};
use sp_core::{Pair, sr25519};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// What became of transfers of 1 that were sent one after the other.
#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    /// The node has them.
    taken: u64,
    /// Answers that said that the node stops, and calls without an answer.
    turned_away: u64,
}

/// Sends transfers until told to stop. One that is turned away is sent again: the next would leave a gap.
async fn send(node: NodeClient, from: DevKey, to: sr25519::Public, stop: Arc<AtomicBool>) -> Sent {
    let genesis = node.genesis_hash().await.unwrap();
    let mut sent = Sent::default();
    while !stop.load(Ordering::Acquire) {
        let one = Extrinsic::transfer(&from.pair(), to, 1, sent.taken, genesis);
        match node.submit_extrinsic(&one.encode()).await {
            Ok(_) => sent.taken += 1,
            // Taken by a call whose answer was lost with the connection.
            Err(ClientError::Declined { reason })
                if ["in the pool already", "is used up"]
                    .iter()
                    .any(|text| reason.contains(text)) =>
            {
                sent.taken += 1;
            }
            Err(ClientError::Declined { reason }) => {
                assert!(reason.contains("takes nothing in just now"), "{reason}");
                sent.turned_away += 1;
            }
            Err(ClientError::Unreachable { .. }) => sent.turned_away += 1,
            Err(error) => panic!("{error}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    sent
}

/// Sends to the node while `order` is carried out; says what was sent.
async fn meanwhile(
    world: &World,
    base: &Path,
    order: &str,
    node: &NodeClient,
    from: DevKey,
    to: sr25519::Public,
) -> Sent {
    let stop = Arc::new(AtomicBool::new(false));
    let sending = tokio::spawn(send(node.clone(), from, to, Arc::clone(&stop)));
    let line = world.line(order, base);
    let done = tokio::task::spawn_blocking(move || run(&line))
        .await
        .unwrap();
    assert!(done.status.success(), "{order}: {done:?}");
    stop.store(true, Ordering::Release);
    sending.await.unwrap()
}

/// Waits until the network has all of them, in its chain or in the pool of this node, which authors.
async fn until_had(node: &NodeClient, to: &sr25519::Public, all: u64) {
    let start = Instant::now();
    loop {
        // In this order: what gets into a block in between is counted twice, and looked for again.
        let waiting = node.pending_extrinsics().await.unwrap().len();
        let arrived = account(node, to).await.balance;
        let had = arrived + u128::try_from(waiting).unwrap();
        if had == u128::from(all) {
            return;
        }
        // What a peer did not take is offered again once a minute.
        assert!(start.elapsed() < 2 * PATIENCE, "{had} of {all} are there");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn transfers_acknowledged_while_the_stores_are_exchanged_reach_the_network() {
    let world = World::new().await;
    let (base, mut process) = world.copy_of_dave("swapped").await;
    let node = client(&process);
    until_status(&node, "a dead fork", critical).await;
    let to = sr25519::Pair::from_string("//Poor", None).unwrap().public();
    let network = world.alice();

    let resync = format!("resync -y --peer {}", world.alice_id());
    let sent = meanwhile(&world, &base, &resync, &node, DevKey::Alice, to).await;
    assert!(sent.taken > 0, "{sent:?}");
    until_status(&node, "in sync on the new chain", in_sync).await;
    until_balance(&network, &to, sent.taken.into()).await;

    // Back to the dead fork, on which nothing arrives by itself.
    let restore = "backups restore 2 -y";
    let more = meanwhile(&world, &base, restore, &node, DevKey::Bob, to).await;
    assert!(more.taken > 0, "{more:?}");
    until_status(&node, "the dead fork", critical).await;
    let all = sent.taken + more.taken;
    until_had(&network, &to, all).await;
    // With a third voter that is against them the other two author nothing.
    assert!(process.stop(PATIENCE).await.unwrap().success());
    until_balance(&network, &to, all.into()).await;
}
