use super::super::{hold_up::HoldUp, missing::Moment};
use crate::ports::MonoTime;
use std::time::Duration;

const SLOT: Duration = Duration::from_secs(6);

fn at(millis: u64, imported: u64) -> Moment {
    Moment {
        at: MonoTime(Duration::from_millis(millis)),
        imported_for: Duration::from_millis(imported),
    }
}

/// The slot in which 16 slots are too long, of these in which it is asked twice.
fn over_in(slots: impl Iterator<Item = u64>, imports: u64) -> Option<u64> {
    let mut hold_up = HoldUp::default();
    let mut slots = slots.flat_map(|slot| [slot * 6_000, slot * 6_000 + 3_000]);
    slots
        .find(|now| hold_up.is_too_long(16, SLOT, at(*now, now / 100 * imports)))
        .map(|now| now / 6_000)
}

#[test]
fn chain_that_holds_us_up_all_the_time_is_over_after_its_slots_and_what_is_forgiven() {
    assert_eq!(over_in(0..100, 0), Some(17));
}

#[test]
fn imports_do_not_count() {
    assert_eq!(over_in(0..1_000, 50), Some(37));
    assert_eq!(over_in(0..1_000, 100), None);
}

#[test]
fn short_times_far_apart_are_forgiven() {
    assert_eq!(over_in((0..10_000).step_by(10), 0), None);
}

#[test]
fn after_too_long_a_time_it_begins_anew() {
    let mut hold_up = HoldUp::default();
    let over = (0..2_000).filter(|n| hold_up.is_too_long(16, SLOT, at(n * 600, 0)));
    assert_eq!(over.count(), 11);
}
