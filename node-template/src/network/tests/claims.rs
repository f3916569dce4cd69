use crate::network::{NetworkStartError, claim};
use libp2p::Multiaddr;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpSocket};

/// Somebody who listens as libp2p does: at a port that others of the same user may share.
fn sharing(address: &str) -> TcpListener {
    let address: SocketAddr = address.parse().unwrap();
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    };
    let socket = socket.unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.set_reuseport(true).unwrap();
    socket.bind(address).unwrap();
    socket.listen(8).unwrap()
}

fn at(ip: &str, port: u16) -> Multiaddr {
    format!("/{ip}/tcp/{port}").parse().unwrap()
}

#[tokio::test]
async fn port_at_which_somebody_listens_is_not_claimed_even_if_it_can_be_shared() {
    let listener = sharing("127.83.7.1:0");
    let port = listener.local_addr().unwrap().port();
    for ip in ["ip4/127.83.7.1", "ip4/0.0.0.0"] {
        let wanted = at(ip, port);
        let Err(NetworkStartError::Listen { address, source }) =
            claim(std::slice::from_ref(&wanted))
        else {
            panic!("{wanted} was claimed");
        };
        assert_eq!(address, wanted);
        assert_eq!(source.kind(), std::io::ErrorKind::AddrInUse);
    }
    drop(listener);
    claim(&[at("ip4/127.83.7.1", port)]).unwrap();
}

#[tokio::test]
async fn claimed_port_is_nobody_elses_until_it_is_given_back() {
    // Nobody else listens at this address: what is free at the usual one other tests take.
    let port = sharing("127.83.7.2:0").local_addr().unwrap().port();
    let wanted = [at("ip4/127.83.7.2", port)];
    let claimed = claim(&wanted).unwrap();
    claim(&wanted).unwrap_err();
    drop(claimed);
    claim(&wanted).unwrap();
}

#[tokio::test]
async fn both_families_of_one_port_are_claimed_together() {
    let port = sharing("0.0.0.0:0").local_addr().unwrap().port();
    let wanted = [at("ip4/0.0.0.0", port), at("ip6/::", port)];
    let claimed = claim(&wanted).unwrap();
    claim(&wanted).unwrap_err();
    drop(claimed);
}

#[test]
fn port_of_the_systems_choice_and_other_transports_are_not_claimed() {
    let wanted = [
        at("ip4/127.0.0.1", 0),
        "/ip4/127.0.0.1/udp/1/quic-v1".parse().unwrap(),
        "/dns4/localhost/tcp/1".parse().unwrap(),
    ];
    claim(&wanted).unwrap();
}
