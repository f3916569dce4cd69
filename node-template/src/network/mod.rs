//! The libp2p swarm of a node: TCP, DNS, noise, yamux, identify, ping, and the sync component's behaviour.
//!
//! Bootnodes are dialled again for ever; peers that are learnt of otherwise are not dialled.

mod bootnodes;
mod error;
mod listening;
mod node_key;
mod reached;
mod swarm;
mod transactions;

#[cfg(test)]
mod tests;

pub use error::{NetworkStartError, NodeKeyError};
pub use listening::ListenAddresses;
pub use node_key::{generate_key, load_or_create, peer_id, write_new};
pub use reached::ReachedAt;
pub use swarm::{NetworkPlan, Node};
pub(crate) use transactions::{Arrived, NotDelivered, Pushing, transactions};
