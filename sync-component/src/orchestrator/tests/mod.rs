//! Whole nodes in virtual time, each test with both block types.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

mod catch_up;
mod forks;
mod gate;
mod hold_up;
mod missing;
mod proofs;

use super::{Clearance, FirstAnswer, ProductionMode};
use crate::{
    SyncSettings,
    ports::{Protocol, UnixMillis},
    status::{CriticalReason, SyncStatus},
    test_kit::{BigBlock, Forge, Link, MemoryNetwork, SmallBlock, TestBlock, TestNode},
};
use sp_consensus::SyncOracle as _;
use sp_consensus_aura::Slot;
use sp_runtime::traits::Block as BlockT;
use std::time::Duration;

/// The slot of block 1 in these tests; slots are 6 s.
const FIRST_SLOT: u64 = 1_000;

/// A moment by which a chain of `length` blocks from [`FIRST_SLOT`] on is complete.
fn after(length: u64) -> UnixMillis {
    UnixMillis((FIRST_SLOT + length) * 6_000)
}

const LAN: Link = Link::lan();

/// What most tests start from.
struct World<B: BlockT> {
    network: MemoryNetwork,
    forge: Forge,
    chain: Vec<B>,
    wall: UnixMillis,
    settings: SyncSettings,
}

impl<B: TestBlock> World<B> {
    /// A network of three authorities with one chain of `length` blocks.
    fn with_chain(length: u64) -> Self {
        let forge = Forge::new(3);
        let genesis: B = Forge::genesis();
        let chain = forge.chain(genesis.header(), Slot::from(FIRST_SLOT), length, 0);
        let (network, wall, settings) = (
            MemoryNetwork::default(),
            // Late enough for a dead fork of 20 blocks.
            after(length + 60),
            SyncSettings::default(),
        );
        Self {
            network,
            forge,
            chain,
            wall,
            settings,
        }
    }

    /// A node that holds the first `height` blocks.
    fn node(&self, name: &str, height: usize) -> TestNode<B> {
        self.node_with(name, &self.chain[..height])
    }

    fn node_with(&self, name: &str, blocks: &[B]) -> TestNode<B> {
        self.node_as(name, blocks, ProductionMode::Voted)
    }

    fn node_as(&self, name: &str, blocks: &[B], production: ProductionMode) -> TestNode<B> {
        let settings = self.settings.clone();
        TestNode::start(
            &self.network,
            name,
            &self.forge,
            self.wall,
            settings,
            blocks,
            production,
        )
    }

    /// The first `fork` blocks of the chain and `length` others on top, all of one authority: a dead fork.
    fn branch(&self, fork: usize, length: u64) -> Vec<B> {
        let mut blocks = self.chain[..fork].to_vec();
        let genesis: B = Forge::genesis();
        let mut parent = blocks.last().unwrap_or(&genesis).header().clone();
        for n in 0..length {
            let slot = Slot::from(FIRST_SLOT + fork as u64 + 3 * n);
            let block: B = self.forge.block(&parent, slot, &[9]);
            parent = block.header().clone();
            blocks.push(block);
        }
        blocks
    }

    fn link(&self, a: &TestNode<B>, others: &[&TestNode<B>]) {
        for b in others {
            self.network.connect(&a.id, &b.id, LAN);
        }
    }
}

/// Waits in virtual time until `condition` holds; fails after `within`.
async fn until(within: Duration, what: &str, condition: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + within;
    while !condition() {
        assert!(
            tokio::time::Instant::now() < deadline,
            "not within {within:?}: {what}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn in_sync<B: BlockT>(node: &TestNode<B>) -> bool {
    matches!(node.manager.get_sync_status(), Ok(SyncStatus::InSync))
}

/// Long enough for a connection to be noticed, far too short for anything to time out.
const SETTLE: Duration = Duration::from_millis(1);

const MINUTE: Duration = Duration::from_mins(1);

/// Runs each generic test with both block types.
macro_rules! with_both_block_types {
    ($($name:ident),* $(,)?) => {
        mod small_block {
            $(#[tokio::test(start_paused = true)] async fn $name() { super::$name::<super::SmallBlock>().await; })*
        }
        mod big_block {
            $(#[tokio::test(start_paused = true)] async fn $name() { super::$name::<super::BigBlock>().await; })*
        }
    };
}
use with_both_block_types;
