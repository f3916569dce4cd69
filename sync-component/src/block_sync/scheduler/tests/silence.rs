//! Requests that nobody answers.

use super::*;

#[test]
fn a_missing_range_is_asked_elsewhere_at_once_and_the_silent_peer_not_for_it_again() {
    let mut scheduler = Scheduler::new(1, 11, bounds());
    meet(&mut scheduler, &[up_to(10), up_to(10), up_to(10)]);
    let mut silent = Vec::new();
    for failures in 1..=3 {
        let asked = poll(&mut scheduler, failures);
        let [ask] = asked.as_slice() else {
            panic!("one request at a time: {asked:?}")
        };
        assert!(!silent.contains(&ask.peer));
        silent.push(ask.peer.clone());
        scheduler.failed(ask.id, Failure::Silent, at(failures));
    }
    let expected = Stuck {
        at: 1,
        attempts: 3,
        peers: 3,
        busy: 0,
    };
    assert_eq!(scheduler.stuck(), Some(expected));
}

#[test]
fn the_only_peer_is_asked_again_for_what_got_lost_and_nothing_else_ends_with_it() {
    let mut scheduler = Scheduler::new(1, 31, bounds());
    meet(&mut scheduler, &[up_to(30)]);
    let asked = poll(&mut scheduler, 0);
    let (lost, others) = asked.split_first().unwrap();
    scheduler.failed(lost.id, Failure::Silent, at(1_000));
    assert!(
        poll(&mut scheduler, 1_000).is_empty(),
        "it is left alone for a while"
    );
    assert_eq!(scheduler.stuck(), None);
    for ask in others {
        deliver(&mut scheduler, ask, 1_100);
    }
    let again = poll(&mut scheduler, 1_500);
    assert_eq!(again[0].span.start, 1);
    // At most half as many: the answer may have been too long for the line.
    assert!(again[0].span.count <= 5, "{again:?}");
}

#[test]
fn whoever_lost_one_answer_is_asked_before_mute_ones() {
    let mut scheduler = Scheduler::new(1, 31, bounds());
    let mute = Standing {
        undelivered: 3,
        ..up_to(30)
    };
    let known = Standing {
        proof: Proof::Delivered,
        ..up_to(30)
    };
    meet(&mut scheduler, &[mute, mute, known]);
    let (mut now, mut is_lost) = (0, false);
    // Whoever is mute costs a time-out of ten seconds for each block that it is asked for.
    let mut waiting: Vec<(u64, Ask)> = Vec::new();
    while !scheduler.is_done() && now < 60_000 {
        for ask in poll(&mut scheduler, now) {
            if ask.peer != peer(3) || !is_lost {
                is_lost |= ask.peer == peer(3);
                waiting.push((now + 10_000, ask));
            } else {
                deliver(&mut scheduler, &ask, now);
            }
        }
        for (_, ask) in waiting.extract_if(.., |(until, _)| *until <= now) {
            scheduler.failed(ask.id, Failure::Silent, at(now));
        }
        import_all(&mut scheduler);
        assert_eq!(scheduler.stuck(), None, "{now} ms");
        now += 100;
    }
    assert!(now <= 22_000, "{now} ms");
}

#[test]
fn requests_shrink_until_an_answer_comes_and_grow_again() {
    let mut scheduler = Scheduler::new(1, 1_001, bounds());
    meet(&mut scheduler, &[up_to(1_000)]);
    let (mut now, mut counts) = (0, Vec::new());
    while counts.len() < 12 {
        for ask in poll(&mut scheduler, now) {
            if ask.span.start > scheduler.head() {
                scheduler.failed(ask.id, Failure::Unsent, at(now));
                continue;
            }
            counts.push(ask.span.count);
            // Two blocks at most come through.
            if ask.span.count > 2 && counts.len() < 7 {
                scheduler.failed(ask.id, Failure::Silent, at(now));
            } else {
                deliver(&mut scheduler, &ask, now);
            }
        }
        import_all(&mut scheduler);
        if scheduler.stuck().is_some() {
            // The next session knows what this one learnt.
            let learnt = scheduler.learnt();
            scheduler = Scheduler::new(scheduler.head(), 1_001, bounds()).knowing(learnt);
            meet(&mut scheduler, &[up_to(1_000)]);
        }
        now += 1_000;
    }
    assert_eq!(counts[..7], [10, 5, 2, 4, 2, 4, 2]);
    assert!(counts[11] >= 8, "{counts:?}");
}

#[test]
fn a_silent_peer_gets_less_to_do_and_a_steady_one_more() {
    let mut scheduler = Scheduler::new(1, 10_001, bounds());
    meet(&mut scheduler, &[up_to(10_000)]);
    let first = poll(&mut scheduler, 0);
    assert_eq!(first.len(), 3);
    for ask in &first {
        deliver(&mut scheduler, ask, 1);
    }
    import_all(&mut scheduler);
    assert_eq!(
        poll(&mut scheduler, 1).len(),
        4,
        "no more than the peer answers at once"
    );

    let mut scheduler = Scheduler::new(1, 10_001, bounds());
    meet(&mut scheduler, &[up_to(10_000)]);
    let first = poll(&mut scheduler, 0);
    scheduler.failed(first[0].id, Failure::Silent, at(1_000));
    for ask in &first[1..] {
        scheduler.failed(ask.id, Failure::Silent, at(1_001));
    }
    assert!(
        poll(&mut scheduler, 1_002).is_empty(),
        "it is left alone for a while"
    );
    meet(&mut scheduler, &[up_to(10_000), up_to(10_000)]);
    let second = poll(&mut scheduler, 1_003);
    assert!(second.iter().all(|ask| ask.peer == peer(2)), "{second:?}");
}

/// The scheduler after one who delivered before lost an answer with all blocks, and two strangers were silent for them, too.
fn attempts_used_up() -> Scheduler {
    let mut scheduler = Scheduler::new(1, 11, bounds());
    let known = Standing {
        proof: Proof::Delivered,
        ..up_to(10)
    };
    meet(&mut scheduler, &[known, up_to(10), up_to(10)]);
    for number in 1..=3 {
        let asked = poll(&mut scheduler, 1);
        let [ask] = asked.as_slice() else {
            panic!("one request at a time: {asked:?}")
        };
        assert_eq!(ask.peer, peer(number));
        scheduler.failed(ask.id, Failure::Silent, at(1));
    }
    scheduler
}

#[test]
fn strangers_that_use_up_the_attempts_do_not_end_what_one_who_delivered_may_bring() {
    let mut scheduler = attempts_used_up();
    assert_eq!(poll(&mut scheduler, 2), [], "it has a pause");
    assert_eq!(scheduler.stuck(), None);
    let mut now = 501;
    while !scheduler.is_done() {
        let asked = poll(&mut scheduler, now);
        assert!(!asked.is_empty(), "{scheduler:#?}");
        for ask in asked {
            assert_eq!(ask.peer, peer(1));
            deliver(&mut scheduler, &ask, now);
        }
        import_all(&mut scheduler);
        now += 1;
    }
}

#[test]
fn one_who_delivered_and_is_silent_again_is_given_up() {
    let mut scheduler = attempts_used_up();
    let (mut now, mut again) = (501, 0);
    let stuck = loop {
        for ask in poll(&mut scheduler, now) {
            again += u32::from(ask.span.start == 1);
            scheduler.failed(ask.id, Failure::Silent, at(now));
        }
        if let Some(stuck) = scheduler.stuck() {
            break stuck;
        }
        now += 500;
        assert!(now < 60_000, "for ever: {scheduler:#?}");
    };
    assert_eq!((stuck.at, stuck.attempts, again), (1, 4, 1));
}

/// Whoever delivers all else and never this block.
#[test]
fn one_block_that_never_comes_is_given_up_however_much_else_comes() {
    let mut scheduler = Scheduler::new(1, 41, bounds());
    let known = Standing {
        proof: Proof::Delivered,
        ..up_to(40)
    };
    meet(&mut scheduler, &[known]);
    let (mut now, mut in_vain) = (0, 0);
    while scheduler.stuck().is_none() {
        assert!(now < 60_000, "for ever: {scheduler:#?}");
        for ask in poll(&mut scheduler, now) {
            if ask.span.start == 1 {
                in_vain += 1;
                scheduler.failed(ask.id, Failure::Silent, at(now));
            } else {
                // Little by little, so that it is never silent twice in a row.
                answer(&mut scheduler, &ask, Worth::Good(1), now);
            }
        }
        now += 500;
    }
    assert!(in_vain <= 6, "asked {in_vain} times");
}
