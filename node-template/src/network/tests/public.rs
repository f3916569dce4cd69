use super::super::{
    NetworkStartError, ToldAddresses,
    public::{can_be_told, to_tell},
};
use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};

fn parsed(text: &str) -> Multiaddr {
    text.parse().unwrap()
}

#[test]
fn only_addresses_that_a_peer_would_dial_can_be_told() {
    for good in ["/ip4/203.0.113.7/tcp/30333", "/ip6/2001:db8::1/tcp/1"] {
        assert!(can_be_told(&parsed(good)), "{good}");
    }
    for wrong in [
        "/ip4/0.0.0.0/tcp/30333",
        "/ip4/203.0.113.7/tcp/0",
        "/ip4/203.0.113.7",
        "/ip4/203.0.113.7/udp/30333/quic-v1",
        "/ip6/fe80::1/tcp/30333",
        "/dns/example.org/tcp/30333",
    ] {
        assert!(!can_be_told(&parsed(wrong)), "{wrong}");
    }
}

#[test]
fn public_address_may_end_in_our_id_and_in_no_other() {
    let ours = PeerId::random();
    let plain = parsed("/ip4/203.0.113.7/tcp/30333");
    let named = |peer| plain.clone().with(Protocol::P2p(peer));
    let told = to_tell(&[plain.clone(), named(ours)], ours, ToldAddresses::All).unwrap();
    assert_eq!(told, [plain.clone(), plain.clone()]);

    let other = named(PeerId::random());
    let error = to_tell(std::slice::from_ref(&other), ours, ToldAddresses::All).unwrap_err();
    assert!(
        matches!(&error, NetworkStartError::AddressOfAnother { address, .. } if *address == other),
        "{error}"
    );
    let text = error.to_string();
    assert!(
        text.contains("--public-addr") && text.contains(&ours.to_string()),
        "{text}"
    );
}
