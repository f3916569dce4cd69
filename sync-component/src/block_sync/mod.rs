//! Tier 2: catching up with a verified target (SPEC section 6).

mod backoff;
mod delivered;
#[cfg(feature = "test-kit")]
mod footprint;
mod job;
mod manager;
mod pipelined;
mod scheduler;
mod sequential;
mod switch;
mod terms;
#[cfg(test)]
mod tests;

pub use backoff::Backoff;
#[cfg(feature = "test-kit")]
pub(crate) use footprint::Buffers;
pub(crate) use job::Onward;
pub use job::{FetchError, FetchJob};
pub use manager::BlockSyncManager;
pub use pipelined::Pipelined;
#[cfg(feature = "test-kit")]
pub use scheduler::schedule;
pub use sequential::Sequential;
pub(crate) use terms::Terms;
