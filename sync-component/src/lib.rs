//! Block sync in three tiers for Substrate-like chains (SPEC section 0).

pub mod ancestor;
pub mod block_id;
pub mod block_sync;
pub mod context;
pub mod error;
pub mod headers;
pub mod height_sync;
#[cfg(feature = "net")]
pub mod net;
pub mod orchestrator;
pub mod peers;
pub mod ports;
pub mod registry;
pub mod serving;
pub mod settings;
pub mod status;
#[cfg(any(test, feature = "test-kit"))]
pub mod test_kit;
pub mod wire;

pub use block_id::BlockId;
pub use context::SyncContext;
pub use error::{Blame, NetworkError};
pub use orchestrator::NetworkSyncManager;
pub use registry::StrategyRegistry;
pub use settings::SyncSettings;
pub use status::{StatusReport, SyncStatus};
