//! Tier 1: the height check (SPEC section 4).
//!
//! [`HeightSyncManager`] keeps the view of the peers and says at any moment what it amounts to. Strategies count votes
//! ([`Ballot`] in, [`Tally`] out); [`rows`] turns a tally and the verified tips into the outcome. Both are I/O-free.

mod alarms;
mod ballot;
mod height_majority;
mod judging;
mod manager;
mod probing;
mod rounds;
pub mod rows;
#[cfg(test)]
mod tests;

pub use ballot::{Ballot, Side, Tally, Voter};
pub use height_majority::HeightMajority;
pub use manager::{HeightSyncManager, Judgement, Waiting};
