//! The files of Tier 3: staging, journal, swap, recovery and backups (SPEC section 7). What happens when is decided in
//! `sync_component::chain_sync`; here it is done, in an order that survives a kill at any instant.
//!
//! ```text
//! <id>/journal          the run under way; absent when none is
//! <id>/db/full          the live store
//! <id>/staging          the store that is built; after the exchange, the old one on its way to the backups
//! <id>/backups/<name>   old stores
//! ```

mod backups;
mod copy;
mod disk;
mod error;
mod files;
mod run;
mod staging;
mod swap;

pub use backups::{Backup, Backups, Pruned, Retention, Since};
pub use copy::Copied;
pub use disk::{Disk, RealDisk};
pub use error::ResyncFileError;
pub use files::{Places, Started};
pub use run::{Reserve, ResyncFiles, Stores};
pub use staging::{Lengths, Plan, StagedStore, StoreFolders};
