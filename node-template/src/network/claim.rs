use super::NetworkStartError;
use libp2p::{Multiaddr, multiaddr::Protocol};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};
use std::{
    error::Error,
    io,
    net::{IpAddr, SocketAddr},
    os::fd::OwnedFd,
};

/// Connections that wait at a claimed port; they are cut when it is given back.
const WAITING: i32 = 1;

/// Ports for peers that nobody else gets while this exists.
///
/// libp2p listens in a way that lets other processes of the same user listen at the same port, since it also dials from it.
/// Two nodes would share a port, and each would get some of the other's peers. So every port is first taken as other servers
/// take theirs, which fails wherever anybody listens.
#[derive(Debug)]
pub struct ClaimedPorts {
    _sockets: Vec<OwnedFd>,
}

/// Claims the ports of these addresses. Those that leave the choice to the system (port 0) need no claim, and what is no TCP
/// address is left to the transport to refuse.
pub fn claim(wanted: &[Multiaddr]) -> Result<ClaimedPorts, NetworkStartError> {
    let mut sockets = Vec::new();
    for address in wanted {
        let Some(socket_address) = tcp(address) else {
            continue;
        };
        match take(socket_address) {
            Ok(socket) => sockets.push(socket),
            Err(source) if can_do_without(address, wanted, &source) => {}
            Err(source) => {
                return Err(NetworkStartError::Listen {
                    address: address.clone(),
                    source,
                });
            }
        }
    }
    Ok(ClaimedPorts { _sockets: sockets })
}

/// A socket that listens at `address`, and shares it with nobody.
fn take(address: SocketAddr) -> io::Result<OwnedFd> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    if address.is_ipv6() {
        // As libp2p does: the port of the IPv4 addresses is another one.
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    // Connections of an earlier run that are not quite over are no reason to wait.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &address)?;
    listen(&socket, WAITING)?;
    Ok(socket)
}

fn tcp(address: &Multiaddr) -> Option<SocketAddr> {
    let mut parts = address.iter();
    let ip: IpAddr = match parts.next()? {
        Protocol::Ip4(ip) => ip.into(),
        Protocol::Ip6(ip) => ip.into(),
        _ => return None,
    };
    match parts.next()? {
        Protocol::Tcp(0) => None,
        Protocol::Tcp(port) => Some(SocketAddr::new(ip, port)),
        _ => None,
    }
}

/// Whether a node that wants to listen at all these addresses may leave this one out: there is no IPv6 on this machine.
pub(super) fn can_do_without(address: &Multiaddr, wanted: &[Multiaddr], error: &io::Error) -> bool {
    wanted.len() > 1 && is_all_of_ip6(address) && !is_in_use(error)
}

pub(super) fn is_all_of_ip6(address: &Multiaddr) -> bool {
    matches!(address.iter().next(), Some(Protocol::Ip6(ip)) if ip.is_unspecified())
}

/// Whether the port is taken. The layers of the transport wrap the system's error.
fn is_in_use(error: &io::Error) -> bool {
    if error.kind() == io::ErrorKind::AddrInUse {
        return true;
    }
    let mut inner: Option<&(dyn Error + 'static)> = error.get_ref().map(|inner| inner as _);
    while let Some(error) = inner {
        match error.downcast_ref::<io::Error>() {
            Some(error) if error.kind() == io::ErrorKind::AddrInUse => return true,
            Some(error) => inner = error.get_ref().map(|inner| inner as _),
            None => inner = error.source(),
        }
    }
    false
}
