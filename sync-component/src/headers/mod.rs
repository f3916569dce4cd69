//! Verified tips: headers above our chain that are linked, sealed and rising (SPEC section 0).
//!
//! What a peer claims is a hint. A [`probe`] turns it into a [`VerifiedTip`] or into nothing.

mod ahead;
mod claimants;
#[cfg(test)]
mod claimants_tests;
mod claims;
mod probe;
mod suspects;
#[cfg(test)]
mod tests;
mod tips;

pub(crate) use ahead::{Above, Extended, Skeleton, extend, further};
pub(crate) use claimants::{Claimant, Claimants, Lagging};
pub use claims::{Claim, ClaimBook, ClaimState, Lack, Pauses};
pub(crate) use probe::confirm;
pub use probe::{ProbeError, ProbeOutcome, probe};

pub(crate) use suspects::is_by_few;
pub use suspects::{Misdeed, Suspects};
pub(crate) use tips::canonical_ancestor;
pub use tips::{Beyond, Delivery, Inserted, TipStore, VerifiedTip};
