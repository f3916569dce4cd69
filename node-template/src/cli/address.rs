use crate::network;
use chain_spec::{NODE_ADDRESS, is_node_address};
use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};
use sp_core::H256;
use sync_component::chain_sync::{BadRequest, ResyncRequest};

/// Why an address of the command line is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum AddressError {
    /// Not a multiaddress.
    #[error("{0}; an address looks like /ip4/192.0.2.1/tcp/30333")]
    Malformed(#[from] libp2p::multiaddr::Error),
    /// Nothing that this program can listen on.
    #[error("peers are met over TCP; an address to listen on looks like /ip4/0.0.0.0/tcp/30333")]
    NotTcp,
    /// Whoever answered there would be taken for the node.
    #[error("it does not end in a peer id; add /p2p/12D3Koo…")]
    NoPeerId,
    /// Nobody can be dialled there.
    #[error("peers are dialled over TCP; an address consists of {NODE_ADDRESS}")]
    NotDialled,
    /// Nobody would take it from us.
    #[error(
        "other nodes dial IP addresses with a TCP port only, at which somebody can be; give one such as /ip4/203.0.113.7/tcp/30333"
    )]
    NotTold,
    /// No id.
    #[error("a peer id in base58, such as 12D3KooW…, is expected")]
    NotAPeerId,
}

/// An address to listen on.
pub(super) fn listen(text: &str) -> Result<Multiaddr, AddressError> {
    let address: Multiaddr = text.parse()?;
    let parts: Vec<_> = address.iter().collect();
    match parts.as_slice() {
        [Protocol::Ip4(_) | Protocol::Ip6(_), Protocol::Tcp(_)] => Ok(address),
        _ => Err(AddressError::NotTcp),
    }
}

/// An address that other nodes are told.
pub(super) fn public(text: &str) -> Result<Multiaddr, AddressError> {
    let address: Multiaddr = text.parse()?;
    if network::can_be_told(&address) {
        Ok(address)
    } else {
        Err(AddressError::NotTold)
    }
}

/// An address to connect to: it names the peer that is expected there.
pub(super) fn bootnode(text: &str) -> Result<Multiaddr, AddressError> {
    let address: Multiaddr = text.parse()?;
    match address.iter().last() {
        Some(Protocol::P2p(_)) if is_node_address(&address) => Ok(address),
        Some(Protocol::P2p(_)) => Err(AddressError::NotDialled),
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

/// `N:HASH`.
pub(super) fn checkpoint(text: &str) -> Result<String, BadRequest> {
    ResyncRequest::<crate::Block>::parse(&[], Some(text)).map(|_| text.to_owned())
}

/// Names no block.
#[derive(Debug, thiserror::Error)]
#[error("the number of a block, or its hash (0x and 64 hex digits), is expected")]
pub(super) struct NotABlock;

/// A block, by its number or its hash.
pub(super) fn block(text: &str) -> Result<String, NotABlock> {
    if text.parse::<u32>().is_ok() || text.parse::<H256>().is_ok() {
        Ok(text.to_owned())
    } else {
        Err(NotABlock)
    }
}

/// Nothing that could be run.
#[derive(Debug, thiserror::Error)]
#[error(
    "a command line is expected, such as 'mail -s alert ops@example.org'; leave --alert-cmd out to run none"
)]
pub(super) struct NoCommand;

/// A command line for `sh -c`.
pub(super) fn command(text: &str) -> Result<String, NoCommand> {
    if text.trim().is_empty() {
        Err(NoCommand)
    } else {
        Ok(text.to_owned())
    }
}

/// The longest name of a node, in characters: Substrate's.
const NAME_CHARACTERS: usize = 64;

/// Why a name is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum NameError {
    /// Nothing, or only space.
    #[error("a name has at least one letter; leave --name out for the default")]
    Empty,
    /// It would not fit into logs and tables.
    #[error("it has {0} characters, at most {NAME_CHARACTERS} are allowed")]
    TooLong(usize),
    /// It would break lines of the log.
    #[error("line ends and other control characters are not allowed")]
    Control,
}

/// A node's name.
pub(super) fn name(text: &str) -> Result<String, NameError> {
    let length = text.chars().count();
    if text.trim().is_empty() {
        Err(NameError::Empty)
    } else if length > NAME_CHARACTERS {
        Err(NameError::TooLong(length))
    } else if text.chars().any(char::is_control) {
        Err(NameError::Control)
    } else {
        Ok(text.to_owned())
    }
}
