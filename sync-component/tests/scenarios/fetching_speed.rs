//! Fetching, where time counts: silent and lying peers, long ways.

use super::{traffic::Blocks, *};
use codec::Decode;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicU64, Ordering},
    },
};
use sync_component::{
    ports::{PeerId, Protocol, ReadChain},
    test_kit::{Link, Message, ReferenceBridge, Tap, Way},
    wire::RangeRequest,
};

/// When `node` reached each of `heights`, to ten milliseconds.
async fn reached(sim: &Sim, node: &Node, heights: &[u64]) -> Vec<Duration> {
    let mut times = Vec::new();
    for height in heights {
        while node.best().height() < *height {
            assert!(sim.elapsed() < 60 * MINUTE, "at {} only", node.best());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        times.push(sim.elapsed());
    }
    times
}

/// How long a fresh node takes for the whole chain of the run from these peers.
async fn time_of(sim: &Sim, reach: &Reach, name: &str, peers: &[&Peer]) -> Duration {
    let mut node = sim.node(name, &[]);
    let chain = node.chain.clone();
    reach.chains.lock().unwrap().insert(node.id.clone(), chain);
    node.start();
    let begin = sim.elapsed();
    sim.connect(&node.id, peers.iter().map(|peer| &peer.id));
    let top = sim.length();
    let end = reached(sim, &node, &[top]).await;
    node.stop();
    end[0].saturating_sub(begin)
}

/// How far above its best block any node asked for blocks.
#[derive(Default)]
struct Reach {
    chains: Mutex<BTreeMap<PeerId, Arc<ReferenceBridge<SmallBlock>>>>,
    farthest: AtomicU64,
}

impl Tap for Reach {
    fn arrived(&self, message: &Message<'_>) {
        if (message.protocol, message.way) != (Protocol::Blocks, Way::Request) {
            return;
        }
        let request = RangeRequest::<SmallBlock>::decode(&mut &*message.bytes).unwrap();
        let end = u64::from(request.start) + u64::from(request.count);
        let best = self.chains.lock().unwrap()[message.from].best().height();
        self.farthest
            .fetch_max(end.saturating_sub(best + 1), Ordering::Relaxed);
    }
}

/// Whoever is asked first for a node's first block falls silent in that moment.
struct OwnerFallsSilent {
    node: PeerId,
    peers: Weak<Vec<Peer>>,
    owner: Mutex<Option<PeerId>>,
}

impl OwnerFallsSilent {
    fn before(node: &str, peers: &Arc<Vec<Peer>>) -> Self {
        Self {
            node: PeerId::from_bytes(node.as_bytes()),
            peers: Arc::downgrade(peers),
            owner: Mutex::new(None),
        }
    }
}

impl Tap for OwnerFallsSilent {
    fn arrived(&self, message: &Message<'_>) {
        let is_its = *message.from == self.node;
        if !is_its || (message.protocol, message.way) != (Protocol::Blocks, Way::Request) {
            return;
        }
        let request = RangeRequest::<SmallBlock>::decode(&mut &*message.bytes).unwrap();
        let mut owner = self.owner.lock().unwrap();
        if request.start == 1 && owner.is_none() {
            let peers = self.peers.upgrade().unwrap();
            let asked = peers.iter().find(|peer| peer.id == *message.to).unwrap();
            asked.turns_to(Misbehaviour::SilentOn(Protocol::Blocks));
            *owner = Some(asked.id.clone());
        }
    }
}

#[test]
fn f05_silent_owner_of_the_head_costs_one_timeout_at_most() {
    run(Setup::chain(1_000), async |sim| {
        sim.import_time = Duration::from_millis(2);
        let limits = &mut sim.settings.limits;
        limits.blocks_per_request = 50;
        limits.requests_in_flight = 4;
        limits.window_blocks = 100;
        let reach = Arc::new(Reach::default());
        sim.network.tap(reach.clone());
        let peers = Arc::new(sim.servers(5, "P", 1_000));
        let all: Vec<_> = peers.iter().collect();
        let normal = time_of(sim, &reach, "O1", &all).await;
        let blocks = Arc::new(Blocks::default());
        sim.network.tap(blocks.clone());
        let falls_silent = Arc::new(OwnerFallsSilent::before("O2", &peers));
        sim.network.tap(falls_silent.clone());
        let slower = time_of(sim, &reach, "O2", &all).await;
        let owner = falls_silent.owner.lock().unwrap().clone();
        let owner = owner.expect("somebody owned the first range when it fell silent");
        let mut others = ids(&peers).filter(|peer| **peer != owner);
        assert!(others.any(|peer| blocks.was_asked_for(peer, 1)));
        if sim.is_calm() {
            let timeout = sim.settings.tier2.timeout_per_block;
            assert!(slower <= normal + timeout, "{slower:?}, {normal:?} without");
        }
        // A window at most is being imported and a window waits for that; the rest is under way.
        let farthest = reach.farthest.load(Ordering::Relaxed);
        assert!((50..=2 * 100 + 4 * 50).contains(&farthest), "{farthest}");
    });
}

#[test]
fn f11_one_mute_peer_of_four_costs_two_seconds_at_most() {
    run(Setup::chain(1_000), async |sim| {
        sim.import_time = Duration::from_millis(1);
        let peers = sim.servers(4, "P", 1_000);
        let silent = Misbehaviour::SilentOn(Protocol::Blocks);
        let mute = sim.peer("S", sim.chain(1_000), silent);
        let all: Vec<_> = peers.iter().collect();
        let normal = time_of(sim, &Reach::default(), "O1", &all).await;
        let with_mute = [&all[..3], &[&mute]].concat();
        let slower = time_of(sim, &Reach::default(), "O2", &with_mute).await;
        if sim.is_calm() {
            assert!(
                slower <= normal + 2 * SECOND,
                "{slower:?}, {normal:?} without"
            );
        }
    });
}

#[test]
fn f11_peer_that_goes_mute_after_delivering_costs_two_seconds_at_most() {
    run(Setup::chain(1_000), async |sim| {
        sim.import_time = Duration::from_millis(1);
        // Several requests to each.
        sim.settings.limits.blocks_per_request = 32;
        let peers = sim.servers(4, "P", 1_000);
        let all: Vec<_> = peers.iter().collect();
        let normal = time_of(sim, &Reach::default(), "O1", &all).await;
        // Alone on its store, so that it can be told from the others.
        let turncoat = sim.peer("T", sim.chain(1_000), Misbehaviour::Nothing);
        let counted = Arc::new(Counted::of(&turncoat.id));
        sim.network.tap(counted.clone());
        let mut with_it = all[..3].to_vec();
        with_it.push(&turncoat);
        let reach = Reach::default();
        let turns = async {
            while counted.answers.load(Ordering::Relaxed) < 2 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            turncoat.turns_to(Misbehaviour::Silent);
            std::future::pending::<()>().await;
        };
        let slower = tokio::select! {
            slower = time_of(sim, &reach, "O2", &with_it) => slower,
            () = turns => unreachable!("it waits for ever"),
        };
        let turned = counted.answers.load(Ordering::Relaxed) >= 2;
        assert!(turned || !sim.is_calm(), "it delivered nothing");
        if sim.is_calm() {
            assert!(
                slower <= normal + 2 * SECOND,
                "{slower:?}, {normal:?} without"
            );
        }
    });
}

/// How often a peer answered with blocks.
struct Counted {
    peer: PeerId,
    answers: AtomicU64,
}

impl Counted {
    fn of(peer: &PeerId) -> Self {
        Self {
            peer: peer.clone(),
            answers: AtomicU64::new(0),
        }
    }
}

impl Tap for Counted {
    fn arrived(&self, message: &Message<'_>) {
        let is_its = *message.from == self.peer;
        if is_its && (message.protocol, message.way) == (Protocol::Blocks, Way::Reply) {
            self.answers.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[test]
fn f11_peer_that_shows_no_headers_holds_up_no_start() {
    // Longer than a window, so that no peer shows all of what it claims.
    run(Setup::chain(2_000), async |sim| {
        let honest = sim.servers(4, "P", 2_000);
        let silent = Misbehaviour::SilentOn(Protocol::Headers);
        let mute = sim.peer("S", sim.chain(2_000), silent);
        let all: Vec<_> = honest.iter().collect();
        let normal = time_of(sim, &Reach::default(), "O1", &all).await;
        let mut ours = sim.node("O2", &[]);
        ours.start();
        let near = Link::with_latency(Duration::from_millis(1));
        sim.network.connect(&ours.id, &mute.id, near);
        // It is probed first.
        sim.until(MINUTE, "O has heard of it", || {
            !ours.manager().peers().is_empty()
        })
        .await;
        let begin = sim.elapsed();
        sim.connect(&ours.id, ids(&honest));
        let end = reached(sim, &ours, &[2_000]).await;
        ours.stop();
        let slower = end[0].saturating_sub(begin);
        if sim.is_calm() {
            // The shortest time after which a second peer is probed, and that peer's ways.
            assert!(
                slower <= normal + Duration::from_millis(120),
                "{slower:?}, {normal:?} without"
            );
        }
    });
}

#[test]
fn f11_a_quarter_that_lies_about_bodies_ends_banned_and_nobody_else() {
    run(Setup::chain(1_000), async |sim| {
        sim.import_time = Duration::from_millis(1);
        let honest = sim.servers(6, "P", 1_000);
        let liars: Vec<_> = (0..2)
            .map(|n| {
                sim.peer(
                    &format!("L{n}"),
                    sim.chain(1_000),
                    Misbehaviour::SwapsBodies,
                )
            })
            .collect();
        let mut ours = sim.node("O", &[]);
        ours.start();
        sim.connect(&ours.id, ids(&honest).chain(ids(&liars)));
        // That every block imported is valid is what the oracle checks after every import (I1).
        sim.until(60 * MINUTE, "O at 1000", || ours.best().height() == 1_000)
            .await;
        assert!(honest.iter().all(|peer| !refuses(sim, &ours, &peer.id)));
        if sim.is_calm() {
            assert!(liars.iter().all(|liar| refuses(sim, &ours, &liar.id)));
        }
    });
}

/// Throughput after the first fifth, from near peers and from distant ones.
async fn long_ways_cost_little_speed(sim: &mut Sim) {
    sim.import_time = Duration::from_micros(100);
    let top = sim.length();
    let mut speeds = Vec::new();
    for (name, round_trip) in [("near", 1), ("far", 100)] {
        let peers = sim.servers(4, name, usize::try_from(top).unwrap());
        let mut ours = sim.node(&format!("O {name}"), &[]);
        ours.start();
        for peer in &peers {
            let link = Link::with_latency(Duration::from_millis(round_trip) / 2);
            sim.network.connect(&ours.id, &peer.id, link);
        }
        let times = reached(sim, &ours, &[top / 5, top]).await;
        ours.stop();
        let blocks = f64::from(u32::try_from(top - top / 5).unwrap());
        speeds.push(blocks / times[1].saturating_sub(times[0]).as_secs_f64());
    }
    assert!(
        speeds[1] >= 0.8 * speeds[0],
        "{speeds:?} blocks per second, near and far"
    );
}

#[test]
fn f13_long_ways_cost_little_speed() {
    run(Setup::chain(10_000), long_ways_cost_little_speed);
}

/// One seed: with a chain of this length a run takes seconds.
#[test]
fn f13_long_ways_cost_little_speed_over_100_000_blocks() {
    run(Setup::chain(100_000).seed(0), long_ways_cost_little_speed);
}

/// Quick peers that show a first window of headers and no more: whoever has the others shows them.
#[test]
fn two_peers_that_go_mute_on_headers_cost_four_seconds_at_most() {
    run(Setup::chain(2_000), async |sim| {
        // All have shown their first window before it is imported.
        sim.import_time = Duration::from_millis(10);
        sim.settings.tier2.max_gap = 199;
        sim.settings.limits.headers_per_request = 100;
        sim.settings.limits.headers_ahead = 2_000;
        let honest = sim.servers(3, "P", 2_000);
        let keeps = Misbehaviour::KeepsHeadersAbove(200);
        let mute = sim.crowd(2, "M", sim.chain(2_000), &keeps);
        let mut times = Vec::new();
        for (name, mute) in [("O1", &mute[..0]), ("O2", &mute[..])] {
            let mut ours = sim.node(name, &[]);
            ours.start();
            let far = honest.iter().map(|peer| (peer, 50));
            for (peer, latency) in far.chain(mute.iter().map(|peer| (peer, 1))) {
                let link = Link::with_latency(Duration::from_millis(latency));
                sim.network.connect(&ours.id, &peer.id, link);
            }
            let begin = sim.elapsed();
            let end = reached(sim, &ours, &[2_000]).await;
            ours.stop();
            times.push(end[0].saturating_sub(begin));
        }
        sim.oracle
            .note(format_args!("{times:?} without and with mute peers"));
        // A second for each until it counts as mute, one until the loop looks again, and the ways.
        assert!(
            times[1] <= times[0] + 4 * SECOND,
            "{times:?} without and with"
        );
    });
}
