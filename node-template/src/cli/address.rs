use crate::network;
use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};

/// Why an address of the command line is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum AddressError {
    /// Not a multiaddress.
    #[error("{0}; an address looks like /ip4/192.0.2.1/tcp/30333")]
    Malformed(#[from] libp2p::multiaddr::Error),
    /// Whoever answered there would be taken for the node.
    #[error("it does not end in a peer id; add /p2p/12D3Koo…")]
    NoPeerId,
    /// Nobody would take it from us.
    #[error(
        "other nodes dial IP addresses with a TCP port only, at which somebody can be; give one such as /ip4/203.0.113.7/tcp/30333"
    )]
    NotDialled,
    /// No id.
    #[error("a peer id in base58, such as 12D3KooW…, is expected")]
    NotAPeerId,
}

/// An address to listen on.
pub(super) fn listen(text: &str) -> Result<Multiaddr, AddressError> {
    Ok(text.parse()?)
}

/// An address that other nodes are told.
pub(super) fn public(text: &str) -> Result<Multiaddr, AddressError> {
    let address: Multiaddr = text.parse()?;
    if network::can_be_told(&address) {
        Ok(address)
    } else {
        Err(AddressError::NotDialled)
    }
}

/// An address to connect to: it names the peer that is expected there.
pub(super) fn bootnode(text: &str) -> Result<Multiaddr, AddressError> {
    let address: Multiaddr = text.parse()?;
    match address.iter().last() {
        Some(Protocol::P2p(_)) => Ok(address),
        _ => Err(AddressError::NoPeerId),
    }
}

/// The id of a peer; many texts are base58 and none.
pub(super) fn peer(text: &str) -> Result<String, AddressError> {
    match text.parse::<PeerId>() {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(AddressError::NotAPeerId),
    }
}
