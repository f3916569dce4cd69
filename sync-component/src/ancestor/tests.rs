use super::{AncestorSearch, Comparison, FAN_OUT};
use proptest::prelude::*;

/// Runs a search against a peer that shares everything up to `fork`; returns the ancestor and the number of requests.
fn search(fork: u64, tip: u64, most: u64) -> (u64, u32) {
    let mut search = AncestorSearch::new(0, tip);
    let mut requests = 0;
    while let Some(heights) = search.question(most) {
        requests += 1;
        assert!(requests < 200, "the search must end");
        assert!(
            heights.windows(2).all(|pair| pair[0] > pair[1]),
            "falling and distinct"
        );
        search.answer(heights.into_iter().map(|height| {
            (
                height,
                if height <= fork {
                    Comparison::Same
                } else {
                    Comparison::Differs
                },
            )
        }));
    }
    (search.common(), requests)
}

#[test]
fn fork_500_deep_is_found_within_the_bound() {
    let (ancestor, requests) = search(4_500, 5_000, FAN_OUT);
    assert_eq!(ancestor, 4_500);
    assert!(requests <= 2 * 9 + 8, "{requests} requests");
}

#[test]
fn same_chain_takes_one_request() {
    assert_eq!(search(5_000, 5_000, FAN_OUT), (5_000, 1));
}

#[test]
fn nothing_but_genesis_is_shared() {
    assert_eq!(search(0, 5_000, FAN_OUT).0, 0);
}

#[test]
fn nothing_to_compare_needs_no_request() {
    assert_eq!(search(0, 0, FAN_OUT), (0, 0));
}

#[test]
fn contradictory_answer_counts_up_to_the_lowest_difference() {
    let mut search = AncestorSearch::new(0, 10);
    search.answer([
        (10, Comparison::Same),
        (5, Comparison::Differs),
        (3, Comparison::Same),
    ]);
    assert_eq!(search.common(), 0);
    assert!(
        search
            .question(FAN_OUT)
            .expect("open heights are left")
            .iter()
            .all(|height| *height < 5)
    );
}

proptest! {
    #[test]
    fn found_ancestor_is_the_true_one(tip in 0_u64..100_000, depth in 0_u64..300, most in 1_u64..20) {
        let fork = tip.saturating_sub(depth);
        let (ancestor, requests) = search(fork, tip, most);
        prop_assert_eq!(ancestor, fork);
        let log = u64::BITS - tip.leading_zeros();
        prop_assert!(u64::from(requests) <= 2 * u64::from(log) + 8);
    }

    #[test]
    fn answers_at_random_end_all_the_same(tip in 0_u64..10_000, bits in any::<u64>()) {
        let mut search = AncestorSearch::new(0, tip);
        let mut requests = 0;
        while let Some(heights) = search.question(FAN_OUT) {
            requests += 1;
            prop_assert!(requests < 100);
            search.answer(heights.into_iter().map(|height| {
                let same = bits >> (height % 64) & 1 == 1;
                (height, if same { Comparison::Same } else { Comparison::Differs })
            }));
        }
        prop_assert!(search.common() <= tip);
    }
}
