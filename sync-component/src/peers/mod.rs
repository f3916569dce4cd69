//! What is known of each peer, and typed requests to them (SPEC section 3).
//!
//! [`PeerTable`] is plain data: what connected peers said. [`Ledger`] is what is remembered of all peers, over restarts.
//! [`PeerClient`] asks them.

mod answer;
mod client;
#[cfg(test)]
mod client_tests;
mod consistency;
mod deliveries;
mod file;
mod ledger;
mod penalties;
mod proof;
mod table;
#[cfg(test)]
mod tests;

pub use answer::{RangeAnswer, RequestError};
pub use client::PeerClient;
pub(crate) use consistency::{Span, observe};
pub use file::UnreadableLedger;
pub use ledger::{Ban, Charge, Ledger, Record};
pub use penalties::Offence;
pub(crate) use proof::Proof;
pub use table::{PeerEntry, PeerTable, Sighting};
