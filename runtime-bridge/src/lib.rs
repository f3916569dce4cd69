//! The chain behind the sync component: validation, execution, fork choice, finality and the store (SPEC section 1).

mod bridge;
mod build;
mod chain_block;
mod closing;
pub mod execute;
mod genesis;
mod import;
pub mod resync;
pub mod signing;
pub mod snapshot;
pub mod store;
pub mod verify;

pub use bridge::{ChainTip, OpenError, RuntimeBridge};
pub use build::{BuildError, Unsealed};
pub use chain_block::ChainBlock;
pub use closing::Closing;
pub use import::Reverted;
