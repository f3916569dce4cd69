#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

use super::{
    NetworkPlan, NetworkStartError, Node, NodeKeyError,
    bootnodes::{Bootnodes, Jitter},
    load_or_create,
};
use crate::service::NodeKey;
use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};
use std::{fs, os::unix::fs::PermissionsExt, time::Duration};
use sync_component::{
    SyncSettings, net,
    ports::{NetworkEvent, PeerId as Peer},
};
use tokio::{sync::mpsc, time::Instant};

/// Only a failing test waits for it.
const DEADLINE: Duration = Duration::from_mins(1);

const NO_JITTER: Jitter = Jitter(1.0);

fn address(port: u16, peer: PeerId) -> Multiaddr {
    let address: Multiaddr = format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap();
    address.with(Protocol::P2p(peer))
}

#[test]
fn network_key_is_made_once_for_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret_ed25519");
    let first = load_or_create(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), first.secret());
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(load_or_create(&path).unwrap() == first);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn network_key_in_hex_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    for text in ["07".repeat(32), format!("0x{}\n", "07".repeat(32))] {
        fs::write(&path, text).unwrap();
        assert_eq!(load_or_create(&path).unwrap().secret(), &[7; 32]);
    }
}

#[test]
fn broken_network_key_is_named_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret_ed25519");
    for broken in ["", "broken", &"0g".repeat(32)] {
        fs::write(&path, broken).unwrap();
        let error = load_or_create(&path).unwrap_err();
        assert!(matches!(error, NodeKeyError::Malformed { .. }), "{error}");
        assert!(error.to_string().contains("secret_ed25519"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), broken);
    }
}

#[test]
fn bootnode_that_stays_away_is_dialled_for_ever_in_growing_pauses() {
    let peer = PeerId::random();
    let start = Instant::now();
    let mut bootnodes = Bootnodes::new(&[address(1, peer)], PeerId::random(), start);
    let mut pauses = Vec::new();
    let mut now = start;
    for failures in 1..=50 {
        now = bootnodes.next_due().unwrap();
        assert_eq!(bootnodes.take_due(now).len(), 1);
        assert_eq!(bootnodes.next_due(), None);
        assert_eq!(bootnodes.failed(&peer, now, NO_JITTER), Some(failures));
        pauses.push(bootnodes.next_due().unwrap() - now);
    }
    assert!(now > start);
    assert_eq!(pauses[..3], [500, 1_000, 2_000].map(Duration::from_millis));
    assert!(pauses.is_sorted());
    assert_eq!(pauses.last(), Some(&Duration::from_secs(10)));
}

#[test]
fn bootnode_that_left_is_dialled_again_soon() {
    let peer = PeerId::random();
    let now = Instant::now();
    let mut bootnodes = Bootnodes::new(&[address(1, peer)], PeerId::random(), now);
    assert_eq!(bootnodes.take_due(now).len(), 1);
    for _ in 0..5 {
        bootnodes.failed(&peer, now, NO_JITTER);
    }
    bootnodes.connected(&peer);
    assert_eq!(bootnodes.next_due(), None);
    bootnodes.disconnected(&peer, now, NO_JITTER);
    assert_eq!(bootnodes.next_due(), Some(now + Duration::from_millis(500)));
}

#[test]
fn failure_of_a_second_dial_does_not_hide_a_connection() {
    let peer = PeerId::random();
    let now = Instant::now();
    let mut bootnodes = Bootnodes::new(&[address(1, peer)], PeerId::random(), now);
    bootnodes.connected(&peer);
    assert_eq!(bootnodes.failed(&peer, now, NO_JITTER), None);
    assert_eq!(bootnodes.next_due(), None);
}

#[test]
fn own_address_and_strangers_are_no_bootnodes() {
    let ours = PeerId::random();
    let nobody: Multiaddr = "/ip4/127.0.0.1/tcp/1".parse().unwrap();
    let mut bootnodes = Bootnodes::new(&[address(1, ours), nobody], ours, Instant::now());
    assert_eq!(bootnodes.next_due(), None);
    assert_eq!(
        bootnodes.failed(&PeerId::random(), Instant::now(), NO_JITTER),
        None
    );
}

#[test]
fn two_addresses_of_one_bootnode_are_one_dial() {
    let peer = PeerId::random();
    let now = Instant::now();
    let addresses = [address(1, peer), address(2, peer)];
    let mut bootnodes = Bootnodes::new(&addresses, PeerId::random(), now);
    assert_eq!(bootnodes.take_due(now).len(), 1);
}

fn plan(key: u8, listen: &str, bootnodes: Vec<Multiaddr>) -> NetworkPlan {
    NetworkPlan {
        key: NodeKey::new([key; 32]),
        listen: vec![listen.parse().unwrap()],
        bootnodes,
        max_incoming: 8,
    }
}

async fn node(plan: NetworkPlan) -> (Node, mpsc::Receiver<NetworkEvent>) {
    let (behaviour, _, events) = net::new(&[1; 32], &SyncSettings::default());
    (Node::start(plan, behaviour, None).await.unwrap(), events)
}

async fn connected(events: &mut mpsc::Receiver<NetworkEvent>) -> Peer {
    let event = tokio::time::timeout(DEADLINE, events.recv()).await;
    match event.unwrap().unwrap() {
        NetworkEvent::Connected(peer) => peer,
        other => panic!("expected a connection: {other:?}"),
    }
}

const LOOPBACK: &str = "/ip4/127.0.0.1/tcp/0";

#[tokio::test]
async fn node_meets_its_bootnode_and_meets_it_again_after_a_restart() {
    let (first, _events) = node(plan(1, LOOPBACK, Vec::new())).await;
    let first_id = Peer::from_bytes(&first.peer_id().to_bytes());
    let at_first = first.addresses().list();
    assert_eq!(at_first.len(), 1);
    let (second, mut seen) = node(plan(2, LOOPBACK, at_first.clone())).await;
    let first = tokio::spawn(first.run());
    let second = tokio::spawn(second.run());
    assert_eq!(connected(&mut seen).await, first_id);

    first.abort();
    let gone = tokio::time::timeout(DEADLINE, seen.recv()).await;
    assert!(matches!(
        gone.unwrap(),
        Some(NetworkEvent::Disconnected(peer)) if peer == first_id
    ));
    let listen: Multiaddr = at_first[0]
        .iter()
        .filter(|part| !matches!(part, Protocol::P2p(_)))
        .collect();
    let (first, _events) = node(plan(1, &listen.to_string(), Vec::new())).await;
    let first = tokio::spawn(first.run());
    assert_eq!(connected(&mut seen).await, first_id);
    first.abort();
    second.abort();
}

#[tokio::test]
async fn port_in_use_is_an_error_that_names_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let (behaviour, _, _events) = net::new(&[1; 32], &SyncSettings::default());
    let listen = format!("/ip4/127.0.0.1/tcp/{port}");
    let error = Node::start(plan(1, &listen, Vec::new()), behaviour, None)
        .await
        .unwrap_err();
    assert!(matches!(error, NetworkStartError::Listen { .. }), "{error}");
    assert!(error.to_string().contains(&port.to_string()), "{error}");
}

#[tokio::test]
async fn port_in_use_is_an_error_also_when_listening_on_everything() {
    let taken = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let (behaviour, _, _events) = net::new(&[1; 32], &SyncSettings::default());
    let mut plan = plan(1, &format!("/ip4/0.0.0.0/tcp/{port}"), Vec::new());
    plan.listen
        .push(format!("/ip6/::/tcp/{port}").parse().unwrap());
    assert!(Node::start(plan, behaviour, None).await.is_err());
}
