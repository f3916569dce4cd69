use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// From how far away an address can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// From this machine: loopback.
    Machine,
    /// From this private network.
    Site,
    /// From everywhere.
    World,
}

/// The reach of an IP address with a TCP port; `None` for all else, and for addresses at which nobody can be.
pub(super) fn reach(address: &Multiaddr) -> Option<Reach> {
    let (ip, _) = endpoint(address)?;
    match ip {
        IpAddr::V4(ip) => reach_of_ip4(ip),
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => reach_of_ip4(ip),
            None => reach_of_ip6(ip),
        },
    }
}

/// `address` as one at which `peer` may be dialled, if it leads at least as far as `least`. What peers tell is taken only in
/// the plainest form: an IP address, a TCP port, and perhaps the peer's own id. A name would let them choose where it leads
/// after it was looked at.
pub(super) fn dialable(address: &Multiaddr, peer: PeerId, least: Reach) -> Option<Multiaddr> {
    let (_, rest) = endpoint(address)?;
    if rest.is_some_and(|named| named != peer) {
        return None;
    }
    let leads_there = reach(address)? >= least;
    leads_there.then(|| address.clone().with_p2p(peer).ok())?
}

/// Where `peer` listens as seen from outside: at the address `ip` from which it came, and the port of `listening`. For peers
/// behind a router that hands connections through, which know their inner addresses only. It leads nowhere but to where the peer
/// is.
pub(super) fn seen_at(listening: &Multiaddr, peer: PeerId, ip: IpAddr) -> Option<Multiaddr> {
    endpoint(listening)?;
    let port = listening.iter().nth(1)?;
    let address = Multiaddr::from(ip).with(port).with_p2p(peer).ok()?;
    reach(&address)?;
    Some(address)
}

/// The IP address at the beginning of an address.
pub(super) fn ip(address: &Multiaddr) -> Option<IpAddr> {
    match address.iter().next()? {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => Some(IpAddr::V6(ip)),
        _ => None,
    }
}

/// The IP address, and the peer that is named behind the port.
fn endpoint(address: &Multiaddr) -> Option<(IpAddr, Option<PeerId>)> {
    let ip = ip(address)?;
    let mut parts = address.iter().skip(1);
    if !matches!(parts.next()?, Protocol::Tcp(port) if port != 0) {
        return None;
    }
    let peer = match parts.next() {
        None => None,
        Some(Protocol::P2p(peer)) => Some(peer),
        Some(_) => return None,
    };
    parts.next().is_none().then_some((ip, peer))
}

fn reach_of_ip4(ip: Ipv4Addr) -> Option<Reach> {
    let [first, second, ..] = ip.octets();
    if ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast() || first == 0 || first >= 240 {
        None
    } else if ip.is_loopback() {
        Some(Reach::Machine)
    } else if ip.is_private() || ip.is_link_local() || (first == 100 && second & 0xc0 == 64) {
        Some(Reach::Site)
    } else {
        Some(Reach::World)
    }
}

fn reach_of_ip6(ip: Ipv6Addr) -> Option<Reach> {
    // An address of one link needs the name of the interface, which is another one on each machine.
    if ip.is_unspecified() || ip.is_multicast() || ip.is_unicast_link_local() {
        None
    } else if ip.is_loopback() {
        Some(Reach::Machine)
    } else if ip.is_unique_local() {
        Some(Reach::Site)
    } else {
        Some(Reach::World)
    }
}
