#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on should stop where it is"
)]

mod claims;
mod dialling;
mod keys;
mod meeting;
mod public;
mod reach;
mod slots;
mod walks;

use super::DialLimits;
use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};
use sync_component::SyncSettings;

fn address(port: u16, peer: PeerId) -> Multiaddr {
    let address: Multiaddr = format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap();
    address.with(Protocol::P2p(peer))
}

fn limits() -> DialLimits {
    DialLimits::from(&SyncSettings::default().limits)
}
