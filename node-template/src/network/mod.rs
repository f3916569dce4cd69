//! The libp2p swarm of a node: TCP, DNS, noise, yamux, identify, ping, Kademlia, mDNS, and the sync component's behaviour.
//!
//! `swarm` is thin. Whom to dial, and when, is decided in `dialling`; who may come in, in `slots`; which addresses are
//! believed, in `reach`: plain data, with the time handed in. Nobody else dials: what Kademlia (`finder`) and mDNS (`local`)
//! find are candidates.

mod behaviours;
mod candidate;
mod claim;
mod dialling;
mod doorkeeper;
mod error;
mod finder;
mod listen;
mod listening;
mod local;
mod node_key;
mod plan;
mod public;
mod reach;
mod reached;
mod slots;
mod swarm;
mod transactions;
mod walks;

#[cfg(test)]
mod tests;

pub use claim::{ClaimedPorts, claim};
pub use error::{NetworkStartError, NodeKeyError};
pub use listening::ListenAddresses;
pub use node_key::{generate_key, load_or_create, peer_id, write_new};
pub use plan::{
    Admission, DialLimits, KnownNodes, LocalDiscovery, NetworkPlan, SlotCount, ToldAddresses,
};
pub(crate) use public::can_be_told;
pub use reached::ReachedAt;
pub use swarm::Node;
pub(crate) use transactions::{Arrived, NotDelivered, Pushing, transactions};
