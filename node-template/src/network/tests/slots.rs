use super::super::{
    Admission, SlotCount,
    reach::Reach,
    slots::{Company, Direction, Link, Room, Slots, TurnedAway},
};
use libp2p::PeerId;

fn link(direction: Direction) -> Link {
    Link {
        direction,
        reach: Reach::Machine,
        ip: None,
    }
}

fn slots(inbound: usize, outbound: usize, reserved: &[PeerId]) -> Slots {
    let counts = SlotCount { inbound, outbound };
    Slots::new(
        Admission::Everyone(counts),
        reserved.iter().copied().collect(),
    )
}

#[test]
fn full_node_turns_strangers_away_and_lets_reserved_nodes_in() {
    let [first, second, reserved] = [(); 3].map(|()| PeerId::random());
    let mut slots = slots(1, 0, &[reserved]);
    assert_eq!(slots.admit(&first), Ok(()));
    slots.connected(first, link(Direction::Inbound));
    assert_eq!(slots.admit(&second), Err(TurnedAway::Full { most: 1 }));
    assert_eq!(slots.admit(&first), Ok(()), "a second connection");
    assert_eq!(slots.admit(&reserved), Ok(()));
    slots.connected(reserved, link(Direction::Inbound));
    slots.disconnected(&first);
    assert_eq!(slots.admit(&second), Ok(()), "the reserved one took none");
}

#[test]
fn peer_that_we_dialled_takes_no_slot_of_those_who_dial_us() {
    let [ours, theirs] = [(); 2].map(|()| PeerId::random());
    let mut slots = slots(1, 2, &[]);
    slots.connected(ours, link(Direction::Outbound));
    assert_eq!(slots.admit(&theirs), Ok(()));
    assert_eq!(slots.room(0).free, 1);
    assert_eq!(slots.room(1).free, 0, "a dial under way counts");
    assert_eq!(slots.room(9).free, 0);
}

#[test]
fn only_reserved_nodes_come_in_when_it_is_said_so() {
    let [stranger, reserved] = [(); 2].map(|()| PeerId::random());
    let slots = Slots::new(Admission::ReservedOnly, [reserved].into());
    assert_eq!(slots.admit(&stranger), Err(TurnedAway::NotReserved));
    assert_eq!(slots.admit(&reserved), Ok(()));
    let nothing = Room {
        free: 0,
        company: Company::Alone,
    };
    assert_eq!(slots.room(0), nothing);
}

#[test]
fn farthest_peer_decides_how_far_addresses_must_lead() {
    let [near, far] = [(); 2].map(|()| PeerId::random());
    let mut slots = slots(2, 2, &[]);
    assert_eq!(slots.widest(), None);
    slots.connected(near, link(Direction::Inbound));
    assert_eq!(slots.widest(), Some(Reach::Machine));
    let public = Link {
        direction: Direction::Outbound,
        reach: Reach::World,
        ip: None,
    };
    slots.connected(far, public);
    assert_eq!(slots.widest(), Some(Reach::World));
    assert_eq!(slots.link(&far), Some(public));
}
