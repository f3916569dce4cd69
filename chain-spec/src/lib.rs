//! What makes a chain: its identity, genesis, authorities and the settings of its sync (SPEC sections 0 and 9).

mod genesis;
mod spec;

pub use genesis::Genesis;
pub use spec::{ChainSpec, ChainType, Checkpoint};
