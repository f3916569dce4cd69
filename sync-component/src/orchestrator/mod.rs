//! [`NetworkSyncManager`]: one instance for the node's life, one status object for gate, RPC, CLI and log
//! (SPEC sections 5 and 8).

mod announcer;
mod board;
mod events;
mod gate;
mod hold_up;
mod inbound;
mod manager;
mod missing;
mod parts;
mod proofs;
mod run;
mod sessions;
mod speed;
#[cfg(test)]
mod tests;

pub use events::{PeerReport, SyncEvent};
pub use gate::{Clearance, Hold, HoldStatus};
pub use manager::NetworkSyncManager;
pub use parts::{Fetching, FirstAnswer, Parts, ProductionMode, StartError};
