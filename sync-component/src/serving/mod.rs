//! Answers to peers (SPEC section 2), and how much of them at once. No I/O of its own: [`Server`] reads the chain and
//! returns bytes, [`Meter`] counts, [`Turns`] puts what is dear in a row.
//!
//! A server never answers with silence and never lies: data, `NotFound`, `Busy` (also when our own store fails: a
//! local fault is no statement about the chain), or `Refused` for an ill-formed request. The same request twice is
//! answered twice.

mod meter;
mod range;
mod server;
mod turns;

#[cfg(test)]
mod tests;

pub use meter::{Admission, Meter, Ticket};
pub use server::{Server, Told};
pub use turns::Turns;
