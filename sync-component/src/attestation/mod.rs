//! Attestations: what authorities sign of their own best tips (SPEC section 2).
//!
//! [`attest`] makes one, [`is_genuine`] checks its signature, [`AttestationBook`] keeps the newest of each authority and says
//! which of them count. All of it is I/O-free; the signer behind [`attest`] writes its counter to disk.

mod book;
mod evidence;
mod statement;
#[cfg(test)]
mod tests;

pub(crate) use book::ATTESTATIONS_PER_SLOT;
#[cfg(feature = "test-kit")]
pub(crate) use book::REMEMBERED_SLOTS;
pub use book::{AttestationBook, Contradiction, Intake, Validity};
#[cfg(feature = "test-kit")]
pub(crate) use evidence::REMEMBERED_SEALS;
pub use evidence::{Equivocation, EvidenceBook};
pub use statement::{attest, is_genuine};
