//! The second request for the lowest missing blocks.

use super::*;

#[test]
fn a_late_head_is_asked_of_a_second_peer_and_the_quicker_answer_counts() {
    let mut scheduler = Scheduler::new(1, 11, bounds());
    meet(&mut scheduler, &[up_to(10), up_to(10)]);
    let first = poll(&mut scheduler, 0).remove(0);
    assert!(poll(&mut scheduler, 999).is_empty());
    assert_eq!(scheduler.wake_at(at(999)), Some(at(1_000)));
    let hedge = poll(&mut scheduler, 1_000).remove(0);
    assert_eq!(hedge.span, first.span);
    assert_ne!(hedge.peer, first.peer);
    assert!(
        poll(&mut scheduler, 5_000).is_empty(),
        "a third one is too many"
    );
    assert_eq!(deliver(&mut scheduler, &hedge, 5_001), Some(first.id));
    assert_eq!(scheduler.suppliers.doubts(&first.peer), 1);
    assert_eq!(import_all(&mut scheduler), 11);
    assert!(scheduler.is_done());
    // What comes of the other after all is nobody's.
    answer(&mut scheduler, &first, Worth::Good(10), 5_002);
    scheduler.failed(first.id, Failure::Silent, at(5_002));
    assert!(scheduler.is_done());
}

#[test]
fn when_one_of_two_requests_for_the_head_fails_the_other_goes_on() {
    let mut scheduler = Scheduler::new(1, 11, bounds());
    meet(&mut scheduler, &[up_to(10), up_to(10)]);
    let first = poll(&mut scheduler, 0).remove(0);
    let hedge = poll(&mut scheduler, 1_000).remove(0);
    scheduler.failed(first.id, Failure::Silent, at(1_100));
    assert_eq!(scheduler.stuck(), None);
    assert!(poll(&mut scheduler, 1_100).is_empty());
    deliver(&mut scheduler, &hedge, 1_200);
    assert_eq!(import_all(&mut scheduler), 11);
}

#[test]
fn usual_times_decide_when_an_answer_is_late_after_twenty_of_them() {
    let mut scheduler = Scheduler::new(1, 1_001, bounds());
    meet(&mut scheduler, &[up_to(1_000); 3]);
    let mut now = 0;
    let mut answers = 0;
    while answers < 20 {
        for ask in poll(&mut scheduler, now) {
            answers += 1;
            deliver(&mut scheduler, &ask, now + 10);
        }
        now += 10;
        import_all(&mut scheduler);
    }
    let asked = poll(&mut scheduler, now);
    let head = asked.first().unwrap();
    assert_eq!(head.span.start, scheduler.head());
    assert_eq!(scheduler.wake_at(at(now)), Some(at(now + 10)));
    let hedged = poll(&mut scheduler, now + 10);
    assert!(
        hedged
            .iter()
            .any(|ask| ask.span == head.span && ask.peer != head.peer)
    );
}

#[test]
fn an_answer_that_is_worth_nothing_ends_no_request_of_another_peer() {
    for worth in [
        Worth::Busy(MILLI),
        Worth::NotFound,
        Worth::Useless,
        Worth::Good(0),
    ] {
        let mut scheduler = Scheduler::new(1, 11, bounds());
        meet(&mut scheduler, &[up_to(10), up_to(10)]);
        let first = poll(&mut scheduler, 0).remove(0);
        let hedge = poll(&mut scheduler, 1_000).remove(0);
        assert_eq!(answer(&mut scheduler, &hedge, worth, 1_001), None);
        assert_eq!(scheduler.stuck(), None);
        assert_eq!(scheduler.suppliers.doubts(&first.peer), 0);
        deliver(&mut scheduler, &first, 1_002);
        assert_eq!(import_all(&mut scheduler), 11, "{worth:?}");
    }
}

#[test]
fn whoever_is_asked_second_and_overtaken_is_blamed_for_nothing() {
    let mut scheduler = Scheduler::new(1, 11, bounds());
    meet(&mut scheduler, &[up_to(10), up_to(10)]);
    let first = poll(&mut scheduler, 0).remove(0);
    let hedge = poll(&mut scheduler, 1_000).remove(0);
    // Half of it, just before the other would have sent all.
    let overtaken = answer(&mut scheduler, &first, Worth::Good(5), 1_001);
    assert_eq!(overtaken, Some(hedge.id));
    assert_eq!(scheduler.suppliers.doubts(&hedge.peer), 0);
    for now in 1_002..1_020 {
        for rest in poll(&mut scheduler, now) {
            assert_eq!(rest.peer, hedge.peer);
            deliver(&mut scheduler, &rest, now);
        }
    }
    assert_eq!(import_all(&mut scheduler), 11);
}

#[test]
fn a_short_answer_ends_no_request_for_all_of_it() {
    let mut scheduler = Scheduler::new(1, 11, bounds());
    meet(&mut scheduler, &[up_to(10), up_to(10)]);
    let first = poll(&mut scheduler, 0).remove(0);
    let hedge = poll(&mut scheduler, 1_000).remove(0);
    assert_eq!(answer(&mut scheduler, &hedge, Worth::Good(1), 1_001), None);
    assert_eq!(scheduler.suppliers.doubts(&first.peer), 0);
    deliver(&mut scheduler, &first, 1_500);
    assert_eq!(import_all(&mut scheduler), 11);
}

#[test]
fn whoever_sends_little_is_asked_again_if_nobody_sends_more() {
    let mut scheduler = Scheduler::new(1, 11, bounds());
    meet(&mut scheduler, &[up_to(10), up_to(10)]);
    let silent = poll(&mut scheduler, 0).remove(0);
    let hedge = poll(&mut scheduler, 1_000).remove(0);
    answer(&mut scheduler, &hedge, Worth::Good(4), 1_001);
    scheduler.failed(silent.id, Failure::Silent, at(1_100));
    let mut now = 1_100;
    while !scheduler.is_done() {
        for ask in poll(&mut scheduler, now) {
            if ask.peer == hedge.peer {
                let count = ask.span.count.min(4);
                answer(&mut scheduler, &ask, Worth::Good(count), now);
            } else {
                scheduler.failed(ask.id, Failure::Silent, at(now));
            }
        }
        assert_eq!(scheduler.stuck(), None);
        import_all(&mut scheduler);
        now += 10;
        assert!(now < 10_000, "{scheduler:#?}");
    }
}

#[test]
fn quick_answers_that_are_short_do_not_make_full_ones_late() {
    let mut scheduler = Scheduler::new(1, 1_001, bounds());
    meet(&mut scheduler, &[up_to(1_000); 3]);
    for now in 0..40 {
        for ask in poll(&mut scheduler, now) {
            if ask.span.count > 2 {
                answer(&mut scheduler, &ask, Worth::Good(1), now);
            }
        }
        import_all(&mut scheduler);
    }
    assert_eq!(scheduler.pace.late_after(), Duration::from_secs(1));
}

#[test]
fn of_two_answers_that_are_read_at_once_one_counts() {
    let mut scheduler = Scheduler::new(1, 11, bounds());
    meet(&mut scheduler, &[up_to(10), up_to(10)]);
    let first = poll(&mut scheduler, 0).remove(0);
    let hedge = poll(&mut scheduler, 1_000).remove(0);
    scheduler.arrived(first.id, 200, at(1_001));
    scheduler.arrived(hedge.id, 200, at(1_001));
    let one = scheduler.checked(hedge.id, Worth::Good(10), 200, at(1_002));
    let other = scheduler.checked(first.id, Worth::Good(10), 200, at(1_003));
    assert_eq!((one.goods, other.goods), (Goods::Wanted, Goods::Unwanted));
    assert_eq!(import_all(&mut scheduler), 11);
    assert!(scheduler.is_done());
}

#[test]
fn of_two_answers_that_are_read_at_once_the_full_one_counts() {
    let mut scheduler = Scheduler::new(1, 11, bounds());
    meet(&mut scheduler, &[up_to(10), up_to(10)]);
    let first = poll(&mut scheduler, 0).remove(0);
    let hedge = poll(&mut scheduler, 1_000).remove(0);
    scheduler.arrived(first.id, 200, at(1_001));
    scheduler.arrived(hedge.id, 20, at(1_001));
    let short = scheduler.checked(hedge.id, Worth::Good(1), 20, at(1_002));
    let full = scheduler.checked(first.id, Worth::Good(10), 200, at(1_003));
    assert_eq!((short.goods, full.goods), (Goods::Unwanted, Goods::Wanted));
    assert_eq!(poll(&mut scheduler, 1_004), []);
    assert_eq!(import_all(&mut scheduler), 11);
}

#[test]
fn the_head_is_asked_of_a_slower_peer_in_one_piece() {
    let mut settings = SyncSettings::default();
    settings.limits.blocks_per_request = 256;
    let mut scheduler = Scheduler::new(1, 10_001, Bounds::of(&settings));
    let slow = Standing {
        best: 400,
        ..up_to(400)
    };
    meet(&mut scheduler, &[up_to(10_000), slow]);
    // The first delivers 16 blocks in a millisecond, the second in a second.
    for ask in poll(&mut scheduler, 0) {
        let took = if ask.peer == peer(1) { 1 } else { 1_000 };
        deliver(&mut scheduler, &ask, took);
    }
    import_all(&mut scheduler);
    let asked = poll(&mut scheduler, 1_000);
    let head = asked.iter().min_by_key(|ask| ask.span).unwrap();
    assert_eq!((&head.peer, head.span.count), (&peer(1), 256));
    for ask in asked.iter().filter(|ask| ask.peer == peer(2)) {
        scheduler.failed(ask.id, Failure::Unsent, at(1_001));
    }
    let hedge = poll(&mut scheduler, 3_000);
    assert!(
        hedge
            .iter()
            .any(|ask| ask.span == head.span && ask.peer == peer(2)),
        "{hedge:?}"
    );
}

#[test]
fn a_few_slow_answers_do_not_decide_what_is_late() {
    let mut pace = Pace::default();
    for _ in 0..60 {
        pace.answered_after(10 * MILLI);
    }
    for _ in 0..4 {
        pace.answered_after(9_000 * MILLI);
    }
    assert_eq!(pace.late_after(), Duration::from_secs(1));
}
