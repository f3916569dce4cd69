#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on should stop where it is"
)]

mod bound;
mod ground;
mod meter;
mod relay;
mod usage;
