use multiaddr::{Multiaddr, Protocol};
use sync_component::settings::document::{Rule, text};

/// What [`is_node_address`] accepts, for people.
pub const NODE_ADDRESS: &str = "an IP address or name, a TCP port and a peer id, such as /ip4/192.0.2.1/tcp/30333/p2p/12D3Koo…";

/// Whether `address` is one that a node can dial: an IP address or name, a TCP port, and the peer id of whoever is there.
///
/// The peer id is demanded, since without it anybody who answers there would be taken for the node.
pub fn is_node_address(address: &Multiaddr) -> bool {
    let mut parts = address.iter();
    let place = matches!(
        parts.next(),
        Some(
            Protocol::Ip4(_)
                | Protocol::Ip6(_)
                | Protocol::Dns(_)
                | Protocol::Dns4(_)
                | Protocol::Dns6(_)
                | Protocol::Dnsaddr(_)
        )
    );
    // Nobody listens on port 0.
    let port = matches!(parts.next(), Some(Protocol::Tcp(1..)));
    let peer = matches!(parts.next(), Some(Protocol::P2p(_)));
    place && port && peer && parts.next().is_none()
}

/// A node's address with its peer id, in its canonical spelling.
pub(crate) fn node_address() -> Rule<String> {
    text(NODE_ADDRESS, |_| true).try_map(|written| {
        let address: Multiaddr = written.parse().ok()?;
        is_node_address(&address).then(|| address.to_string())
    })
}
