#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::paces::{Paces, Place};
use crate::ports::{MonoTime, PeerId};
use std::{cell::RefCell, collections::BTreeMap, time::Duration};

fn at(millis: u64) -> MonoTime {
    MonoTime(Duration::from_millis(millis))
}

/// Sources that give so many entries in so many milliseconds each time they are asked.
struct Race {
    paces: RefCell<Paces>,
    sources: Vec<(PeerId, u64, u64)>,
}

impl Race {
    fn new(sources: &[(&str, u64, u64)]) -> Self {
        let named = |(name, entries, millis): &(&str, u64, u64)| {
            (PeerId::from_bytes(name.as_bytes()), *entries, *millis)
        };
        Self {
            paces: RefCell::default(),
            sources: sources.iter().map(named).collect(),
        }
    }

    /// Asks until so many entries are there; how long that takes, and of that each source.
    fn run(&self, entries: u64) -> (u64, BTreeMap<PeerId, u64>) {
        let (mut now, mut got, mut shares) = (0, 0, BTreeMap::new());
        while got < entries {
            let mut paces = self.paces.borrow_mut();
            let sources = self.sources.iter().enumerate();
            let next = sources
                .min_by_key(|(at_place, (peer, ..))| (paces.place(peer, at(now)), *at_place));
            let (_, (peer, gives, takes)) = next.unwrap();
            now += takes;
            got += gives;
            *shares.entry(peer.clone()).or_default() += takes;
            paces.note(peer, *gives, Duration::from_millis(*takes), at(now));
        }
        (now, shares)
    }
}

#[test]
fn whoever_was_never_asked_is_tried_and_then_the_fastest_is_asked() {
    let mut paces = Paces::default();
    let (a, b) = (PeerId::from_bytes(b"A"), PeerId::from_bytes(b"B"));
    let never = Place::Untried { asked: None };
    assert_eq!(paces.place(&a, at(0)), never);
    paces.note(&a, 100, Duration::from_secs(1), at(1_000));
    assert_eq!(paces.place(&a, at(1_000)), Place::Takes(10_000_000));
    assert_eq!(paces.place(&b, at(1_000)), never);
    paces.note(&b, 50, Duration::from_secs(1), at(2_000));
    assert!(paces.place(&a, at(2_000)) < paces.place(&b, at(2_000)));
    // After a while nobody knows any more.
    let asked = Some(at(1_000));
    assert_eq!(paces.place(&a, at(9_000)), Place::Untried { asked });
    assert!(never < Place::Untried { asked });
}

/// Small pieces at once, small pieces late, nothing but pauses, and silence.
#[test]
fn slow_sources_of_every_kind_cost_little_of_the_time() {
    for slow in [(1, 9_900), (0, 10_000), (1, 20), (3_000, 9_900)] {
        let (entries, millis) = slow;
        let race = Race::new(&[("slow", entries, millis), ("honest", 3_000, 100)]);
        let (took, shares) = race.run(10_000_000);
        let wasted = shares[&PeerId::from_bytes(b"slow")];
        assert!(wasted * 5 < took, "{slow:?}: {wasted} of {took} ms");
    }
}

#[test]
fn many_slow_sources_cost_a_part_that_shrinks() {
    let names = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];
    let mut sources: Vec<_> = names.iter().map(|name| (*name, 1, 9_900)).collect();
    sources.push(("honest", 3_000, 100));
    let wasted = |entries| {
        let (took, shares) = Race::new(&sources).run(entries);
        let honest = shares[&PeerId::from_bytes(b"honest")];
        (took - honest) * 100 / took
    };
    let (early, late) = (wasted(10_000_000), wasted(500_000_000));
    assert!(late < early && late < 10, "{early} % and {late} %");
}

#[test]
fn source_that_was_silent_once_is_tried_again_and_found_to_be_fast() {
    let mut paces = Paces::default();
    let (trickles, honest) = (PeerId::from_bytes(b"A"), PeerId::from_bytes(b"B"));
    let long = Duration::from_secs(10);
    paces.note(&honest, 0, long, at(10_000));
    paces.note(&trickles, 1, long, at(20_000));
    assert!(paces.place(&trickles, at(20_000)) < paces.place(&honest, at(20_000)));
    let asked = Some(at(10_000));
    assert_eq!(paces.place(&honest, at(90_000)), Place::Untried { asked });
    paces.note(&honest, 3_000, Duration::from_millis(100), at(90_100));
    assert!(paces.place(&honest, at(90_100)) < paces.place(&trickles, at(90_100)));
}
