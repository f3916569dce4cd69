//! What is known of each peer, and typed requests to them (SPEC section 3).
//!
//! [`PeerTable`] is plain data: what peers said and how they behaved. [`PeerClient`] asks them.

mod client;
mod penalties;
mod table;
#[cfg(test)]
mod tests;

pub use client::{PeerClient, RangeAnswer, RequestError};
pub use penalties::Offence;
pub use table::{Charge, PeerEntry, PeerTable, Sighting};
