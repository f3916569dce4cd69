//! libp2p over loopback: the node's swarm on both ends, and nothing behind them.

use super::timing::Effort;
use crate::benchmark::{
    BenchmarkError,
    member::{Meeting, network_plan},
    usage,
};
use crate::network::{DialLimits, Node};
use futures::{StreamExt, stream::FuturesUnordered};
use std::time::{Duration, Instant};
use sync_component::{
    SyncSettings,
    net::{self, NetHandle},
    ports::{Network, NetworkEvent, PeerId, Protocol},
};
use tokio::{sync::mpsc, task::JoinSet};

/// Bytes of a large reply.
const LARGE: usize = 1 << 20;

/// Large requests under way.
const UNDER_WAY: usize = 4;

/// How long meeting may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the line does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LineCosts {
    /// Bytes of replies in a second, one direction.
    pub bytes_per_second: f64,
    /// CPU seconds of both ends for a byte.
    cpu_per_byte: f64,
    /// A small request and its answer.
    pub round_trip: Duration,
}

impl LineCosts {
    /// CPU time of the receiving end for this many bytes: half of what both take.
    pub(super) fn receiving(&self, bytes: usize) -> Duration {
        let bytes = u32::try_from(bytes).map_or(f64::INFINITY, f64::from);
        Duration::try_from_secs_f64(bytes * self.cpu_per_byte / 2.0).unwrap_or(Duration::MAX)
    }
}

pub(super) async fn measure(effort: Effort) -> Result<LineCosts, BenchmarkError> {
    let settings = SyncSettings::default();
    let limits = DialLimits::from(&settings.limits);
    let genesis = [7; 32];
    let mut tasks = JoinSet::new();

    let (behaviour, _server, requests) = net::new(&genesis, &settings);
    let plan = network_plan(Meeting::Listens, limits, 1);
    let node = Box::pin(Node::start(plan, &genesis, behaviour, None)).await?;
    let addresses = node.addresses().list();
    let server = PeerId::from_bytes(&node.peer_id().to_bytes());
    tasks.spawn(node.run());
    tasks.spawn(answer(requests));

    let (behaviour, network, mut events) = net::new(&genesis, &settings);
    let plan = network_plan(Meeting::Dials(addresses), limits, 1);
    let node = Box::pin(Node::start(plan, &genesis, behaviour, None)).await?;
    tasks.spawn(node.run());
    let connected = async {
        while let Some(event) = events.recv().await {
            if matches!(event, NetworkEvent::Connected(_)) {
                return;
            }
        }
    };
    let not_met = |_| BenchmarkError::NotMet {
        met: 0,
        wanted: 1,
        waited: PATIENCE,
    };
    tokio::time::timeout(PATIENCE, connected)
        .await
        .map_err(not_met)?;
    tasks.spawn(answer(events));

    // The first ones open what stays open.
    for protocol in [Protocol::Status, Protocol::Blocks] {
        ask(&network, &server, protocol).await?;
    }
    let round_trip = small(&network, &server, effort).await?;
    let (bytes_per_second, cpu_per_byte) = large(&network, &server, effort).await?;
    Ok(LineCosts {
        bytes_per_second,
        cpu_per_byte,
        round_trip,
    })
}

/// A small answer to what is light, a large one to what is heavy.
async fn answer(mut requests: mpsc::Receiver<NetworkEvent>) {
    while let Some(event) = requests.recv().await {
        if let NetworkEvent::Request {
            protocol, reply, ..
        } = event
        {
            let bytes = match protocol {
                Protocol::Blocks => vec![0; LARGE],
                Protocol::Status | Protocol::Headers | Protocol::State | Protocol::Announce => {
                    vec![0; 64]
                }
            };
            // Whoever asked may have gone.
            let _ = reply.send(bytes);
        }
    }
}

async fn ask(
    network: &NetHandle,
    server: &PeerId,
    protocol: Protocol,
) -> Result<usize, BenchmarkError> {
    let answer = network.request(server, protocol, vec![0; 16]).await;
    answer
        .map(|bytes| bytes.len())
        .map_err(BenchmarkError::NoAnswer)
}

async fn small(
    network: &NetHandle,
    server: &PeerId,
    effort: Effort,
) -> Result<Duration, BenchmarkError> {
    let begun = Instant::now();
    let mut trips = 0;
    while begun.elapsed() < effort.0 * 5 {
        ask(network, server, Protocol::Status).await?;
        trips += 1;
    }
    Ok(begun.elapsed() / trips)
}

/// Bytes per second, and CPU seconds per byte.
async fn large(
    network: &NetHandle,
    server: &PeerId,
    effort: Effort,
) -> Result<(f64, f64), BenchmarkError> {
    let cpu = || usage::cpu().map_err(BenchmarkError::System);
    let (begun, cpu_before) = (Instant::now(), cpu()?);
    let request = || ask(network, server, Protocol::Blocks);
    let mut under_way: FuturesUnordered<_> = (0..UNDER_WAY).map(|_| request()).collect();
    let mut bytes: f64 = 0.0;
    while let Some(got) = under_way.next().await {
        bytes += u32::try_from(got?).map_or(0.0, f64::from);
        if begun.elapsed() < effort.0 * 5 {
            under_way.push(request());
        }
    }
    let spent = cpu()?.saturating_sub(cpu_before);
    Ok((
        bytes / begun.elapsed().as_secs_f64(),
        spent.as_secs_f64() / bytes,
    ))
}
