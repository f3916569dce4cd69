//! Real swarms on loopback.

use super::super::{
    Admission, KnownNodes, LocalDiscovery, NetworkPlan, NetworkStartError, Node, SlotCount,
    ToldAddresses,
};
use super::limits;
use crate::service::NodeKey;
use libp2p::{Multiaddr, multiaddr::Protocol};
use std::{collections::BTreeSet, time::Duration};
use sync_component::{
    SyncSettings,
    net::{self, NetHandle},
    ports::{Network, NetworkEvent, PeerId as Peer},
};
use tokio::{sync::mpsc, task::JoinHandle};

/// Only a failing test waits for it.
const DEADLINE: Duration = Duration::from_mins(1);

const LOOPBACK: &str = "/ip4/127.0.0.1/tcp/0";

const OURS: [u8; 32] = [1; 32];

fn plan(key: u8, listen: &str, bootnodes: Vec<Multiaddr>) -> NetworkPlan {
    NetworkPlan {
        key: NodeKey::new([key; 32]),
        listen: vec![listen.parse().unwrap()],
        public: Vec::new(),
        known: KnownNodes {
            bootnodes,
            ..KnownNodes::default()
        },
        admission: Admission::Everyone(SlotCount::DEFAULT),
        local: LocalDiscovery::Off,
        told: ToldAddresses::All,
        limits: limits(),
    }
}

/// A swarm that runs, and what its sync component is told.
struct Member {
    id: Peer,
    addresses: Vec<Multiaddr>,
    network: NetHandle,
    events: mpsc::Receiver<NetworkEvent>,
    connected: BTreeSet<Peer>,
    task: JoinHandle<()>,
}

impl Member {
    async fn start(plan: NetworkPlan) -> Self {
        Self::on_chain(plan, &OURS).await
    }

    async fn on_chain(plan: NetworkPlan, genesis: &[u8]) -> Self {
        let (behaviour, network, events) = net::new(genesis, &SyncSettings::default());
        let node = Node::start(plan, genesis, behaviour, None).await.unwrap();
        Self::running(node, network, events)
    }

    fn running(node: Node, network: NetHandle, events: mpsc::Receiver<NetworkEvent>) -> Self {
        Self {
            id: Peer::from_bytes(&node.peer_id().to_bytes()),
            addresses: node.addresses().list(),
            network,
            events,
            connected: BTreeSet::new(),
            task: tokio::spawn(node.run()),
        }
    }

    async fn event(&mut self) {
        let event = tokio::time::timeout(DEADLINE, self.events.recv()).await;
        match event.unwrap().unwrap() {
            NetworkEvent::Connected(peer) => assert!(self.connected.insert(peer)),
            NetworkEvent::Disconnected(peer) => assert!(self.connected.remove(&peer)),
            NetworkEvent::Request { .. } => panic!("nobody asks"),
        }
    }

    async fn meets(&mut self, peers: &[&Peer]) {
        let wanted: BTreeSet<Peer> = peers.iter().map(|peer| (*peer).clone()).collect();
        while self.connected != wanted {
            self.event().await;
        }
    }

    async fn meets_also(&mut self, peer: &Peer) {
        while !self.connected.contains(peer) {
            self.event().await;
        }
    }

    async fn loses(&mut self, peer: &Peer) {
        while self.connected.contains(peer) {
            self.event().await;
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test]
async fn node_meets_its_bootnode_and_meets_it_again_after_a_restart() {
    let first = Member::start(plan(1, LOOPBACK, Vec::new())).await;
    let (id, at_first) = (first.id.clone(), first.addresses.clone());
    assert_eq!(at_first.len(), 1);
    let mut second = Member::start(plan(2, LOOPBACK, at_first.clone())).await;
    second.meets(&[&id]).await;
    drop(first);
    second.loses(&id).await;
    let listen: Multiaddr = at_first[0]
        .iter()
        .filter(|part| !matches!(part, Protocol::P2p(_)))
        .collect();
    let _first = Member::start(plan(1, &listen.to_string(), Vec::new())).await;
    second.meets(&[&id]).await;
}

#[tokio::test]
async fn nodes_that_know_one_bootnode_meet_all_others() {
    let first = Member::start(plan(1, LOOPBACK, Vec::new())).await;
    let mut members = vec![first];
    for key in 2..=5 {
        let bootnode = members[0].addresses.clone();
        members.push(Member::start(plan(key, LOOPBACK, bootnode)).await);
    }
    let ids: Vec<Peer> = members.iter().map(|member| member.id.clone()).collect();
    for member in &mut members {
        let others: Vec<&Peer> = ids.iter().filter(|id| **id != member.id).collect();
        member.meets(&others).await;
    }
}

#[tokio::test]
async fn nodes_of_two_chains_part_and_find_nobody_through_each_other() {
    let theirs = [2; 32];
    let mut other = Member::on_chain(plan(1, LOOPBACK, Vec::new()), &theirs).await;
    let at_other = other.addresses.clone();
    let mut hidden = Member::on_chain(plan(2, LOOPBACK, at_other.clone()), &theirs).await;
    hidden.meets(&[&other.id]).await;
    let friend = Member::start(plan(3, LOOPBACK, Vec::new())).await;
    let bootnodes = [at_other, friend.addresses.clone()].concat();
    let mut ours = Member::start(plan(4, LOOPBACK, bootnodes)).await;
    other.meets_also(&ours.id).await;
    other.loses(&ours.id).await;
    ours.meets(&[&friend.id]).await;
    assert_eq!(hidden.connected, BTreeSet::from([other.id.clone()]));
}

#[tokio::test]
async fn full_node_turns_the_second_stranger_away_and_takes_the_reserved_one() {
    let reserved_at: Multiaddr = "/ip4/127.0.0.1/tcp/1".parse().unwrap();
    let reserved_key = NodeKey::new([9; 32]);
    let identity = libp2p::identity::Keypair::ed25519_from_bytes(*reserved_key.secret()).unwrap();
    let reserved_at = reserved_at.with(Protocol::P2p(identity.public().to_peer_id()));
    let mut full = Member::start(NetworkPlan {
        known: KnownNodes {
            reserved: vec![reserved_at],
            ..KnownNodes::default()
        },
        admission: Admission::Everyone(SlotCount {
            inbound: 1,
            outbound: 0,
        }),
        ..plan(1, LOOPBACK, Vec::new())
    })
    .await;
    let at_full = full.addresses.clone();
    let mut first = Member::start(plan(2, LOOPBACK, at_full.clone())).await;
    first.meets(&[&full.id]).await;
    full.meets(&[&first.id]).await;

    let mut second = Member::start(plan(3, LOOPBACK, at_full.clone())).await;
    second.meets_also(&full.id).await;
    second.loses(&full.id).await;
    let mut reserved = Member::start(plan(9, LOOPBACK, at_full)).await;
    reserved.meets_also(&full.id).await;
    full.meets(&[&first.id, &reserved.id]).await;
}

#[tokio::test]
async fn node_for_reserved_ones_only_lets_in_and_dials_nobody_else() {
    let friend = Member::start(plan(1, LOOPBACK, Vec::new())).await;
    let stranger = Member::start(plan(2, LOOPBACK, friend.addresses.clone())).await;
    let mut closed = Member::start(NetworkPlan {
        known: KnownNodes {
            reserved: friend.addresses.clone(),
            bootnodes: stranger.addresses.clone(),
            remembered: stranger.addresses.clone(),
        },
        admission: Admission::ReservedOnly,
        ..plan(3, LOOPBACK, Vec::new())
    })
    .await;
    closed.meets(&[&friend.id]).await;
    let mut knocking = Member::start(plan(4, LOOPBACK, closed.addresses.clone())).await;
    knocking.meets_also(&closed.id).await;
    knocking.loses(&closed.id).await;
    assert_eq!(closed.connected, BTreeSet::from([friend.id.clone()]));
    assert!(closed.events.is_empty(), "nobody else came or was dialled");
}

#[tokio::test]
async fn banned_peer_is_not_dialled_when_others_tell_of_it() {
    let first = Member::start(plan(1, LOOPBACK, Vec::new())).await;
    let mut banned = Member::start(plan(2, LOOPBACK, first.addresses.clone())).await;
    banned.meets(&[&first.id]).await;
    let plan = plan(3, LOOPBACK, first.addresses.clone());
    let (behaviour, network, events) = net::new(&OURS, &SyncSettings::default());
    network.refuse(&banned.id);
    let node = Node::start(plan, &OURS, behaviour, None).await.unwrap();
    let mut strict = Member::running(node, network, events);
    strict.meets(&[&first.id]).await;
    // It finds us, and is refused.
    banned.meets_also(&strict.id).await;
    banned.loses(&strict.id).await;
    assert!(strict.events.is_empty());
    strict.network.allow(&banned.id);
    strict.meets(&[&first.id, &banned.id]).await;
}

#[tokio::test]
async fn port_in_use_is_an_error_that_names_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let (behaviour, _, _events) = net::new(&OURS, &SyncSettings::default());
    let listen = format!("/ip4/127.0.0.1/tcp/{port}");
    let error = Node::start(plan(1, &listen, Vec::new()), &OURS, behaviour, None)
        .await
        .unwrap_err();
    assert!(matches!(error, NetworkStartError::Listen { .. }), "{error}");
    assert!(error.to_string().contains(&port.to_string()), "{error}");
}

#[tokio::test]
async fn port_in_use_is_an_error_also_when_listening_on_everything() {
    let taken = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let (behaviour, _, _events) = net::new(&OURS, &SyncSettings::default());
    let mut plan = plan(1, &format!("/ip4/0.0.0.0/tcp/{port}"), Vec::new());
    plan.listen
        .push(format!("/ip6/::/tcp/{port}").parse().unwrap());
    assert!(Node::start(plan, &OURS, behaviour, None).await.is_err());
}
