//! Checks that need no state: digest, link, slot, seal, body (SPEC section 1). Safe to run on any thread; signatures are
//! checked alone or many at once, with the same result.

mod body;
mod header;
mod headers;
mod known_seals;
mod rules;
mod run;
mod signatures;
#[cfg(test)]
mod tests;

pub use body::check_body;
pub(crate) use body::extrinsics_root;
pub use header::{ParentFacts, Sealed, author_of, check_not_future, slot_of};
pub(crate) use headers::HeaderCheck;
pub(crate) use known_seals::KnownSeals;
pub(crate) use rules::Rules;
pub(crate) use run::{RunCheck, Verdict};
pub(crate) use signatures::Signatures;
pub use signatures::{FirstBad, SignatureCheck, check_signatures};
