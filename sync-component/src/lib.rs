//! Block sync in three tiers for Substrate-like chains, as a plug-in (SPEC section 0).
//!
//! - Tier 1, the height check: [`height_sync`], and the gate [`NetworkSyncManager::sync_before_production`].
//! - Tier 2, catching up: [`block_sync`].
//! - Tier 3, the operator's resync: [`chain_sync`].
//!
//! The outside comes in through [`ports`]. `ARCHITECTURE.md` has the map, `PROTOCOL.md` the bytes on the wire.
//!
//! A strategy of one's own is registered under a name, and the chain spec selects it:
//!
//! ```
//! use sp_runtime::{OpaqueExtrinsic, generic, traits::{BlakeTwo256, Block as BlockT}};
//! use std::sync::Arc;
//! use sync_component::{
//!     StrategyRegistry, SyncSettings,
//!     height_sync::{Ballot, Tally},
//!     registry::HeightStrategy,
//! };
//!
//! /// Everybody must be with us.
//! #[derive(Debug)]
//! struct Unanimous;
//!
//! impl<B: BlockT> HeightStrategy<B> for Unanimous {
//!     fn tally(&self, ballot: &Ballot<B>) -> Tally<B> {
//!         let voters = ballot.voters.len();
//!         Tally {
//!             voters,
//!             need: voters,
//!             with_us: ballot.with_us(),
//!             electors: voters,
//!             need_of_electors: voters,
//!             consensus: Some(ballot.ours),
//!         }
//!     }
//! }
//!
//! type Block = generic::Block<generic::Header<u32, BlakeTwo256>, OpaqueExtrinsic>;
//!
//! let mut registry = StrategyRegistry::<Block>::with_builtins();
//! registry.register_height("unanimous", Arc::new(|_| Ok(Arc::new(Unanimous))))?;
//! let mut settings = SyncSettings::default();
//! settings.strategies.tier1 = Some("unanimous".to_owned());
//! assert!(registry.height(&settings).is_ok());
//! # Ok::<(), sync_component::registry::RegistryError>(())
//! ```

pub mod ancestor;
pub mod attestation;
pub mod block_id;
pub mod block_sync;
pub mod chain_sync;
pub mod context;
pub mod error;
pub mod headers;
pub mod height_sync;
#[cfg(feature = "net")]
pub mod net;
pub mod observer;
pub mod orchestrator;
pub mod peers;
pub mod ports;
pub mod registry;
pub mod serving;
pub mod settings;
pub mod status;
#[cfg(feature = "test-kit")]
pub mod test_kit;
pub mod wire;

pub use block_id::BlockId;
pub use context::SyncContext;
pub use error::{Blame, NetworkError};
pub use observer::Observer;
pub use orchestrator::NetworkSyncManager;
pub use registry::StrategyRegistry;
pub use settings::SyncSettings;
pub use status::{StatusReport, SyncStatus};
