//! More transfers than the chain can take: `LOAD_SECONDS=60 cargo test --workspace --test processes -- --nocapture load::`
//! offers 1000 a second for a minute, and says what became of them; `make test` does so for three seconds.

use crate::{
    harness::{PATIENCE, client},
    transactions::{account, three_nodes},
};
use codec::Encode;
use node_template::{
    keystore::DevKey, localnet::NodeProcess, runtime::Extrinsic, status_view::NodeClient,
};
use sp_core::{H256, Pair, sr25519};
use std::{
    fs,
    time::{Duration, Instant},
};

/// Offered per second, over all senders.
const RATE: u32 = 1_000;

/// What one sender did.
#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    taken: u64,
    refused: u64,
}

/// Offers transfers of 1 at its share of the rate until `end`; one that is refused is offered again, as the next would leave a
/// gap.
async fn offer(
    node: NodeClient,
    from: DevKey,
    to: sr25519::Public,
    genesis: H256,
    end: Instant,
) -> Sent {
    let pair = from.pair();
    let senders = u64::try_from(DevKey::ALL.len()).unwrap();
    let pause =
        Duration::from_secs(1).mul_f64(f64::from(u32::try_from(senders).unwrap()) / 1_000.0);
    assert_eq!(RATE, 1_000);
    let mut pace = tokio::time::interval(pause);
    let mut sent = Sent::default();
    while Instant::now() < end {
        pace.tick().await;
        let one = Extrinsic::transfer(&pair, to, 1, sent.taken, genesis);
        match node.submit_extrinsic(&one.encode()).await {
            Ok(_) => sent.taken += 1,
            Err(error) => {
                let text = error.to_string();
                assert!(text.contains("the pool is full"), "{text}");
                sent.refused += 1;
            }
        }
    }
    sent
}

/// Most memory that the process ever had, in MiB.
fn peak_mib(node: &NodeProcess) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", node.id())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib / 1_024
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_acknowledged_is_lost_under_more_load_than_there_is_room_for() {
    let seconds = std::env::var("LOAD_SECONDS").map_or(3, |text| text.parse().unwrap());
    offered_to_all(seconds, "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn small_pool_refuses_what_it_has_no_room_for_and_loses_nothing_else() {
    // Less than is offered in a slot.
    let all = offered_to_all(3, "--pool-limit 100").await;
    assert!(all.refused > 0, "{all:?}");
}

/// Offers transfers to two of three nodes, and waits until all that was acknowledged has arrived.
async fn offered_to_all(seconds: u64, options: &str) -> Sent {
    let folder = tempfile::tempdir().unwrap();
    let processes = three_nodes(folder.path(), options).await;
    let nodes = processes.each_ref().map(client);

    let to = sr25519::Pair::from_string("//Poor", None).unwrap().public();
    let genesis = nodes[0].genesis_hash().await.unwrap();
    let end = Instant::now() + Duration::from_secs(seconds);
    let offers = DevKey::ALL.map(|from| {
        // Half of them to a node that authors nothing.
        let node = nodes[usize::from(from as u8 % 2) * 2].clone();
        tokio::spawn(offer(node, from, to, genesis, end))
    });
    let mut all = Sent::default();
    for offered in offers {
        let sent = offered.await.unwrap();
        all.taken += sent.taken;
        all.refused += sent.refused;
    }
    // The longer it was offered, the more there is to work off.
    let patience = PATIENCE + Duration::from_secs(seconds);
    let start = Instant::now();
    for node in &nodes {
        loop {
            let arrived = account(node, &to).await.balance;
            if arrived == u128::from(all.taken) {
                break;
            }
            assert!(
                start.elapsed() < patience,
                "{arrived} of {} arrived at {}",
                all.taken,
                node.url()
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        assert!(node.pending_extrinsics().await.unwrap().is_empty());
    }
    let settled = start.elapsed();
    let memory = processes.each_ref().map(peak_mib);
    assert!(memory.iter().all(|mib| *mib < 600), "{memory:?} MiB");
    let best = nodes[0].status().await.unwrap().best.number;
    let mut fullest = 0;
    for number in 1..=best {
        fullest = fullest.max(nodes[0].block_extrinsics(number).await.unwrap());
    }
    #[expect(clippy::print_stderr, reason = "the figures are what it is run for")]
    {
        eprintln!(
            "{RATE}/s for {seconds} s: {} acknowledged, {} refused, all in blocks {settled:.1?} after the last; fullest of {best} blocks: {fullest} extrinsics; peak memory {memory:?} MiB",
            all.taken, all.refused
        );
    }
    all
}
