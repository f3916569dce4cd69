//! What Prometheus reads (SPEC section 12), with Substrate's names and `chain` label where Substrate has them.
//!
//! Counts and times since the start of the process are kept in [`Metrics`], the [`Observer`](sync_component::Observer) of
//! the component and of the store. What is true at this moment (heights, the verdict, peers) is read when somebody asks,
//! from the one status object; a value that is not known then is left out. Every label has a fixed set of values of this
//! program's own: nothing that a peer says becomes one.

mod counts;
mod exposed;
mod moment;
mod pool;
mod server;

#[cfg(test)]
mod tests;

pub use counts::Metrics;
pub use exposed::{Exposed, LiveNode};
pub use server::{MetricsServer, MetricsStartError};
