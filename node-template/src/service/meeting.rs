//! How a node that starts meets others.

use super::{NetworkConfig, NodeKey, RunConfig};
use crate::network::{
    Admission, DialLimits, KnownNodes, LocalDiscovery, NetworkPlan, SlotCount, ToldAddresses,
};
use libp2p::Multiaddr;

/// The plan that `config` asks for, with the peers of earlier runs.
pub(super) fn network_plan(
    config: &RunConfig,
    key: NodeKey,
    remembered: Vec<Multiaddr>,
) -> NetworkPlan {
    let told = ToldAddresses::of(config.spec.chain_type);
    let limits = DialLimits::from(&config.settings.limits);
    match &config.network {
        NetworkConfig::Isolated => NetworkPlan {
            key,
            listen: Vec::new(),
            public: Vec::new(),
            known: KnownNodes::default(),
            admission: Admission::Everyone(SlotCount {
                inbound: 0,
                outbound: 0,
            }),
            local: LocalDiscovery::Off,
            told,
            limits,
        },
        NetworkConfig::Connected {
            listen,
            public,
            bootnodes,
            reserved,
            admission,
            local,
            ..
        } => NetworkPlan {
            key,
            listen: listen.clone(),
            public: public.clone(),
            known: KnownNodes {
                reserved: reserved.clone(),
                bootnodes: bootnodes.clone(),
                remembered,
            },
            admission: *admission,
            local: *local,
            told,
            limits,
        },
    }
}
