#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::claimants::{Claimant, Claimants, Lagging};
use crate::{
    BlockId,
    ports::{MonoTime, PeerId},
    test_kit::SmallBlock,
};
use sp_core::H256;
use std::{collections::BTreeSet, time::Duration};

const LONGEST: Duration = Duration::from_secs(12);
const MS: Duration = Duration::from_millis(1);
const NOW: MonoTime = MonoTime(Duration::from_secs(100));

fn peer(n: u8) -> PeerId {
    PeerId::from_bytes(&[n])
}

fn set(peers: &[u8]) -> BTreeSet<PeerId> {
    peers.iter().map(|n| peer(*n)).collect()
}

/// The first and all, of peers 1 to 4, of which the last claims another tip; peer 2 is the quickest.
fn asked(lagging: &Lagging) -> (PeerId, BTreeSet<PeerId>, Duration) {
    asked_at(lagging, NOW)
}

fn asked_at(lagging: &Lagging, now: MonoTime) -> (PeerId, BTreeSet<PeerId>, Duration) {
    let peers: Vec<_> = (1..5).map(peer).collect();
    let latencies = [300, 200, 400, 500];
    let claim = |(peer, ms)| Claimant::<SmallBlock> {
        peer,
        tip: BlockId::new(90, H256::repeat_byte(u8::from(*peer == peers[3]))),
        latency: Some(ms * MS),
    };
    let claims: Vec<_> = peers.iter().zip(latencies).map(claim).collect();
    let asked = Claimants::of(&claims, lagging, LONGEST, now).unwrap();
    let all = (0..8).map(|number| asked.of_request(number).clone());
    (asked.first.clone(), all.collect(), asked.within)
}

#[test]
fn all_that_claim_the_tip_of_the_first_are_asked_for_as_long_as_the_quickest_usually_takes_four_times()
 {
    let lagging = Lagging::default();
    assert_eq!(asked(&lagging), (peer(1), set(&[1, 2, 3]), 1_000 * MS));
    let mut lagging = Lagging::default();
    lagging.note(set(&[2]), NOW);
    assert_eq!(asked(&lagging), (peer(1), set(&[1, 3]), 1_200 * MS));
    // Another tip is better than somebody who failed.
    lagging.note(set(&[1, 3]), NOW);
    assert_eq!(asked(&lagging), (peer(4), set(&[4]), 2_000 * MS));
}

#[test]
fn where_all_have_failed_one_is_asked_alone_and_long_whoever_failed_longest_ago_first() {
    let mut lagging = Lagging::default();
    lagging.note(set(&[2, 3]), NOW);
    lagging.note(set(&[1, 4]), NOW);
    for next in [2, 3, 1, 4, 2] {
        assert_eq!(asked(&lagging), (peer(next), set(&[next]), LONGEST));
        // It is asked again as long as it brings everything.
        assert_eq!(asked(&lagging), (peer(next), set(&[next]), LONGEST));
        lagging.note(set(&[next]), NOW);
    }
    lagging.retain(|known| *known != peer(3));
    assert_eq!(asked(&lagging).0, peer(3), "forgiven with the rest of it");
}

#[test]
fn whoever_failed_long_ago_is_asked_beside_the_others_again() {
    let mut lagging = Lagging::default();
    lagging.note(set(&[2]), NOW);
    let later = NOW.plus(30_000 * MS);
    assert_eq!(asked_at(&lagging, NOW.plus(29_999 * MS)).1, set(&[1, 3]));
    assert_eq!(asked_at(&lagging, later).1, set(&[1, 2, 3]));
    // One that is quick and keeps its headers would else come before whoever never failed, again and again.
    lagging.note(set(&[1]), NOW);
    let (first, all, _) = asked_at(&lagging, later);
    assert_eq!((first, all), (peer(3), set(&[1, 2, 3])));
}

#[test]
fn nobody_claims_anything() {
    assert!(Claimants::<SmallBlock>::of(&[], &Lagging::default(), LONGEST, NOW).is_none());
}

#[test]
fn the_way_is_long_if_it_is_to_the_quickest_that_has_not_failed() {
    let peers: Vec<_> = (1..3).map(peer).collect();
    let far = |latencies: [Option<Duration>; 2], lagging: &Lagging| {
        let claim = |(peer, latency)| Claimant::<SmallBlock> {
            peer,
            tip: BlockId::new(90, H256::zero()),
            latency,
        };
        let claims: Vec<_> = peers.iter().zip(latencies).map(claim).collect();
        Claimants::of(&claims, lagging, LONGEST, NOW)
            .unwrap()
            .are_far()
    };
    let nobody = Lagging::default();
    assert!(far([Some(20 * MS), Some(90 * MS)], &nobody));
    assert!(!far([Some(19 * MS), Some(90 * MS)], &nobody));
    assert!(!far([None, None], &nobody), "nobody knows");
    let mut first = Lagging::default();
    first.note(set(&[1]), NOW);
    assert!(far([Some(MS), Some(90 * MS)], &first));
}
