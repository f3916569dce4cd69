//! Whole nodes in one process and in virtual time, for tests of this crate and of strategies (feature `test-kit`).
//!
//! Messages pass the real encoder, decoder and serving code; managers, strategies and seals are the real ones. Only the
//! network between the nodes and the chain below them are in memory.

mod blocks;
mod chain;
mod forge;
mod link;
mod network;
mod node;
pub mod sim;
mod time;

pub use crate::block_sync::schedule;
pub use blocks::{BigBlock, SmallBlock, TestBlock};
pub use chain::ReferenceBridge;
pub use forge::Forge;
pub use link::{Lateness, Link};
pub use network::{MemoryNetwork, MemoryPort, Message, Tap, Way};
pub use node::{SLOT, TestNode, TestNodePlan};
pub use time::{ChargingExecutor, Effort, InlineExecutor, SeededRandomness, VirtualClock};
