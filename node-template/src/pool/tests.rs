#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

mod chain;
mod offering;
mod queue;
mod wire;
