use super::LocalDiscovery;
use libp2p::{PeerId, mdns, swarm::behaviour::toggle::Toggle};

/// Most addresses of others on the local network at once. libp2p keeps whatever it hears for as long as the teller says; beyond
/// this somebody fills our memory, and we listen no more.
const MOST_HEARD: usize = 1_024;

/// Multicast DNS, where it is wanted and the system allows it.
pub(super) type LocalNetwork = Toggle<mdns::tokio::Behaviour>;

/// A node without it is better than none, so a system that forbids it is only said.
pub(super) fn begin(wanted: LocalDiscovery, ours: PeerId) -> LocalNetwork {
    let behaviour = match wanted {
        LocalDiscovery::Off => None,
        LocalDiscovery::Mdns => mdns::tokio::Behaviour::new(mdns::Config::default(), ours)
            .inspect_err(|error| {
                tracing::warn!(%error, "nodes on the local network cannot be looked for by mDNS; --no-mdns leaves it out");
            })
            .ok(),
    };
    Toggle::from(behaviour)
}

/// Ends it if too much was heard.
pub(super) fn keep_bounded(network: &mut LocalNetwork) {
    let heard = network
        .as_ref()
        .map_or(0, |mdns| mdns.discovered_nodes().len());
    if heard > MOST_HEARD {
        tracing::warn!(
            heard,
            "somebody on the local network names more nodes than can be; looking for nodes by mDNS ends until the next start"
        );
        *network = Toggle::from(None);
    }
}
