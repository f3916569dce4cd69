//! Fetching, where time counts: silent and lying peers, long ways.

use super::*;
use sync_component::{ports::Protocol, test_kit::Link};

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
async fn time_of(sim: &Sim, name: &str, peers: &[&Peer]) -> Duration {
    let mut node = sim.node(name, &[]);
    node.start();
    let begin = sim.elapsed();
    sim.connect(&node.id, peers.iter().map(|peer| &peer.id));
    let top = sim.length();
    let end = reached(sim, &node, &[top]).await;
    node.stop();
    end[0].saturating_sub(begin)
}

#[test]
fn f05_silent_owner_of_the_head_costs_one_timeout_at_most() {
    run(Setup::chain(250), async |sim| {
        sim.import_time = Duration::from_millis(2);
        let honest = sim.servers(4, "P", 250);
        let silent = sim.peer(
            "S",
            sim.chain(250),
            Misbehaviour::SilentOn(Protocol::Blocks),
        );
        let honest: Vec<_> = honest.iter().collect();
        let normal = time_of(sim, "O1", &honest).await;
        let with_silent: Vec<_> = honest.iter().copied().chain([&silent]).collect();
        let slower = time_of(sim, "O2", &with_silent).await;
        if sim.is_calm() {
            let timeout = sim.settings.tier2.timeout_per_block;
            assert!(slower <= normal + timeout, "{slower:?}, {normal:?} without");
        }
    });
}

#[test]
fn f11_one_mute_peer_of_four_costs_two_seconds_at_most() {
    run(Setup::chain(1_000), async |sim| {
        sim.import_time = Duration::from_millis(1);
        let peers = sim.servers(4, "P", 1_000);
        let mute = sim.peer(
            "S",
            sim.chain(1_000),
            Misbehaviour::SilentOn(Protocol::Blocks),
        );
        let four: Vec<_> = peers.iter().collect();
        let normal = time_of(sim, "O1", &four).await;
        let three_and_mute = [&peers[0], &peers[1], &peers[2], &mute];
        let slower = time_of(sim, "O2", &three_and_mute).await;
        if sim.is_calm() {
            assert!(
                slower <= normal + 2 * SECOND,
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

#[test]
fn f13_long_ways_cost_little_speed() {
    run(Setup::chain(10_000), async |sim| {
        sim.import_time = Duration::from_micros(100);
        let link = |round_trip: Duration| Link::with_latency(round_trip / 2);
        let mut speeds = Vec::new();
        for (name, round_trip) in [("near", 1), ("far", 100)] {
            let peers = sim.servers(4, name, 10_000);
            let mut ours = sim.node(&format!("O {name}"), &[]);
            ours.start();
            for peer in &peers {
                let link = link(Duration::from_millis(round_trip));
                sim.network.connect(&ours.id, &peer.id, link);
            }
            let times = reached(sim, &ours, &[2_000, 10_000]).await;
            ours.stop();
            speeds.push(8_000.0 / times[1].saturating_sub(times[0]).as_secs_f64());
        }
        assert!(
            speeds[1] >= 0.8 * speeds[0],
            "{speeds:?} blocks per second, near and far"
        );
    });
}
