//! Verified tips: headers above our chain that are linked, sealed and rising (SPEC section 0).
//!
//! What a peer claims is a hint. A [`probe`] turns it into a [`VerifiedTip`] or into nothing.

mod ahead;
#[cfg(test)]
mod ahead_tests;
mod claimants;
#[cfg(test)]
mod claimants_tests;
mod claims;
mod probe;
mod suspects;
#[cfg(test)]
mod tests;
mod tips;
mod verified;

pub(crate) use ahead::{Above, Extended, Fetched, Skeleton, extend, extend_by, fetch, further};
pub(crate) use claimants::{Claimant, Claimants, Lagging};
pub use claims::{Claim, ClaimBook, ClaimState, Lack, Pauses};
pub use probe::{ProbeError, ProbeOutcome, probe};
pub(crate) use probe::{confirm, probe_far};
pub use suspects::{Misdeed, Suspects};
pub(crate) use suspects::{author, authors, is_by_few};
pub use tips::{Beyond, Delivery, Inserted, TipStore, VerifiedTip};
pub(crate) use tips::{canonical_ancestor, is_stored};
