//! More transfers than the chain can take: `LOAD_SECONDS=60 cargo test --workspace --test processes -- --nocapture load::`
//! offers 1000 a second for a minute, and says what became of them; `make test` does so for three seconds, and asks nothing of the
//! speed.
//!
//! A block is full when it took all that was ready, or ended at a limit: the share of the slot in which extrinsics are put into
//! it, or `block_bytes`. The authors count which it was.

use crate::{
    exposition::Page,
    harness::{PATIENCE, client},
    metrics::page,
    transactions::{account, three_nodes},
};
use codec::Encode;
use jsonrpsee::core::{
    client::ClientT,
    params::{ArrayParams, BatchRequestBuilder},
};
use jsonrpsee_http_client::{HttpClient, HttpClientBuilder};
use node_template::{
    keystore::DevKey, localnet::NodeProcess, pool::ProposalEnd, runtime::Extrinsic,
    status_view::NodeClient,
};
use sp_core::{Bytes, H256, Pair, sr25519};
use std::{
    collections::BTreeSet,
    fs,
    time::{Duration, Instant},
};

/// Offered per second, over all senders.
const RATE: f64 = 1_000.0;

/// From how many seconds on the rate has to be reached: in less, the nodes have hardly warmed up.
const RATED_FROM: u64 = 60;

/// The share of the rate that has to be offered then. The rest is for a machine that does something else for a moment.
const RATE_SHARE: f64 = 0.9;

/// Most transfers in flight of one sender: what the server takes in one batch.
const AT_ONCE: usize = 100;

/// How much of what is offered may wait without a block that ended at a limit: what comes in four slots.
const BACKLOG: f64 = 2.0 * RATE;

/// What is offered, how, and for how long.
#[derive(Clone, Copy, Debug)]
struct Load {
    seconds: u64,
    at_once: usize,
    options: &'static str,
}

/// What became of it.
#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    /// Transfers that were sent and answered before the end, also those that were sent before.
    offered: u64,
    /// Transfers that the node said it has.
    taken: u64,
    /// Those of them before the end.
    taken_in_time: u64,
    /// Answers that the pool is full.
    refused: u64,
}

/// A sender and all that it will ever send, in the order of the nonces.
struct Sender {
    node: HttpClient,
    signed: Vec<Bytes>,
    /// The first nonce that was never sent.
    next: usize,
    /// Nonces below it that were refused.
    gaps: BTreeSet<usize>,
    sent: Sent,
}

impl Sender {
    /// Offers its share of the rate until `end`, and goes on until no gap is left: what lies behind one would not be lost, but it
    /// would wait for ever.
    async fn offer(mut self, begin: Instant, end: Instant, at_once: usize) -> Sent {
        let share = RATE / as_float(DevKey::ALL.len());
        loop {
            let now = Instant::now();
            if now >= end {
                break;
            }
            let due = share * now.duration_since(begin).as_secs_f64() - as_float(self.sent.offered);
            // A whole number, and what is behind is caught up with.
            let due = (1..=at_once).rev().find(|count| as_float(*count) <= due);
            let Some(due) = due else {
                tokio::time::sleep(Duration::from_millis(5)).await;
                continue;
            };
            let answered = self.send(due).await;
            if Instant::now() < end {
                self.sent.offered += answered;
                self.sent.taken_in_time = self.sent.taken;
            }
        }
        while !self.gaps.is_empty() {
            self.send(self.gaps.len().min(at_once)).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.sent
    }

    /// Sends so many at once; says how many were answered. Gaps are closed first.
    async fn send(&mut self, count: usize) -> u64 {
        let nonces: Vec<usize> = if self.gaps.is_empty() {
            let last = (self.next + count).min(self.signed.len());
            (self.next..last).collect()
        } else {
            self.gaps.iter().copied().take(count).collect()
        };
        let mut batch = BatchRequestBuilder::new();
        for nonce in &nonces {
            let mut params = ArrayParams::new();
            params.insert(&self.signed[*nonce]).unwrap();
            batch.insert("author_submitExtrinsic", params).unwrap();
        }
        let answers = self.node.batch_request::<H256>(batch).await.unwrap();
        for (nonce, answer) in nonces.iter().zip(answers) {
            match answer {
                Ok(_) => {
                    self.sent.taken += 1;
                    self.gaps.remove(nonce);
                }
                Err(error) => {
                    let text = error.message();
                    assert!(text.contains("the pool is full"), "{text}");
                    self.sent.refused += 1;
                    self.gaps.insert(*nonce);
                }
            }
        }
        self.next = self.next.max(nonces.last().map_or(0, |last| last + 1));
        u64::try_from(nonces.len()).unwrap()
    }
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

fn as_float(count: impl TryInto<u32>) -> f64 {
    f64::from(count.try_into().ok().expect("a count of a minute"))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_acknowledged_is_lost_under_more_load_than_there_is_room_for() {
    let seconds = std::env::var("LOAD_SECONDS").map_or(3, |text| text.parse().unwrap());
    let all = offered_to_all(Load {
        seconds,
        at_once: AT_ONCE,
        options: "",
    })
    .await;
    if seconds >= RATED_FROM {
        let wanted = RATE_SHARE * RATE * as_float(seconds);
        assert!(as_float(all.offered) >= wanted, "{all:?}, not {wanted}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn small_pool_refuses_what_it_has_no_room_for_and_loses_nothing_else() {
    // Less than is offered in a slot. What lies behind a gap takes room until the gap is closed, so that not all of the pool may
    // be behind gaps: three senders for each pool.
    let all = offered_to_all(Load {
        seconds: 3,
        at_once: 16,
        options: "--pool-limit 100",
    })
    .await;
    assert!(all.refused > 0, "{all:?}");
}

/// Why the blocks of these authors did not take more, each with how often.
fn ends(authors: &[Page]) -> [(ProposalEnd, f64); 3] {
    ProposalEnd::ALL.map(|end| {
        let series = format!(
            "substrate_proposer_end_proposal_reason{{reason=\"{}\"}}",
            end.name()
        );
        (end, authors.iter().map(|page| page.value(&series)).sum())
    })
}

/// Blocks that ended at a limit.
fn limited(ends: &[(ProposalEnd, f64)]) -> f64 {
    let limits = ends
        .iter()
        .filter(|(end, _)| *end != ProposalEnd::NoMoreTransactions);
    limits.map(|(_, blocks)| blocks).sum()
}

/// Offers transfers to two of three nodes, and waits until all that was acknowledged has arrived.
async fn offered_to_all(load: Load) -> Sent {
    let folder = tempfile::tempdir().unwrap();
    let processes = three_nodes(folder.path(), load.options).await;
    let nodes = processes.each_ref().map(client);
    let to = sr25519::Pair::from_string("//Poor", None).unwrap().public();
    let (all, took) = offered(load, &nodes, to).await;
    let authors = [page(&processes[0]), page(&processes[1])];
    let waiting = authors
        .iter()
        .map(|page| page.value("substrate_ready_transactions_number"))
        .fold(0.0, f64::max);
    let ends_then = ends(&authors);
    assert!(
        load.seconds < RATED_FROM || waiting <= BACKLOG || limited(&ends_then) > 0.0,
        "{waiting} wait, and blocks are not full: {ends_then:?}"
    );

    // The longer it was offered, the more there is to work off.
    let patience = PATIENCE + Duration::from_secs(load.seconds);
    let start = Instant::now();
    for node in &nodes {
        all_arrived(node, &to, u128::from(all.taken), start, patience).await;
    }
    let settled = start.elapsed();
    let memory = processes.each_ref().map(peak_mib);
    assert!(memory.iter().all(|mib| *mib < 600), "{memory:?} MiB");
    let best = nodes[0].status().await.unwrap().best.number;
    let ends = ends(&[page(&processes[0]), page(&processes[1])]);
    let blocks: f64 = ends.iter().map(|(_, blocks)| blocks).sum();
    // They make all blocks between them, and some on branches that were left.
    assert!(blocks >= as_float(best), "{ends:?} for {best} blocks");
    let mut fullest = 0;
    for number in 1..=best {
        fullest = fullest.max(nodes[0].block_extrinsics(number).await.unwrap());
    }
    let per_second = |count| as_float(count) / took.as_secs_f64();
    let [all_taken, deadline, size] = ends.map(|(_, blocks)| blocks);
    #[expect(clippy::print_stderr, reason = "the figures are what it is run for")]
    {
        eprintln!(
            "{RATE}/s wanted for {} s: {:.0}/s offered ({}), {:.0}/s acknowledged ({} in all), {} refusals, all in blocks {settled:.1?} after the last; {waiting} waited at the end; of {blocks} blocks {all_taken} took all that was ready, {deadline} ended at the building share, {size} at the byte limit; fullest of {best}: {fullest} extrinsics; peak memory {memory:?} MiB",
            load.seconds,
            per_second(all.offered),
            all.offered,
            per_second(all.taken_in_time),
            all.taken,
            all.refused
        );
    }
    all
}

/// Offers it; says what became of it, and how long that took.
async fn offered(load: Load, nodes: &[NodeClient; 3], to: sr25519::Public) -> (Sent, Duration) {
    let genesis = nodes[0].genesis_hash().await.unwrap();
    let share = RATE * as_float(load.seconds) / as_float(DevKey::ALL.len());
    // Signed before, so that making them takes no time from offering them; some more than are due.
    let signing = DevKey::ALL.map(|from| {
        tokio::task::spawn_blocking(move || {
            let pair = from.pair();
            let nonces = (0_u64..).take_while(|nonce| as_float(*nonce) <= share + 1.0);
            let one = |nonce| Extrinsic::transfer(&pair, to, 1, nonce, genesis).encode();
            nonces.map(|nonce| Bytes(one(nonce))).collect::<Vec<_>>()
        })
    });
    let mut senders = Vec::new();
    for (at, signed) in signing.into_iter().enumerate() {
        // Half of them to a node that authors nothing.
        let url = nodes[at % 2 * 2].url();
        senders.push(Sender {
            node: HttpClientBuilder::default().build(url).unwrap(),
            signed: signed.await.unwrap(),
            next: 0,
            gaps: BTreeSet::new(),
            sent: Sent::default(),
        });
    }
    let begin = Instant::now();
    let end = begin + Duration::from_secs(load.seconds);
    let offers: Vec<_> = senders
        .into_iter()
        .map(|sender| tokio::spawn(sender.offer(begin, end, load.at_once)))
        .collect();
    let mut all = Sent::default();
    for offer in offers {
        let sent = offer.await.unwrap();
        all.offered += sent.offered;
        all.taken += sent.taken;
        all.taken_in_time += sent.taken_in_time;
        all.refused += sent.refused;
    }
    (all, Duration::from_secs(load.seconds))
}

/// Waits until `wanted` has arrived and nothing waits at this node any more.
async fn all_arrived(
    node: &NodeClient,
    to: &sr25519::Public,
    wanted: u128,
    start: Instant,
    patience: Duration,
) {
    loop {
        let arrived = account(node, to).await.balance;
        // The state is there a moment before the pool has looked at it.
        if arrived == wanted && node.pending_extrinsics().await.unwrap().is_empty() {
            return;
        }
        assert!(
            start.elapsed() < patience,
            "{arrived} of {wanted} arrived at {}",
            node.url()
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
