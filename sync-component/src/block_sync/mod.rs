//! Tier 2: catching up with a verified target (SPEC section 6).

mod backoff;
mod job;
mod manager;
mod sequential;
#[cfg(test)]
mod tests;

pub use backoff::Backoff;
pub use job::{FetchError, FetchJob};
pub use manager::BlockSyncManager;
pub use sequential::Sequential;
