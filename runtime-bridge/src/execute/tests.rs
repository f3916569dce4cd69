#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::RecentNodes;
use sp_core::H256;

fn node(n: u8) -> (H256, Vec<u8>) {
    (H256::repeat_byte(n), vec![n; 100])
}

#[test]
fn nodes_that_are_used_stay_and_the_others_go() {
    // Three nodes in a generation.
    let recent = RecentNodes::of_bytes(600);
    recent.add([node(0)]);
    for n in 1..40 {
        recent.add([node(n)]);
        assert_eq!(recent.get(&node(0).0), Some(node(0).1), "after {n}");
        assert_eq!(recent.get(&node(n).0), Some(node(n).1));
    }
    assert_eq!(recent.get(&node(1).0), None);
}

#[test]
fn never_more_than_two_generations_are_kept() {
    let recent = RecentNodes::of_bytes(600);
    recent.add((0..200).map(node));
    let kept = (0..200).filter(|n| recent.get(&node(*n).0).is_some());
    assert!(kept.count() <= 8);
}
