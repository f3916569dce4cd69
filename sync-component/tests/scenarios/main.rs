//! The scenarios of the project's list, each under its number, in the simulated network: 20 seeds each, of which the
//! first has a calm network and the others random latency, jitter and loss. `SIM_SEEDS` sets how many, `SIM_SEED`
//! replays one.
//!
//! They run with `tip-quorum` and `pipelined`, those of `authorities`, `equivocating`, `keys`, `latency`, `malicious`, `past_slots` and `withholding`
//! with `authority-quorum`; the resyncs with `multi-source`, `full-chain` and `snapshot` in turn, or under each. These are shown
//! elsewhere:
//!
//! | scenario | where |
//! |---|---|
//! | F15 | real processes: `node-template/tests/processes/busy_import.rs` |
//! | R1, R2, R6–R9 | files: `runtime-bridge/tests/chain/resync` and `node-template/tests/processes` |
//! | R10 | `.clippy.toml`; nothing in the simulation can order a resync |
#![allow(
    clippy::unwrap_used,
    reason = "a scenario that cannot go on should say where"
)]

mod authorities;
mod breaking;
mod claims;
mod clocks;
mod equivocating;
mod fetching;
mod fetching_faults;
mod fetching_headers;
mod fetching_lines;
mod fetching_speed;
mod forced;
mod forks;
mod height;
mod height_authors;
mod keys;
mod latency;
mod malicious;
mod past_slots;
mod promised;
mod resync;
mod traffic;
mod withholding;

use std::time::Duration;
use sync_component::{
    status::{SyncStatus, Verdict},
    test_kit::{
        SmallBlock,
        sim::{self, Setup, SimNode, SimPeer},
    },
};

type Sim = sim::Sim<SmallBlock>;
type Node = SimNode<SmallBlock>;
type Peer = SimPeer<SmallBlock>;
type Misbehaviour = sim::Misbehaviour<SmallBlock>;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

#[allow(
    clippy::needless_pass_by_value,
    reason = "scenarios read better without the borrow"
)]
fn run(setup: Setup, scenario: impl AsyncFn(&mut Sim)) {
    sim::run(&setup, &scenario);
}

/// Whether nothing at all was authored.
fn nobody_sealed(sim: &Sim) -> bool {
    sim.oracle.seals() == 0
}

fn verdict(node: &Node) -> Verdict<SmallBlock> {
    node.manager().report().verdict
}

fn is_critical(node: &Node) -> bool {
    matches!(verdict(node), Verdict::Known(SyncStatus::Critical(_)))
}

/// Neither behind nor on a fork, as far as it says.
fn assert_no_gap(node: &Node) {
    let is_fine = match verdict(node) {
        Verdict::Known(status) => matches!(status, SyncStatus::InSync),
        Verdict::Unverified(_) => true,
    };
    assert!(is_fine, "{}", node.health());
}

/// Whether `node` has banned `peer`.
fn refuses(sim: &Sim, node: &Node, peer: &sync_component::ports::PeerId) -> bool {
    sim.network.is_refused(&node.id, peer)
}

/// Whether all hold the same tip.
fn agree<'a>(nodes: impl IntoIterator<Item = &'a Node>) -> bool {
    let tips: std::collections::BTreeSet<_> = nodes.into_iter().map(SimNode::best).collect();
    tips.len() == 1
}

fn ids(peers: &[Peer]) -> impl Iterator<Item = &sync_component::ports::PeerId> {
    peers.iter().map(|peer| &peer.id)
}

fn node_ids(nodes: &[Node]) -> impl Iterator<Item = &sync_component::ports::PeerId> {
    nodes.iter().map(|node| &node.id)
}
