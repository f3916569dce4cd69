//! What a node is made of, and how it starts, runs and stops.

mod alone;
mod authority;
mod config;
mod doors;
mod error;
mod folder;
mod link;
mod meeting;
mod offline;
mod onlookers;
mod peers;
mod pool;
mod production;
mod relay;
mod resync;
mod run;
mod signals;
mod start;
mod stdin_guard;
mod tasks;

#[cfg(test)]
mod tests;

pub use crate::keystore::DevKey;
pub use alone::{Alone, AloneError};
pub use config::{
    AuthoringRule, BaseFolder, Duty, NetworkConfig, NodeKey, RunConfig, StandardInput,
};
pub use error::ServiceError;
pub use folder::ChainFolder;
pub use offline::Offline;
pub use peers::{PeerFile, PeerFileError, PeerKeeper};
pub use resync::{Chosen, LastRun, OrderError, ResyncDesk, ResyncReport};
pub(crate) use resync::{declared, lengths};
pub use run::run;
pub use tasks::{TaskEnd, TaskEnded};
