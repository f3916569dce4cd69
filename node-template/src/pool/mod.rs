//! The transaction pool: transfers that wait for a block.
//!
//! | file | what |
//! |---|---|
//! | `queue.rs` | the pool itself, plain data: who may come in, in which order, who goes |
//! | `demand.rs` | what the pool asks of the runtime |
//! | `pool.rs` | the queue over the chain: signatures and states, kept up to date with the best chain |
//! | `observer.rs` | who is told what becomes of extrinsics |
//! | `gossip.rs`, `message.rs` | `transactions/1`: transfers on their way to and from peers |
//!
//! What its owner was told is in the pool stays in it until it is in the best chain or can never be (its nonce is used up, or
//! it was not ready for [`Limits::unready`], or the runtime refuses it in its turn); a full pool refuses new ones. What peers sent makes room for
//! senders of a higher priority, and what of it only waits for anything that is ready. A block that leaves the best chain gives
//! its transfers back. The pool lives in memory: after
//! a restart of the process peers offer theirs again.

mod demand;
mod error;
mod gossip;
mod limits;
mod message;
mod observer;
#[allow(
    clippy::module_inception,
    reason = "the pool is the one thing in this room that has its name"
)]
mod pool;
mod queue;

#[cfg(test)]
mod tests;

pub use demand::{Demand, PoolRules, Standing};
pub use error::Refusal;
pub use gossip::Gossip;
pub use limits::Limits;
pub use observer::{PoolObserver, ProposalEnd, Unobserved};
pub use pool::{Deadline, LeftOut, Pool};
pub use queue::{Candidate, Coming, Entry, Origin, Place, Queue};
