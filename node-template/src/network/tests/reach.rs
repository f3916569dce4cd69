use super::super::reach::{Reach, dialable, reach, seen_at};
use libp2p::{Multiaddr, PeerId};

fn parsed(text: &str) -> Multiaddr {
    text.parse().unwrap()
}

#[test]
fn reach_follows_from_the_ip_address() {
    let table = [
        ("/ip4/127.0.0.1/tcp/1", Some(Reach::Machine)),
        ("/ip6/::1/tcp/1", Some(Reach::Machine)),
        ("/ip4/10.1.2.3/tcp/1", Some(Reach::Site)),
        ("/ip4/192.168.0.1/tcp/1", Some(Reach::Site)),
        ("/ip4/169.254.1.1/tcp/1", Some(Reach::Site)),
        ("/ip4/100.64.0.1/tcp/1", Some(Reach::Site)),
        ("/ip6/fd00::1/tcp/1", Some(Reach::Site)),
        ("/ip6/::ffff:10.0.0.1/tcp/1", Some(Reach::Site)),
        ("/ip4/100.128.0.1/tcp/1", Some(Reach::World)),
        ("/ip4/192.0.2.1/tcp/1", Some(Reach::World)),
        ("/ip6/2001:db8::1/tcp/1", Some(Reach::World)),
        ("/ip4/0.0.0.0/tcp/1", None),
        ("/ip4/224.0.0.1/tcp/1", None),
        ("/ip4/255.255.255.255/tcp/1", None),
        ("/ip6/::/tcp/1", None),
        ("/ip6/fe80::1/tcp/1", None),
        ("/ip4/192.0.2.1/tcp/0", None),
        ("/ip4/192.0.2.1/udp/1", None),
        ("/ip4/192.0.2.1/tcp/1/ws", None),
        ("/dns4/example.org/tcp/1", None),
    ];
    for (text, expected) in table {
        assert_eq!(reach(&parsed(text)), expected, "{text}");
    }
}

#[test]
fn address_of_our_own_network_is_not_believed_from_outside() {
    let peer = PeerId::random();
    let private = parsed("/ip4/10.0.0.1/tcp/1");
    let public = parsed("/ip4/192.0.2.1/tcp/1");
    assert_eq!(dialable(&private, peer, Reach::World), None);
    assert!(dialable(&private, peer, Reach::Site).is_some());
    assert_eq!(
        dialable(&parsed("/ip4/127.0.0.1/tcp/1"), peer, Reach::Site),
        None
    );
    assert!(dialable(&public, peer, Reach::World).is_some());
    assert!(dialable(&public, peer, Reach::Machine).is_some());
}

#[test]
fn address_names_its_peer_and_no_other() {
    let peer = PeerId::random();
    let bare = parsed("/ip4/192.0.2.1/tcp/1");
    let named = bare.clone().with_p2p(peer).unwrap();
    assert_eq!(dialable(&bare, peer, Reach::World), Some(named.clone()));
    assert_eq!(dialable(&named, peer, Reach::World), Some(named.clone()));
    assert_eq!(dialable(&named, PeerId::random(), Reach::World), None);
    let relayed = parsed(&format!("{named}/p2p-circuit"));
    assert_eq!(dialable(&relayed, peer, Reach::World), None);
}

#[test]
fn peer_behind_a_router_is_where_it_came_from_at_the_port_where_it_listens() {
    let peer = PeerId::random();
    let from = "192.0.2.7".parse().unwrap();
    let seen = |text: &str| seen_at(&parsed(text), peer, from).map(|at| at.to_string());
    let expected = format!("/ip4/192.0.2.7/tcp/30333/p2p/{peer}");
    assert_eq!(seen("/ip4/10.0.0.5/tcp/30333"), Some(expected));
    assert_eq!(seen("/ip4/10.0.0.5/udp/30333"), None);
    assert_eq!(seen("/dns4/example.org/tcp/30333"), None);
}
