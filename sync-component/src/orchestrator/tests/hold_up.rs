use super::super::{hold_up::HoldUp, missing::Moment};
use crate::ports::MonoTime;
use std::time::Duration;

const SLOT: Duration = Duration::from_secs(6);

/// Of four authorities.
const ROUND: Duration = Duration::from_secs(24);

fn at(millis: u64, imported: u64) -> Moment {
    Moment {
        at: MonoTime(Duration::from_millis(millis)),
        imported_for: Duration::from_millis(imported),
    }
}

/// The first slot in which it is too long, of these in which it is asked twice, `imports` percent of them imports.
fn over_in(slots: impl Iterator<Item = u64>, imports: u64) -> Option<u64> {
    let mut hold_up = HoldUp::default();
    let mut slots = slots.flat_map(|slot| [slot * 6_000, slot * 6_000 + 3_000]);
    slots
        .find(|now| hold_up.is_too_long(ROUND, SLOT, at(*now, now / 100 * imports)))
        .map(|now| now / 6_000)
}

#[test]
fn chain_that_holds_us_up_all_the_time_does_so_for_four_rounds() {
    // And what is forgiven meanwhile.
    assert_eq!(over_in(0..100, 0), Some(17));
}

#[test]
fn imports_do_not_count() {
    assert_eq!(over_in(0..1_000, 50), Some(36));
    assert_eq!(over_in(0..1_000, 100), None);
}

#[test]
fn waiting_for_the_next_turn_counts() {
    assert_eq!(over_in((0..100).step_by(4), 0), Some(20));
}

#[test]
fn short_times_far_apart_are_forgiven() {
    assert_eq!(over_in((0..10_000).step_by(10), 0), None);
}

#[test]
fn it_is_said_once_in_a_slot() {
    let mut hold_up = HoldUp::default();
    let over = (0..200).filter(|n| hold_up.is_too_long(ROUND, SLOT, at(n * 600, 0)));
    assert_eq!(over.count(), 3);
}

#[test]
fn fault_of_our_own_does_not_count() {
    let mut hold_up = HoldUp::default();
    for slot in 0..1_000 {
        assert!(!hold_up.is_too_long(ROUND, SLOT, at(slot * 6_000, 0)));
        hold_up.excuse(at(slot * 6_000 + 5_999, 0));
    }
}
