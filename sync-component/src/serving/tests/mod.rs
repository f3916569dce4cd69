#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and the panic says where"
)]

mod chain;
mod meter;
mod range;
mod status;
mod turns;
