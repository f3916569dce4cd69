//! Real swarms over TCP on loopback, with noise and yamux (SPEC section 2).

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and the panic says where"
)]

mod connections;
mod dripping;
mod limits;
mod node;
mod requests;
