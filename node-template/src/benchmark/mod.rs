//! `benchmark` (SPEC section 14): what this machine can do, and how near the node comes to it.
//!
//! | benchmark | what it measures |
//! |---|---|
//! | [`gate`] | a cached and a fresh decision of the gate, over real libp2p on loopback |
//! | [`sync`] | a fresh node that joins, against the import of the same chain from a file, and against that bound |
//! | [`resync`] | whole Tier 3 of a node, against a fresh join, and the pause in which it does not serve |
//! | [`limits`] | what one core can do, and the bound on blocks per second that follows |
//!
//! A benchmark makes nothing simpler than it is: real swarms, the node's own managers, its store, its validation. What is
//! simpler stands in the module that does it. Every figure goes out with the number of cores and the build profile
//! ([`Machine`]).
//!
//! | room | what |
//! |---|---|
//! | `ground` | the chain that is measured on: its keys, its accounts, its blocks |
//! | `member` | a chain in a network: swarm and manager, as a node wires them |
//! | `conduct` | what a peer does with what it is asked: answers, silence, lies |
//! | `relay` | TCP with a round trip of its own |
//! | `meter` | what the component measured |
//! | `usage` | CPU time and memory of this process |

mod conduct;
mod error;
pub mod gate;
mod ground;
pub mod limits;
mod machine;
mod member;
mod meter;
mod relay;
pub mod resync;
mod stage;
pub mod sync;
#[cfg(test)]
mod tests;
mod usage;

pub use error::BenchmarkError;
pub use machine::{Machine, Profile};
pub use stage::{Told, Watch};
