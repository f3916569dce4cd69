#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod property;
mod second;
mod silence;

use super::{
    Ask, Bounds, Failure, FlightId, Goods, Pace, Room, Scheduler, Span, Standing, Stuck, Worth,
};
use crate::{
    SyncSettings,
    peers::Proof,
    ports::{MonoTime, PeerId},
};
use proptest::prelude::*;
use std::{collections::BTreeMap, time::Duration};

const MILLI: Duration = Duration::from_millis(1);

fn bounds() -> Bounds {
    let mut settings = SyncSettings::default();
    settings.limits.blocks_per_request = 10;
    settings.limits.requests_in_flight = 8;
    settings.limits.window_blocks = 40;
    Bounds::of(&settings)
}

fn peer(number: u8) -> PeerId {
    PeerId::from_bytes(&[number; 32])
}

fn at(millis: u64) -> MonoTime {
    MonoTime(Duration::from_millis(millis))
}

/// A peer that has everything up to `best` and showed it.
fn up_to(best: u64) -> Standing {
    Standing {
        best,
        lowest: 0,
        shown: Some(best),
        latency: Some(5 * MILLI),
        proof: Proof::None,
        undelivered: 0,
        most_requests: 4,
    }
}

/// Peers 1, 2, … with these standings.
fn meet(scheduler: &mut Scheduler, standings: &[Standing]) {
    let peers = (1..)
        .zip(standings)
        .map(|(number, standing)| (peer(number), *standing));
    scheduler.suppliers(peers);
}

fn poll(scheduler: &mut Scheduler, now: u64) -> Vec<Ask> {
    scheduler.poll(at(now))
}

/// All of it arrived and is good.
fn deliver(scheduler: &mut Scheduler, ask: &Ask, now: u64) -> Option<FlightId> {
    answer(scheduler, ask, Worth::Good(ask.span.count), now)
}

/// An answer of this worth arrived.
fn answer(scheduler: &mut Scheduler, ask: &Ask, worth: Worth, now: u64) -> Option<FlightId> {
    scheduler.arrived(ask.id, 200, at(now));
    scheduler.checked(ask.id, worth, 200, at(now)).overtaken
}

fn import_all(scheduler: &mut Scheduler) -> u64 {
    let most = Room {
        blocks: u64::MAX,
        bytes: usize::MAX,
    };
    while let Some(span) = scheduler.importable(most) {
        scheduler.importing(span);
        scheduler.imported(span.count, MILLI);
    }
    scheduler.head()
}

#[test]
fn the_lowest_blocks_are_asked_for_first_and_of_all_peers() {
    let mut scheduler = Scheduler::new(1, 101, bounds());
    meet(&mut scheduler, &[up_to(100), up_to(100)]);
    let asked = poll(&mut scheduler, 0);
    let starts: Vec<_> = asked.iter().map(|ask| ask.span.start).collect();
    assert_eq!(starts, [1, 11, 21, 31, 41, 51]);
    assert!(asked.iter().any(|ask| ask.peer == peer(1)));
    assert!(asked.iter().any(|ask| ask.peer == peer(2)));
}

#[test]
fn a_peer_is_not_asked_for_what_it_does_not_claim() {
    let mut scheduler = Scheduler::new(1, 101, bounds());
    let pruned = Standing {
        lowest: 30,
        ..up_to(100)
    };
    meet(&mut scheduler, &[up_to(14), pruned]);
    let mut now = 0;
    while !scheduler.is_done() {
        for ask in poll(&mut scheduler, now) {
            let Span { start, count } = ask.span;
            if ask.peer == peer(1) {
                assert!(start + count <= 15, "{ask:?}");
            } else {
                assert!(start >= 30, "{ask:?}");
            }
            deliver(&mut scheduler, &ask, now);
        }
        now += 1;
        if import_all(&mut scheduler) == 15 {
            break;
        }
    }
    // Nobody has 15 to 29.
    let stuck = scheduler.stuck().unwrap();
    assert_eq!((stuck.at, stuck.attempts, stuck.peers), (15, 0, 0));
}

#[test]
fn who_delivered_before_is_asked_for_the_lowest_blocks_before_a_quicker_stranger() {
    let mut scheduler = Scheduler::new(1, 11, bounds());
    let known = Standing {
        latency: Some(100 * MILLI),
        proof: Proof::Delivered,
        ..up_to(10)
    };
    meet(&mut scheduler, &[up_to(10), known, up_to(10)]);
    let first = poll(&mut scheduler, 0).remove(0);
    assert_eq!(first.peer, peer(2));
    // Once it is late, a stranger is better than nobody.
    assert_eq!(poll(&mut scheduler, 1_000).len(), 1);
}

#[test]
fn one_lost_answer_puts_no_stranger_before_who_delivered() {
    let mut scheduler = Scheduler::new(1, 11, bounds());
    let known = Standing {
        proof: Proof::Delivered,
        undelivered: 1,
        ..up_to(10)
    };
    meet(&mut scheduler, &[up_to(10), known, up_to(10)]);
    assert_eq!(poll(&mut scheduler, 0).remove(0).peer, peer(2));
}

#[test]
fn not_found_is_no_failure_and_the_next_peer_is_asked() {
    let mut scheduler = Scheduler::new(1, 11, bounds());
    meet(&mut scheduler, &[up_to(10), up_to(10)]);
    let first = poll(&mut scheduler, 0).remove(0);
    answer(&mut scheduler, &first, Worth::NotFound, 1);
    let second = poll(&mut scheduler, 1).remove(0);
    assert_ne!(first.peer, second.peer);
    assert_eq!(second.span, first.span);
    answer(&mut scheduler, &second, Worth::NotFound, 2);
    let stuck = scheduler.stuck().unwrap();
    assert_eq!((stuck.attempts, stuck.peers, stuck.busy), (0, 2, 0));
}

#[test]
fn a_busy_peer_is_left_alone_for_as_long_as_it_says_and_then_asked_again() {
    let mut scheduler = Scheduler::new(1, 11, bounds());
    meet(&mut scheduler, &[up_to(10)]);
    let first = poll(&mut scheduler, 0).remove(0);
    answer(&mut scheduler, &first, Worth::Busy(200 * MILLI), 1);
    assert_eq!(scheduler.stuck(), None, "it may deliver yet");
    assert!(poll(&mut scheduler, 100).is_empty());
    assert_eq!(scheduler.wake_at(at(100)), Some(at(201)));
    assert_eq!(poll(&mut scheduler, 201).len(), 1);
}

#[test]
fn a_short_answer_leaves_the_rest_to_be_asked_for() {
    let mut scheduler = Scheduler::new(1, 11, bounds());
    meet(&mut scheduler, &[up_to(10)]);
    let first = poll(&mut scheduler, 0).remove(0);
    answer(&mut scheduler, &first, Worth::Good(4), 1);
    let rest = poll(&mut scheduler, 1).remove(0);
    assert_eq!(rest.span, Span { start: 5, count: 6 });
}

#[test]
fn blocks_below_a_wrong_one_are_kept_and_its_sender_is_not_asked_for_it_again() {
    let mut scheduler = Scheduler::new(1, 11, bounds());
    meet(&mut scheduler, &[up_to(10), up_to(10)]);
    let first = poll(&mut scheduler, 0).remove(0);
    answer(&mut scheduler, &first, Worth::ThenWrong(3), 1);
    assert_eq!(import_all(&mut scheduler), 4);
    let second = poll(&mut scheduler, 1).remove(0);
    assert_eq!(second.span, Span { start: 4, count: 7 });
    assert_ne!(second.peer, first.peer);
}

#[test]
fn who_is_asked_second_loses_nothing_if_the_first_one_answers_after_all() {
    let mut scheduler = Scheduler::new(1, 1_001, bounds());
    meet(&mut scheduler, &[up_to(1_000)]);
    let first = poll(&mut scheduler, 0);
    meet(&mut scheduler, &[up_to(1_000); 2]);
    let second = poll(&mut scheduler, 1_000);
    let hedge = second.iter().find(|ask| ask.span == first[0].span);
    let hedge = hedge.unwrap();
    assert_eq!(hedge.peer, peer(2));
    let before = scheduler.suppliers.doubts(&peer(2));
    assert_eq!(deliver(&mut scheduler, &first[0], 1_001), Some(hedge.id));
    assert_eq!(scheduler.suppliers.doubts(&peer(2)), before);
}

#[test]
fn a_peer_that_is_overtaken_again_and_again_gets_nothing_for_a_while() {
    let mut scheduler = Scheduler::new(1, 100_001, bounds());
    let steady = Standing {
        proof: Proof::Delivered,
        ..up_to(100_000)
    };
    meet(&mut scheduler, &[steady, up_to(100_000)]);
    let (mut now, mut in_vain) = (0, Vec::new());
    let mut under_way = Vec::new();
    // The second peer never answers.
    while now < 4_000 {
        for ask in poll(&mut scheduler, now) {
            if ask.peer == peer(1) {
                under_way.push(ask);
            } else {
                in_vain.push(now);
            }
        }
        now += 10;
        for ask in std::mem::take(&mut under_way) {
            deliver(&mut scheduler, &ask, now);
        }
        import_all(&mut scheduler);
    }
    assert!(scheduler.head() > 5_000, "{}", scheduler.head());
    // Three at the beginning, and then one after pauses of half a second, one, two.
    assert!(in_vain.len() <= 6, "{in_vain:?}");
}

#[test]
fn over_a_long_way_each_answer_lets_the_next_request_grow() {
    let mut settings = SyncSettings::default();
    settings.limits.requests_in_flight = 1;
    let mut scheduler = Scheduler::new(1, 10_001, Bounds::of(&settings));
    let distant = Standing {
        latency: Some(100 * MILLI),
        ..up_to(10_000)
    };
    meet(&mut scheduler, &[distant]);
    let mut counts = Vec::new();
    for round in 0..3 {
        let ask = poll(&mut scheduler, round * 100).remove(0);
        counts.push(ask.span.count);
        deliver(&mut scheduler, &ask, (round + 1) * 100);
    }
    // The third is as large as any may be.
    assert_eq!(counts, [128, 512, 512]);
}

#[test]
fn the_first_request_is_the_larger_the_longer_the_way_is() {
    for (latency, first) in [
        (None, 16),
        (Some(Duration::ZERO), 16),
        (Some(20 * MILLI), 16),
        (Some(40 * MILLI), 48),
        (Some(100 * MILLI), 128),
        (Some(10_000 * MILLI), 128),
    ] {
        let mut scheduler = Scheduler::new(1, 1_001, Bounds::of(&SyncSettings::default()));
        let stranger = Standing {
            latency,
            ..up_to(1_000)
        };
        meet(&mut scheduler, &[stranger]);
        let asked = poll(&mut scheduler, 0);
        assert!(asked.iter().all(|ask| ask.span.count == first), "{asked:?}");
    }
}

#[test]
fn the_first_import_is_a_small_one_and_the_next_as_large_as_its_time_allows() {
    let mut scheduler = Scheduler::new(1, 10_001, Bounds::of(&SyncSettings::default()));
    assert_eq!(scheduler.batch().blocks, 64);
    scheduler.imported(64, MILLI);
    assert_eq!(scheduler.batch().blocks, 512);
    let mut slow = Scheduler::new(1, 10_001, Bounds::of(&SyncSettings::default()));
    slow.imported(64, 64 * MILLI);
    assert_eq!(slow.batch().blocks, 100);
}

#[test]
fn large_blocks_are_asked_for_in_small_numbers() {
    let mut settings = SyncSettings::default();
    settings.limits.window_bytes = 64 << 20;
    let mut scheduler = Scheduler::new(1, 1_001, Bounds::of(&settings));
    meet(&mut scheduler, &[up_to(1_000)]);
    let asked = poll(&mut scheduler, 0);
    for ask in &asked {
        // Two megabytes, one block.
        scheduler.arrived(ask.id, 2 << 20, at(100));
        scheduler.checked(ask.id, Worth::Good(1), 2 << 20, at(100));
    }
    let next = poll(&mut scheduler, 100);
    assert!(next.iter().all(|ask| ask.span.count == 1), "{next:?}");
}

#[test]
fn what_an_earlier_session_had_is_not_asked_for_again() {
    let mut scheduler = Scheduler::new(1, 31, bounds());
    scheduler.have(Span { start: 6, count: 5 }, 1_000);
    scheduler.have(
        Span {
            start: 21,
            count: 3,
        },
        1_000,
    );
    meet(&mut scheduler, &[up_to(30), up_to(30)]);
    let mut spans: Vec<_> = poll(&mut scheduler, 0)
        .into_iter()
        .map(|ask| ask.span)
        .collect();
    spans.sort();
    let expected = [(1, 5), (11, 10), (24, 7)].map(|(start, count)| Span { start, count });
    assert_eq!(spans, expected);
}

#[test]
fn a_branch_is_not_imported_before_all_of_it_is_there() {
    let mut scheduler = Scheduler::new(1, 21, bounds()).with_first_import_of(15);
    meet(&mut scheduler, &[up_to(20)]);
    let asked = poll(&mut scheduler, 0);
    let most = Room {
        blocks: 1,
        bytes: 1,
    };
    deliver(&mut scheduler, &asked[0], 1);
    assert_eq!(scheduler.importable(most), None);
    deliver(&mut scheduler, &asked[1], 2);
    let all = Span {
        start: 1,
        count: 20,
    };
    assert_eq!(scheduler.importable(most), Some(all));
}

#[test]
fn a_branch_larger_than_the_window_comes_in_whole() {
    let mut bounds = bounds();
    bounds.window = Room {
        blocks: 10,
        bytes: 500,
    };
    bounds.flights = 1;
    let mut scheduler = Scheduler::new(1, 61, bounds).with_first_import_of(60);
    meet(&mut scheduler, &[up_to(60)]);
    for now in 0..60 {
        for ask in poll(&mut scheduler, now) {
            deliver(&mut scheduler, &ask, now);
        }
    }
    assert_eq!(import_all(&mut scheduler), 61);
}

#[test]
fn gaps_are_not_filled_beyond_the_bytes_of_the_window() {
    let mut bounds = bounds();
    bounds.window.bytes = 10_000;
    let mut scheduler = Scheduler::new(1, 41, bounds);
    meet(&mut scheduler, &[up_to(40), up_to(40)]);
    let asked = poll(&mut scheduler, 0);
    let (head, above) = asked.split_first().unwrap();
    assert!(above.len() > 2);
    // Each answer holds one block instead of ten, as large as the window.
    for ask in above {
        scheduler.arrived(ask.id, 10_000, at(1));
        scheduler.checked(ask.id, Worth::Good(1), 10_000, at(1));
    }
    assert_eq!(poll(&mut scheduler, 2), []);
    // The head is always wanted.
    scheduler.failed(head.id, Failure::Silent, at(3));
    let again = poll(&mut scheduler, 3);
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].span.start, 1);
}

#[test]
fn what_waits_for_a_slow_import_is_no_more_than_the_window() {
    let mut bounds = bounds();
    bounds.window = Room {
        blocks: 400,
        bytes: 10_000,
    };
    let mut scheduler = Scheduler::new(1, 401, bounds);
    meet(&mut scheduler, &[up_to(400), up_to(400)]);
    let mut asked = poll(&mut scheduler, 0);
    let mut now = 0;
    while !asked.is_empty() {
        now += 1;
        assert!(now < 50, "{scheduler:#?}");
        for ask in std::mem::take(&mut asked) {
            let bytes = usize::try_from(ask.span.count).unwrap() * 500;
            scheduler.arrived(ask.id, bytes, at(now));
            scheduler.checked(ask.id, Worth::Good(ask.span.count), bytes, at(now));
        }
        asked = poll(&mut scheduler, now);
    }
    // What was under way before anybody knew how large blocks are comes on top.
    assert!(
        scheduler.waiting().bytes <= 30_000,
        "{:?}",
        scheduler.waiting()
    );
}

#[test]
fn three_that_refuse_do_not_end_what_a_slower_one_is_about_to_deliver() {
    let mut scheduler = Scheduler::new(1, 301, Bounds::of(&SyncSettings::default()));
    let quick = Standing {
        latency: Some(MILLI),
        ..up_to(300)
    };
    let slow = Standing {
        latency: Some(50 * MILLI),
        ..up_to(300)
    };
    meet(&mut scheduler, &[quick, quick, quick, slow]);
    let mut under_way = poll(&mut scheduler, 0);
    let mut now = 0;
    while !scheduler.is_done() {
        now += 1;
        assert!(now < 60_000, "{scheduler:#?}");
        let (slow, quick): (Vec<_>, Vec<_>) =
            under_way.into_iter().partition(|ask| ask.peer == peer(4));
        for ask in quick {
            answer(&mut scheduler, &ask, Worth::Useless, now);
        }
        under_way = slow;
        if now % 50 == 0 {
            for ask in under_way.drain(..) {
                deliver(&mut scheduler, &ask, now);
            }
        }
        under_way.extend(poll(&mut scheduler, now));
        assert_eq!(scheduler.stuck(), None);
        import_all(&mut scheduler);
    }
}

#[test]
fn a_peer_that_is_busy_again_and_again_counts_as_not_having_it() {
    let mut scheduler = Scheduler::new(1, 11, bounds());
    meet(&mut scheduler, &[up_to(10)]);
    let mut now = 0;
    while scheduler.stuck().is_none() {
        for ask in poll(&mut scheduler, now) {
            answer(&mut scheduler, &ask, Worth::Busy(MILLI), now);
        }
        now += 50;
        assert!(now <= 2_000, "for ever");
    }
    let stuck = scheduler.stuck().unwrap();
    assert_eq!((stuck.attempts, stuck.peers, stuck.busy), (0, 1, 1));
    assert!(now > 500, "a busy peer is given time");
}
