//! Four validators, of which some stop: three go on, two do not, and say why (SPEC section 4, `authority-quorum`).

use crate::{
    harness::{PATIENCE, until_status},
    kill_loop::{height, network, until_all},
};
use node_template::{
    localnet::{NodeIndex, tour::Stage},
    status_view::VerdictKind,
};
use std::time::{Duration, Instant, SystemTime};

const WATCHED: NodeIndex = NodeIndex(0);
/// The one that stays down.
const STOPPED: NodeIndex = NodeIndex(2);

#[tokio::test]
async fn three_of_four_validators_go_on_and_two_stop_until_a_third_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut network = network(folder.path()).await;
    until_all(&mut network, "the first blocks", 3).await;

    let last = NodeIndex(3);
    network.stop(last).await.unwrap();
    let goal = height(&mut network, WATCHED).await + 4;
    let node = network.process(WATCHED).unwrap().client().unwrap();
    until_status(&node, "blocks of three", |view| view.best.number >= goal).await;

    network.stop(STOPPED).await.unwrap();
    // What the stopped ones attested counts for three slots more.
    let halted = until_status(&node, "the reason of the halt", |view| {
        view.verdict == VerdictKind::Unknown
            && view.reason.as_ref().is_some_and(|reason| {
                reason.contains("attested by 2 of 4 authorities, 3 needed, 2 silent")
            })
    })
    .await;
    let slot = Duration::from_secs(2);
    let quiet = Instant::now();
    while quiet.elapsed() < slot * 6 {
        let now = node.status().await.unwrap();
        assert_eq!(now.best, halted.best, "authored by two of four");
        tokio::time::sleep(slot / 4).await;
    }

    network.restart(last).await.unwrap();
    let back = Instant::now();
    // As many as are needed. All three have to be connected: any of them may have the next slot.
    for up in [WATCHED, NodeIndex(1), last] {
        let node = network.process(up).unwrap().client().unwrap();
        until_status(&node, "three are connected", |view| view.peers >= 2).await;
    }
    let connected = slot_now(slot);
    until_status(&node, "blocks again", |view| {
        view.best.number > halted.best.number
    })
    .await;
    // In whoever's turn it is, but that of the validator that is still down.
    let slots = connected + 1..=slot_now(slot);
    let took = slots.filter(|slot| slot % 4 != STOPPED.0 as u128).count();
    assert!(
        took <= 2,
        "{took} slots after three were connected, {:?} in all",
        back.elapsed()
    );
    assert!(back.elapsed() < PATIENCE);
    network.stop_all().await;
}

/// The slot that this machine's clock shows.
fn slot_now(length: Duration) -> u128 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.unwrap().as_millis() / length.as_millis()
}
