//! The bridge as its users see it: block rules, fork choice, finality, the store (SPEC section 1, invariants I1 and I2).

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and the panic says where"
)]

mod differential;
mod faults;
mod finality;
mod folder;
mod forks;
mod golden;
mod headers;
mod measure;
mod pipeline;
mod properties;
mod ranges;
mod resync;
mod revert;
mod rules;
mod snapshot;
mod strategies;
mod support;
