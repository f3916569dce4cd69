#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod bound;
mod ground;
mod meter;
mod relay;
mod usage;
