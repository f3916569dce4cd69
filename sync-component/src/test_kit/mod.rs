//! Whole nodes in one process and in virtual time, for tests of this crate and of strategies (feature `test-kit`).
//!
//! Messages pass the real encoder, decoder and serving code; managers, strategies and seals are the real ones. Only the
//! network between the nodes and the chain below them are in memory.

mod blocks;
mod chain;
mod forge;
mod network;
mod node;
mod time;

pub use blocks::{BigBlock, SmallBlock, TestBlock};
pub use chain::ReferenceBridge;
pub use forge::Forge;
pub use network::{Link, MemoryNetwork, MemoryPort};
pub use node::TestNode;
pub use time::{InlineExecutor, SeededRandomness, VirtualClock};
