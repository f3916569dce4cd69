use crate::{ports::PeerId, serving::Turns};

fn peer(name: &str) -> PeerId {
    PeerId::from_bytes(name.as_bytes())
}

#[test]
fn no_more_work_is_under_way_than_allowed_and_none_is_lost() {
    let mut turns = Turns::new(2);
    assert_eq!(turns.offer(&peer("A"), 1), Some(1));
    assert_eq!(turns.offer(&peer("A"), 2), Some(2));
    assert_eq!(turns.offer(&peer("A"), 3), None);
    assert_eq!(turns.offer(&peer("B"), 4), None);
    assert_eq!(turns.ended(), Some(3));
    assert_eq!(turns.ended(), Some(4));
    assert_eq!(turns.ended(), None);
    assert_eq!(turns.offer(&peer("B"), 5), Some(5));
    assert_eq!(turns.offer(&peer("B"), 6), None, "one and this one");
    assert_eq!(turns.ended(), Some(6));
}

#[test]
fn peer_that_asks_for_much_delays_the_others_by_one_piece_of_work() {
    let mut turns = Turns::new(1);
    assert_eq!(turns.offer(&peer("greedy"), 0), Some(0));
    for work in 1..30 {
        assert_eq!(turns.offer(&peer("greedy"), work), None);
    }
    assert_eq!(turns.offer(&peer("modest"), 100), None);
    assert_eq!(turns.offer(&peer("other"), 200), None);
    let order: Vec<_> = std::iter::from_fn(|| turns.ended()).collect();
    assert_eq!(order[..4], [1, 100, 200, 2]);
    assert_eq!(order.len(), 31);
}

#[test]
fn none_at_once_would_be_a_standstill_and_means_one() {
    let mut turns = Turns::new(0);
    assert_eq!(turns.offer(&peer("A"), 1), Some(1));
    assert_eq!(turns.offer(&peer("A"), 2), None);
}
