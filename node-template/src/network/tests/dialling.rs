use super::{
    super::{
        DialLimits, KnownNodes,
        candidate::{Jitter, Kind},
        dialling::{Dialling, Presence},
        slots::{Company, Room},
    },
    address, limits,
};
use libp2p::{Multiaddr, PeerId};
use std::time::Duration;
use tokio::time::Instant;

const NO_JITTER: Jitter = Jitter(0.0);

/// Nobody is connected, and there are slots enough.
const EMPTY: Room = Room {
    free: 8,
    company: Company::Alone,
};

/// Somebody is connected, and no slot is left.
const FULL: Room = Room {
    free: 0,
    company: Company::InTouch,
};

fn dialling(known: &KnownNodes, now: Instant) -> Dialling {
    Dialling::new(known, PeerId::random(), limits(), now)
}

fn bootnodes(addresses: &[Multiaddr]) -> KnownNodes {
    KnownNodes {
        bootnodes: addresses.to_vec(),
        ..KnownNodes::default()
    }
}

fn peers_of(dialling: &mut Dialling, now: Instant, room: Room) -> Vec<PeerId> {
    let dials = dialling.take_due(now, room);
    dials.into_iter().map(|dial| dial.peer).collect()
}

#[test]
fn bootnode_that_stays_away_is_dialled_for_ever_in_growing_pauses() {
    let peer = PeerId::random();
    let mut now = Instant::now();
    let mut dialling = dialling(&bootnodes(&[address(1, peer)]), now);
    let mut pauses = Vec::new();
    for failures in 1..=50 {
        now = dialling.next_due(EMPTY).unwrap();
        assert_eq!(peers_of(&mut dialling, now, EMPTY), [peer]);
        assert_eq!(dialling.next_due(EMPTY), None);
        let failed = dialling.failed(&peer, Company::InTouch, now, NO_JITTER);
        assert_eq!(
            failed.map(|failure| (failure.kind, failure.failures)),
            Some((Kind::Bootnode, failures))
        );
        pauses.push(dialling.next_due(EMPTY).unwrap() - now);
    }
    assert_eq!(pauses[..3], [500, 1_000, 2_000].map(Duration::from_millis));
    assert!(pauses.is_sorted());
    assert_eq!(pauses.last(), Some(&Duration::from_secs(30)));
}

#[test]
fn pauses_and_their_jitter_are_those_of_the_settings() {
    let limits = DialLimits {
        backoff_first: Duration::from_secs(10),
        backoff_max: Duration::from_secs(10),
        backoff_jitter: 0.5,
        ..limits()
    };
    for (jitter, seconds) in [(-1.0, 5), (0.0, 10), (1.0, 15), (9.0, 15)] {
        let (peer, now) = (PeerId::random(), Instant::now());
        let known = bootnodes(&[address(1, peer)]);
        let mut dialling = Dialling::new(&known, PeerId::random(), limits, now);
        dialling.take_due(now, EMPTY);
        dialling.failed(&peer, Company::Alone, now, Jitter(jitter));
        let due = dialling.next_due(EMPTY).unwrap();
        assert_eq!(due - now, Duration::from_secs(seconds));
    }
}

#[test]
fn bootnode_that_left_after_a_while_is_dialled_again_soon() {
    let (peer, start) = (PeerId::random(), Instant::now());
    let mut dialling = dialling(&bootnodes(&[address(1, peer)]), start);
    let mut now = start;
    for _ in 0..5 {
        now = dialling.next_due(EMPTY).unwrap();
        dialling.take_due(now, EMPTY);
        dialling.failed(&peer, Company::Alone, now, NO_JITTER);
    }
    dialling.connected(&peer, None, now);
    assert_eq!(dialling.next_due(EMPTY), None);
    now += Duration::from_mins(1);
    dialling.disconnected(&peer, now, NO_JITTER);
    let due = dialling.next_due(EMPTY).unwrap();
    assert_eq!(due - now, Duration::from_millis(500));
}

#[test]
fn peer_that_throws_us_out_at_once_is_dialled_in_growing_pauses() {
    let (peer, start) = (PeerId::random(), Instant::now());
    let mut dialling = dialling(&bootnodes(&[address(1, peer)]), start);
    let mut pauses = Vec::new();
    for _ in 0..20 {
        let now = dialling.next_due(EMPTY).unwrap();
        dialling.take_due(now, EMPTY);
        dialling.connected(&peer, None, now);
        dialling.disconnected(&peer, now, NO_JITTER);
        pauses.push(dialling.next_due(EMPTY).unwrap() - now);
    }
    assert!(pauses.is_sorted());
    assert_eq!(pauses.last(), Some(&Duration::from_secs(30)));
}

#[test]
fn failure_of_a_second_dial_does_not_hide_a_connection() {
    let (peer, now) = (PeerId::random(), Instant::now());
    let mut dialling = dialling(&bootnodes(&[address(1, peer)]), now);
    dialling.connected(&peer, None, now);
    assert_eq!(
        dialling.failed(&peer, Company::InTouch, now, NO_JITTER),
        None
    );
    assert_eq!(dialling.next_due(EMPTY), None);
}

#[test]
fn own_address_and_addresses_of_nobody_are_not_dialled() {
    let (ours, now) = (PeerId::random(), Instant::now());
    let nobody: Multiaddr = "/ip4/127.0.0.1/tcp/1".parse().unwrap();
    let known = KnownNodes {
        reserved: vec![nobody.clone(), address(1, ours)],
        bootnodes: vec![address(1, ours), nobody.clone()],
        remembered: vec![nobody, address(1, ours)],
    };
    let mut dialling = Dialling::new(&known, ours, limits(), now);
    dialling.learn(ours, vec![address(2, ours)], Presence::Away, now);
    assert_eq!(dialling.next_due(EMPTY), None);
    let stranger = PeerId::random();
    assert_eq!(
        dialling.failed(&stranger, Company::Alone, now, NO_JITTER),
        None
    );
}

#[test]
fn two_addresses_of_one_node_are_one_dial_that_begins_with_the_one_that_worked() {
    let (peer, now) = (PeerId::random(), Instant::now());
    let [first, second] = [address(1, peer), address(2, peer)];
    let mut dialling = dialling(&bootnodes(&[first.clone(), second.clone()]), now);
    let dials = dialling.take_due(now, EMPTY);
    assert_eq!(dials.len(), 1);
    assert_eq!(dials[0].addresses, [first.clone(), second.clone()]);
    // libp2p says where without the peer's id.
    let at: Multiaddr = "/ip4/127.0.0.1/tcp/2".parse().unwrap();
    dialling.connected(&peer, Some(&at), now);
    dialling.disconnected(&peer, now, NO_JITTER);
    let later = now + Duration::from_mins(1);
    assert_eq!(
        dialling.take_due(later, EMPTY)[0].addresses,
        [second, first]
    );
}

#[test]
fn slots_hold_back_whom_nobody_declared() {
    let now = Instant::now();
    let [reserved, bootnode, remembered, found] = [(); 4].map(|()| PeerId::random());
    let known = KnownNodes {
        reserved: vec![address(1, reserved)],
        bootnodes: vec![address(2, bootnode)],
        remembered: vec![address(3, remembered)],
    };
    let mut dialling = dialling(&known, now);
    dialling.learn(found, vec![address(4, found)], Presence::Away, now);
    let due = peers_of(&mut dialling, now, FULL);
    assert_eq!(
        due,
        [reserved, bootnode],
        "a bootnode is tried at the start in any case"
    );
    assert_eq!(dialling.under_way(), 1, "the reserved one takes no slot");
    assert_eq!(dialling.next_due(FULL), None);
    let one = Room { free: 1, ..FULL };
    assert_eq!(peers_of(&mut dialling, now, one), [remembered]);
    assert_eq!(peers_of(&mut dialling, now, one), [found]);
}

#[test]
fn bootnode_that_was_met_waits_for_a_slot_while_others_are_there() {
    let (peer, start) = (PeerId::random(), Instant::now());
    let mut dialling = dialling(&bootnodes(&[address(1, peer)]), start);
    assert_eq!(peers_of(&mut dialling, start, FULL), [peer]);
    dialling.connected(&peer, None, start);
    let now = start + Duration::from_mins(1);
    dialling.disconnected(&peer, now, NO_JITTER);
    assert_eq!(dialling.next_due(FULL), None);
    let lonely = Room {
        company: Company::Alone,
        ..FULL
    };
    assert!(dialling.next_due(lonely).is_some());
    assert!(dialling.next_due(Room { free: 1, ..FULL }).is_some());
}

#[test]
fn most_consistent_of_the_remembered_is_dialled_first() {
    let now = Instant::now();
    let peers = [(); 5].map(|()| PeerId::random());
    let known = KnownNodes {
        remembered: peers.map(|peer| address(1, peer)).to_vec(),
        ..KnownNodes::default()
    };
    let mut dialling = dialling(&known, now);
    let room = Room { free: 3, ..EMPTY };
    assert_eq!(peers_of(&mut dialling, now, room), peers[..3]);
}

#[test]
fn peer_that_nobody_declared_is_given_up_in_the_end_but_not_while_alone() {
    let [found, remembered] = [(); 2].map(|()| PeerId::random());
    let mut now = Instant::now();
    let known = KnownNodes {
        remembered: vec![address(1, remembered)],
        ..KnownNodes::default()
    };
    let mut dialling = dialling(&known, now);
    dialling.learn(found, vec![address(2, found)], Presence::Away, now);
    for _ in 0..40 {
        now += Duration::from_mins(1);
        assert_eq!(dialling.take_due(now, EMPTY).len(), 2);
        for peer in [found, remembered] {
            dialling.failed(&peer, Company::Alone, now, NO_JITTER);
        }
    }
    now += Duration::from_mins(1);
    dialling.take_due(now, EMPTY);
    for peer in [found, remembered] {
        dialling.failed(&peer, Company::InTouch, now, NO_JITTER);
    }
    assert_eq!(dialling.next_due(EMPTY), None);
}

#[test]
fn peer_of_another_chain_is_left_alone_for_a_good_while() {
    let (found, bootnode) = (PeerId::random(), PeerId::random());
    let now = Instant::now();
    let mut dialling = dialling(&bootnodes(&[address(1, bootnode)]), now);
    dialling.learn(found, vec![address(2, found)], Presence::Away, now);
    dialling.take_due(now, EMPTY);
    for (peer, kind) in [(found, Kind::Found), (bootnode, Kind::Bootnode)] {
        dialling.connected(&peer, None, now);
        assert_eq!(dialling.is_foreign(peer, now), kind);
        dialling.disconnected(&peer, now, NO_JITTER);
    }
    dialling.learn(found, vec![address(2, found)], Presence::Away, now);
    let soon = now + Duration::from_mins(9);
    assert!(dialling.take_due(soon, EMPTY).is_empty());
    let later = now + Duration::from_mins(11);
    dialling.learn(found, vec![address(2, found)], Presence::Away, later);
    assert_eq!(dialling.take_due(later, EMPTY).len(), 2);
}

#[test]
fn peers_that_others_tell_of_and_their_addresses_are_bounded() {
    let now = Instant::now();
    let limits = DialLimits {
        found_peers: 3,
        addresses_per_peer: 2,
        ..limits()
    };
    let bootnode = PeerId::random();
    let known = bootnodes(&[address(1, bootnode)]);
    let mut dialling = Dialling::new(&known, PeerId::random(), limits, now);
    let peers = [(); 10].map(|()| PeerId::random());
    for peer in peers {
        let addresses = (1..=9).map(|port| address(port, peer)).collect();
        dialling.learn(peer, addresses, Presence::Away, now);
    }
    let room = Room { free: 99, ..EMPTY };
    let dials = dialling.take_due(now, room);
    let dialled: Vec<_> = dials.iter().map(|dial| dial.peer).collect();
    assert_eq!(dialled, [bootnode, peers[0], peers[1], peers[2]]);
    assert!(dials[1..].iter().all(|dial| dial.addresses.len() == 2));

    // One that was seen to fail makes place for one that was not tried yet.
    dialling.failed(&peers[1], Company::InTouch, now, NO_JITTER);
    dialling.learn(peers[5], vec![address(1, peers[5])], Presence::Away, now);
    assert_eq!(peers_of(&mut dialling, now, room), [peers[5]]);

    for (seconds, peer) in (0..).zip(peers) {
        dialling.is_foreign(peer, now + Duration::from_secs(seconds));
    }
    // The first of those of another chain made place, too.
    dialling.learn(peers[0], vec![address(1, peers[0])], Presence::Away, now);
    assert_eq!(peers_of(&mut dialling, now, room), [peers[0]]);
    dialling.learn(peers[9], vec![address(1, peers[9])], Presence::Away, now);
    assert!(dialling.take_due(now, room).is_empty());
}

#[test]
fn invented_peers_do_not_keep_out_one_that_is_there() {
    let now = Instant::now();
    let limits = DialLimits {
        found_peers: 3,
        ..limits()
    };
    let mut dialling = Dialling::new(&KnownNodes::default(), PeerId::random(), limits, now);
    for _ in 0..9 {
        let invented = PeerId::random();
        dialling.learn(invented, vec![address(1, invented)], Presence::Away, now);
    }
    let real = PeerId::random();
    dialling.learn(real, vec![address(2, real)], Presence::Connected, now);
    dialling.disconnected(&real, now, NO_JITTER);
    let later = now + Duration::from_mins(1);
    let due = peers_of(&mut dialling, later, EMPTY);
    assert!(due.len() == 3 && due.contains(&real), "{due:?}");
}

#[test]
fn lies_about_a_peer_do_not_push_out_the_address_that_worked() {
    let (peer, now) = (PeerId::random(), Instant::now());
    let mut dialling = dialling(&KnownNodes::default(), now);
    dialling.learn(peer, vec![address(1, peer)], Presence::Away, now);
    dialling.take_due(now, EMPTY);
    dialling.connected(&peer, Some(&address(1, peer)), now);
    dialling.disconnected(&peer, now, NO_JITTER);
    for port in 2..100 {
        dialling.learn(peer, vec![address(port, peer)], Presence::Away, now);
    }
    let later = now + Duration::from_mins(1);
    let addresses = &dialling.take_due(later, EMPTY)[0].addresses;
    assert_eq!(addresses[0], address(1, peer));
    assert_eq!(addresses.len(), limits().addresses_per_peer);
}

#[test]
fn what_the_operator_declared_of_a_node_stays() {
    let (peer, now) = (PeerId::random(), Instant::now());
    let mut dialling = dialling(&bootnodes(&[address(1, peer)]), now);
    dialling.learn(peer, vec![address(2, peer)], Presence::Away, now);
    assert_eq!(
        dialling.take_due(now, EMPTY)[0].addresses,
        [address(1, peer)]
    );
}

#[test]
fn peer_that_dialled_us_is_dialled_once_it_has_left() {
    let (peer, now) = (PeerId::random(), Instant::now());
    let mut dialling = dialling(&KnownNodes::default(), now);
    dialling.learn(peer, vec![address(1, peer)], Presence::Connected, now);
    assert_eq!(dialling.next_due(EMPTY), None);
    let later = now + Duration::from_mins(1);
    dialling.disconnected(&peer, later, NO_JITTER);
    assert_eq!(
        dialling.next_due(EMPTY),
        Some(later + Duration::from_millis(500))
    );
}
