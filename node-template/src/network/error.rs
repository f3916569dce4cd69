use crate::advice::advice;
use libp2p::{Multiaddr, PeerId};
use std::{io, path::PathBuf, time::Duration};

/// Why the network cannot start.
#[derive(Debug, thiserror::Error)]
pub enum NetworkStartError {
    /// Another process has the port, or the address is not ours.
    #[error(
        "cannot listen for peers on {address} ({source}); stop what uses it, or choose another with --port or --listen-addr"
    )]
    Listen {
        /// Where we wanted to listen.
        address: Multiaddr,
        /// What the system said.
        source: io::Error,
    },
    /// The system neither refused nor confirmed.
    #[error(
        "{address} did not begin to listen for peers within {} s; choose another with --listen-addr",
        .waited.as_secs()
    )]
    NotListening {
        /// Where we wanted to listen.
        address: Multiaddr,
        /// How long we waited.
        waited: Duration,
    },
    /// A public address that ends in the id of somebody else.
    #[error(
        "--public-addr {address} names another node; this one is {ours}: leave /p2p/… out, or give the right key"
    )]
    AddressOfAnother {
        /// The address.
        address: Multiaddr,
        /// Who we are.
        ours: PeerId,
    },
    /// Names cannot be resolved.
    #[error("the system's name resolution cannot be used ({source}); check /etc/resolv.conf")]
    Dns {
        /// What the system said.
        source: io::Error,
    },
    /// The encryption layer refused our key.
    #[error("the encryption of connections cannot be set up ({source}); check the network key")]
    Encryption {
        /// What it said.
        source: libp2p::noise::Error,
    },
}

/// Why the network key of the chain's folder cannot be used. The file is never replaced.
#[derive(Debug, thiserror::Error)]
pub enum NodeKeyError {
    /// It cannot be read.
    #[error("the network key {} cannot be read ({source}); {}", .path.display(), advice(.source))]
    Read {
        /// The file.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// It cannot be written.
    #[error(
        "the network key {} cannot be written ({source}); check the permissions and the space on the disk",
        .path.display()
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// It holds something else.
    #[error(
        "{} holds no network key: 32 bytes or 64 hex digits are expected; put the right file back, or remove this one to get a new identity",
        .path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
    },
}
