use crate::service::NetworkConfig;
use chain_spec::ChainSpec;
use std::collections::BTreeSet;
use sync_component::ports::PeerId;

/// Peers that are declared trusted: the reserved nodes of the chain spec and of the command line (SPEC sections 3 and 11).
pub(crate) fn declared(spec: &ChainSpec, network: &NetworkConfig) -> BTreeSet<PeerId> {
    let of_run = match network {
        NetworkConfig::Isolated => [].as_slice(),
        NetworkConfig::Connected { reserved, .. } => reserved,
    };
    let of_run = of_run.iter().map(ToString::to_string);
    // The readers of both have checked that each ends in a peer id.
    spec.reserved_nodes
        .iter()
        .cloned()
        .chain(of_run)
        .filter_map(|address| address.rsplit_once("/p2p/")?.1.parse().ok())
        .collect()
}
