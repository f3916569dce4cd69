//! Checks that need no state: digest, link, slot, seal, body (SPEC section 1). Safe to run on any thread; signatures are
//! checked alone or many at once, with the same result.

mod body;
mod header;
mod signatures;
#[cfg(test)]
mod tests;

pub use body::check_body;
pub(crate) use body::extrinsics_root;
pub use header::{SealCheck, check_link, check_not_future, slot_of};
pub use signatures::{FirstBad, SignatureCheck, check_signatures};
