//! Peers of every manner, in any order.

use super::*;

/// What a peer of the property does with a request.
#[derive(Clone, Copy, Debug)]
enum Manner {
    Delivers,
    Shortens,
    IsSilent,
    Lacks,
    IsBusy,
    Lies,
}

fn manner() -> impl Strategy<Value = Manner> {
    prop_oneof![
        4 => Just(Manner::Delivers),
        2 => Just(Manner::Shortens),
        1 => Just(Manner::IsSilent),
        1 => Just(Manner::Lacks),
        1 => Just(Manner::IsBusy),
        1 => Just(Manner::Lies),
    ]
}

/// Every block is in exactly one place, only the head is under way twice, and no more is held than the bounds allow.
fn check_books(scheduler: &Scheduler, bounds: &Bounds) {
    let mut places: BTreeMap<u64, usize> = BTreeMap::new();
    let mut put = |start: u64, count: u64| {
        for height in start..start + count {
            *places.entry(height).or_insert(0) += 1;
        }
    };
    put(scheduler.frontier, scheduler.end - scheduler.frontier);
    for (start, gap) in scheduler.gaps.iter() {
        put(start, gap.count);
    }
    for (start, piece) in &scheduler.pieces {
        put(*start, piece.count);
    }
    let mut twins = 0;
    for (id, flight) in &scheduler.flights {
        match flight.twin {
            Some(twin) if twin < *id => {
                let first = &scheduler.flights[&twin];
                assert_eq!(
                    (first.gap.start, first.gap.count),
                    (flight.gap.start, flight.gap.count)
                );
                assert_ne!(first.peer, flight.peer);
                twins += 1;
            }
            _ => put(flight.gap.start, flight.gap.count),
        }
    }
    assert!(twins <= bounds.flights);
    let wanted: Vec<_> = (scheduler.head..scheduler.end)
        .map(|height| (height, 1))
        .collect();
    assert_eq!(places.into_iter().collect::<Vec<_>>(), wanted);
    assert!(scheduler.under_way().count() <= bounds.flights + twins);
    let held = scheduler.waiting().blocks;
    let most = bounds.window.blocks + bounds.per_request * (bounds.flights as u64 + 1);
    assert!(held <= most, "{held} blocks are held, {most} may be");
}

proptest! {
    #[test]
    fn no_block_is_lost_or_owned_twice_and_one_honest_peer_is_enough(
        blocks in 1_u64..300,
        manners in prop::collection::vec(manner(), 0..5),
        choices in prop::collection::vec(any::<prop::sample::Index>(), 64),
        extended in 0_u64..100,
        stands in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 5),
    ) {
        let bounds = bounds();
        let mut scheduler = Scheduler::new(1, blocks + 1, bounds.clone());
        let end = blocks + extended;
        // One honest peer has all of it, the others what each says.
        let mut standings: Vec<_> = manners
            .iter()
            .zip(&stands)
            .map(|(_, (best, lowest))| {
                let best = best.index(usize::try_from(end).unwrap() + 1) as u64;
                let lowest = lowest.index(usize::try_from(best).unwrap() + 1) as u64;
                Standing { lowest, ..up_to(best) }
            })
            .collect();
        standings.push(up_to(end));
        let (mut under_way, mut now, mut step) = (Vec::<Ask>::new(), 0_u64, 0_usize);
        while !scheduler.is_done() {
            step += 1;
            prop_assert!(step < 20_000, "it does not end: {scheduler:#?}");
            meet(&mut scheduler, &standings);
            under_way.extend(poll(&mut scheduler, now));
            // While blocks are under way, more of the chain becomes known.
            scheduler.extend(end + 1);
            check_books(&scheduler, &bounds);
            prop_assert_eq!(scheduler.stuck(), None);
            now += 7;
            let most = Room { blocks: 16, bytes: usize::MAX };
            if let Some(span) = scheduler.importable(most) {
                scheduler.importing(span);
                scheduler.imported(span.count, MILLI);
            }
            if under_way.is_empty() {
                continue;
            }
            let ask = under_way.remove(choices[step % choices.len()].index(under_way.len()));
            let (_, asked) = (1..).zip(&standings).find(|(number, _)| peer(*number) == ask.peer).unwrap();
            prop_assert!(asked.lowest <= ask.span.start && ask.span.end() <= asked.best + 1, "{ask:?}, {asked:?}");
            let manner = (1..).zip(&manners).find(|(number, _)| peer(*number) == ask.peer);
            let manner = manner.map_or(Manner::Delivers, |(_, manner)| *manner);
            let worth = match manner {
                Manner::Delivers => Worth::Good(ask.span.count),
                Manner::Shortens => Worth::Good(ask.span.count.div_ceil(2)),
                Manner::Lacks => Worth::NotFound,
                Manner::IsBusy => Worth::Busy(20 * MILLI),
                Manner::Lies => Worth::ThenWrong(ask.span.count / 3),
                Manner::IsSilent => {
                    now += 1_000;
                    scheduler.failed(ask.id, Failure::Silent, at(now));
                    continue;
                }
            };
            scheduler.arrived(ask.id, 100, at(now));
            check_books(&scheduler, &bounds);
            if let Some(overtaken) = scheduler.checked(ask.id, worth, 100, at(now)).overtaken {
                under_way.retain(|ask| ask.id != overtaken);
            }
            check_books(&scheduler, &bounds);
        }
        prop_assert_eq!(scheduler.head(), end + 1);
    }
}
