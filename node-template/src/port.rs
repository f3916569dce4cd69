//! Ports on which programs of this machine, or of others, ask something.

use rustix::{
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt},
};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, TcpListener},
};

/// How often another free port is taken where the system's was free over IPv4 only.
const TRIES: u32 = 16;

/// Connections that wait to be accepted: the standard library's number.
const WAITING: i32 = 128;

/// A port that was taken: nobody else gets it, and nothing is answered yet.
#[derive(Debug)]
pub(crate) struct Port {
    listener: TcpListener,
    address: SocketAddr,
}

impl Port {
    /// Takes it, so that one in use is known before anything else runs.
    pub(crate) fn take(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Where it is.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where programs of this machine reach it.
    pub(crate) fn local_url(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(match address.ip() {
                IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        format!("http://{address}")
    }

    /// Begins to listen on the tokio runtime in whose context it is called.
    pub(crate) fn listen(self) -> io::Result<tokio::net::TcpListener> {
        tokio::net::TcpListener::from_std(self.listener)
    }

    /// The same port of the same kind over IPv6; `None` where there is none of that kind.
    fn twin(&self) -> Option<SocketAddrV6> {
        let SocketAddr::V4(address) = self.address else {
            return None;
        };
        let ip = match *address.ip() {
            Ipv4Addr::LOCALHOST => Ipv6Addr::LOCALHOST,
            Ipv4Addr::UNSPECIFIED => Ipv6Addr::UNSPECIFIED,
            _ => return None,
        };
        Some(SocketAddrV6::new(ip, address.port(), 0, 0))
    }
}

/// A port over IPv4, on the loopback or on all interfaces, and the same over IPv6: `localhost` is either. Where the machine has
/// no IPv6, it is the first alone.
#[derive(Debug)]
pub(crate) struct PortOfBoth {
    port: Port,
    twin: Option<TcpListener>,
}

impl PortOfBoth {
    /// Takes it, so that one in use is known before anything else runs. An error comes with the address that was not to be had.
    pub(crate) fn take(address: SocketAddr) -> Result<Self, (SocketAddr, io::Error)> {
        let mut tries = TRIES;
        loop {
            tries -= 1;
            let port = Port::take(address).map_err(|error| (address, error))?;
            let Some(twin) = port.twin() else {
                return Ok(Self { port, twin: None });
            };
            match over_ipv6(twin) {
                Ok(twin) => {
                    let twin = Some(twin);
                    return Ok(Self { port, twin });
                }
                Err(Errno::ADDRNOTAVAIL | Errno::AFNOSUPPORT) => {
                    return Ok(Self { port, twin: None });
                }
                // The system chose the number, and has others.
                Err(Errno::ADDRINUSE) if address.port() == 0 && tries > 0 => {}
                Err(error) => return Err((twin.into(), error.into())),
            }
        }
    }

    /// The one over IPv4.
    pub(crate) fn port(&self) -> &Port {
        &self.port
    }

    /// Begins to listen on the tokio runtime in whose context it is called.
    pub(crate) fn listen(self) -> io::Result<Vec<tokio::net::TcpListener>> {
        let twin = self.twin.map(tokio::net::TcpListener::from_std);
        std::iter::once(self.port.listen()).chain(twin).collect()
    }
}

/// Takes a port over IPv6 alone: otherwise all interfaces would be those of IPv4 as well, which are taken.
fn over_ipv6(address: SocketAddrV6) -> Result<TcpListener, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::INET6, SocketType::STREAM, flags, None)?;
    sockopt::set_ipv6_v6only(&socket, true)?;
    // As the standard library does: what is left of an earlier node's connections does not hold the port.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &address)?;
    listen(&socket, WAITING)?;
    Ok(socket.into())
}
