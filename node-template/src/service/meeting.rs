//! How a node that starts meets others.

use super::{NetworkConfig, NodeKey, RunConfig};
use crate::network::{
    Admission, DialLimits, KnownNodes, LocalDiscovery, NetworkPlan, SlotCount, ToldAddresses,
};
use libp2p::{Multiaddr, multiaddr::Protocol};

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

/// Gives each address that asks for a free port the one that it got.
pub(super) fn keep_ports(asked: &mut [Multiaddr], got: &[Multiaddr]) {
    let port = |address: &Multiaddr| {
        address.iter().find_map(|part| match part {
            Protocol::Tcp(port) => Some(port),
            _ => None,
        })
    };
    for address in asked {
        let host = address.iter().next();
        let same = got
            .iter()
            .find(|got| got.iter().next() == host || host.as_ref().is_some_and(is_unspecified));
        if let (Some(0), Some(found)) = (port(address), same.and_then(port)) {
            *address = address
                .iter()
                .map(|part| match part {
                    Protocol::Tcp(0) => Protocol::Tcp(found),
                    other => other,
                })
                .collect();
        }
    }
}

fn is_unspecified(host: &Protocol<'_>) -> bool {
    match host {
        Protocol::Ip4(ip) => ip.is_unspecified(),
        Protocol::Ip6(ip) => ip.is_unspecified(),
        _ => false,
    }
}
