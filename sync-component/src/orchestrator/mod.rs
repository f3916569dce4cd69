//! [`NetworkSyncManager`]: one instance for the node's life, one status object for gate, RPC, CLI and log
//! (SPEC sections 5 and 8).

mod api;

pub use api::{
    Clearance, FirstAnswer, Hold, HoldStatus, NetworkSyncManager, Parts, PeerReport,
    ProductionMode, StartError, SyncEvent,
};
