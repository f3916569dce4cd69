//! How a node meets others, as the command line and the chain spec say.

use super::{CliError, RunArgs};
use crate::{
    network::{Admission, LocalDiscovery, SlotCount},
    service::{NetworkConfig, NodeKey},
};
use chain_spec::{ChainSpec, ChainType};
use libp2p::{Multiaddr, multiaddr::Protocol};
use std::net::{Ipv4Addr, Ipv6Addr};
use sync_component::settings::Limits;

/// What the options ask for.
pub(super) fn network(
    args: &RunArgs,
    spec: &ChainSpec,
    limits: &Limits,
    key: Option<NodeKey>,
) -> Result<NetworkConfig, CliError> {
    if args.isolated {
        return Ok(NetworkConfig::Isolated);
    }
    let listen = if args.listen_addr.is_empty() {
        all_interfaces(args.port)
    } else {
        args.listen_addr.clone()
    };
    let reserved = with_those_of_chain(&args.reserved_nodes, &spec.reserved_nodes);
    Ok(NetworkConfig::Connected {
        admission: admission(args, limits, &reserved)?,
        bootnodes: with_those_of_chain(&args.bootnodes, &spec.bootnodes),
        reserved,
        local: local(args, spec.chain_type, &listen),
        listen,
        public: args.public_addr.clone(),
        key,
    })
}

fn with_those_of_chain(given: &[Multiaddr], of_chain: &[String]) -> Vec<Multiaddr> {
    let of_chain = of_chain.iter().map(|text| {
        text.parse()
            .expect("the chain spec's reader has checked its addresses")
    });
    given.iter().cloned().chain(of_chain).collect()
}

fn admission(
    args: &RunArgs,
    limits: &Limits,
    reserved: &[Multiaddr],
) -> Result<Admission, CliError> {
    if args.reserved_only {
        return if reserved.is_empty() {
            Err(CliError::NobodyReserved)
        } else {
            Ok(Admission::ReservedOnly)
        };
    }
    let most = limits.max_peers;
    // What nobody asked for makes way for what somebody did.
    let fits = |default: usize, other: Option<usize>| {
        default.min(most.saturating_sub(other.unwrap_or_default()))
    };
    let default = SlotCount::DEFAULT;
    let outbound = args
        .out_peers
        .unwrap_or_else(|| fits(default.outbound, args.in_peers));
    let inbound = args
        .in_peers
        .unwrap_or_else(|| fits(default.inbound, Some(outbound)));
    if inbound.saturating_add(outbound) > most {
        return Err(CliError::TooManyPeers {
            inbound,
            outbound,
            most,
        });
    }
    Ok(Admission::Everyone(SlotCount { inbound, outbound }))
}

/// Off where it could only do harm: on development chains, whose nodes all have the same key, and where we can be reached
/// from this machine only.
fn local(args: &RunArgs, chain: ChainType, listen: &[Multiaddr]) -> LocalDiscovery {
    let can_be_reached = listen.iter().any(|address| !is_loopback(address));
    if args.no_mdns || chain == ChainType::Development || !can_be_reached {
        LocalDiscovery::Off
    } else {
        LocalDiscovery::Mdns
    }
}

fn is_loopback(address: &Multiaddr) -> bool {
    match address.iter().next() {
        Some(Protocol::Ip4(ip)) => ip.is_loopback(),
        Some(Protocol::Ip6(ip)) => ip.is_loopback(),
        _ => false,
    }
}

fn all_interfaces(port: u16) -> Vec<Multiaddr> {
    let ip4 = Protocol::Ip4(Ipv4Addr::UNSPECIFIED);
    let ip6 = Protocol::Ip6(Ipv6Addr::UNSPECIFIED);
    [ip4, ip6]
        .map(|ip| Multiaddr::from(ip).with(Protocol::Tcp(port)))
        .into()
}
