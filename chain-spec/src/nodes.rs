use multiaddr::{Multiaddr, Protocol};
use sync_component::settings::document::{Rule, text};

/// A node's address with its peer id, in its canonical spelling.
///
/// The peer id is demanded, since without it anybody who answers there would be taken for the node.
pub(crate) fn node_address() -> Rule<String> {
    let accepted =
        "a multiaddress that ends in a peer id, such as /ip4/192.0.2.1/tcp/30333/p2p/12D3Koo…";
    text(accepted, |_| true).try_map(|written| {
        let address: Multiaddr = written.parse().ok()?;
        let parts: Vec<Protocol<'_>> = address.iter().collect();
        let (last, transport) = parts.split_last()?;
        let reachable = matches!(
            transport.first(),
            Some(
                Protocol::Ip4(_)
                    | Protocol::Ip6(_)
                    | Protocol::Dns(_)
                    | Protocol::Dns4(_)
                    | Protocol::Dns6(_)
                    | Protocol::Dnsaddr(_)
            )
        );
        (reachable && matches!(last, Protocol::P2p(_))).then(|| address.to_string())
    })
}
