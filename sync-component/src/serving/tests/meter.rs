use crate::{
    ports::{PeerId, Protocol},
    serving::{Admission, Meter, Ticket},
    settings::SyncSettings,
};

const MIB: usize = 1024 * 1024;

fn peer(n: u8) -> PeerId {
    PeerId::from_bytes(&[n])
}

/// Room for 60 replies of the size that a request reserves.
fn meter() -> Meter {
    let mut settings = SyncSettings::default();
    settings.limits.reply_soft_bytes = MIB;
    settings.limits.serving_bytes = 60 * MIB;
    settings.limits.requests_per_peer = 1_000;
    Meter::new(&settings)
}

fn admit(meter: &mut Meter, peer: &PeerId, protocol: Protocol) -> Option<Ticket> {
    match meter.admit(peer, protocol) {
        Admission::Admitted(ticket) => Some(ticket),
        Admission::Busy { .. } => None,
    }
}

/// Admits for `peer` until it is told to come back.
fn fill(meter: &mut Meter, peer: &PeerId) -> Vec<Ticket> {
    std::iter::from_fn(|| admit(meter, peer, Protocol::Blocks)).collect()
}

#[test]
fn lone_peer_gets_half_of_all() {
    assert_eq!(fill(&mut meter(), &peer(1)).len(), 30);
}

#[test]
fn busy_peers_settle_at_equal_shares() {
    let mut meter = meter();
    let peers: Vec<PeerId> = (1..=5).map(peer).collect();
    let mut held: Vec<Vec<Ticket>> = peers.iter().map(|peer| fill(&mut meter, peer)).collect();
    // Replies leave in turns, and each time everybody asks for more, whoever comes first.
    for turn in 0..500 {
        if let Some(ticket) = held[turn % 5].pop() {
            meter.release(ticket);
        }
        for asker in (turn..turn + 5).map(|n| n % 5) {
            held[asker].extend(admit(&mut meter, &peers[asker], Protocol::Blocks));
        }
    }
    let shares: Vec<usize> = held.iter().map(Vec::len).collect();
    let (least, most) = (shares.iter().min().unwrap(), shares.iter().max().unwrap());
    assert!(*least >= 9 && most - least <= 1, "{shares:?}");
}

#[test]
fn total_stays_within_the_cap_however_many_ask() {
    let mut meter = meter();
    let held: Vec<Vec<Ticket>> = (0..=255).map(|n| fill(&mut meter, &peer(n))).collect();
    assert!(meter.bytes_under_way() <= 60 * MIB);
    assert!(!held.is_empty());
}

#[test]
fn light_requests_pass_when_heavy_ones_do_not() {
    let mut meter = meter();
    let _held = fill(&mut meter, &peer(1));
    assert!(admit(&mut meter, &peer(1), Protocol::Headers).is_none());
    assert!(admit(&mut meter, &peer(1), Protocol::Status).is_some());
    assert!(admit(&mut meter, &peer(1), Protocol::Announce).is_some());
}

#[test]
fn small_reply_gives_back_what_was_reserved() {
    let mut meter = meter();
    let mut held = fill(&mut meter, &peer(1));
    assert!(admit(&mut meter, &peer(1), Protocol::Blocks).is_none());
    for ticket in &mut held {
        meter.settle(ticket, 10);
    }
    assert_eq!(meter.bytes_under_way(), 300);
    assert!(admit(&mut meter, &peer(1), Protocol::Blocks).is_some());
}

#[test]
fn requests_at_once_are_bounded_per_peer_and_protocol() {
    let mut settings = SyncSettings::default();
    settings.limits.requests_per_peer = 2;
    let mut meter = Meter::new(&settings);
    let held: Vec<Ticket> =
        std::iter::from_fn(|| admit(&mut meter, &peer(1), Protocol::Status)).collect();
    assert_eq!(held.len(), 4);
    assert!(admit(&mut meter, &peer(1), Protocol::Blocks).is_some());
    assert!(admit(&mut meter, &peer(2), Protocol::Status).is_some());
}

#[test]
fn released_tickets_leave_no_trace() {
    let mut meter = meter();
    for n in 0..50 {
        for ticket in fill(&mut meter, &peer(n)) {
            meter.release(ticket);
        }
    }
    assert_eq!(meter.bytes_under_way(), 0);
    assert_eq!(fill(&mut meter, &peer(1)).len(), 30);
}
