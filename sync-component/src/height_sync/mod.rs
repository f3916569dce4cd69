//! Tier 1: the height check (SPEC section 4).
//!
//! [`HeightSyncManager`] keeps the view of the peers and says at any moment what it amounts to. Strategies count votes
//! ([`Ballot`] in, [`Tally`] out); [`rows`] turns a tally and the verified tips into the outcome. Both are I/O-free.

mod alarms;
mod attested;
mod attesting;
mod authority_quorum;
mod ballot;
mod caution;
#[cfg(test)]
mod caution_tests;
mod early;
mod following;
#[cfg(feature = "test-kit")]
mod footprint;
mod heard;
mod height_majority;
mod judgement;
mod judging;
mod lineage;
mod manager;
mod probing;
#[cfg(test)]
mod quorum_tests;
mod rounds;
pub mod rows;
#[cfg(test)]
mod rows_tests;
mod runs;
mod suspecting;
#[cfg(test)]
mod tests;
mod tip_quorum;
mod unclaimed;

pub(crate) use attested::attested_blocks;
pub use attesting::{AttestationNews, DueAttestation};
pub use authority_quorum::AuthorityQuorum;
pub use ballot::{Ballot, Electorate, Side, Tally, Voter};
pub(crate) use following::Purpose;
pub use height_majority::HeightMajority;
pub use judgement::{Beginning, Judgement, Reach, Waiting};
pub use lineage::{Lineage, consensus_block};
pub use manager::HeightSyncManager;
pub use tip_quorum::TipQuorum;
