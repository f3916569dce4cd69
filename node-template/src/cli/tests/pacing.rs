use super::super::{
    pace::{Pace, left_text, over_all},
    progress::{Moment, Unit},
};
use std::time::Duration;

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn pace_follows_the_last_seconds() {
    let mut pace = Pace::new();
    assert_eq!((pace.rate(), pace.left(100)), (None, None));
    for second in 1..=60 {
        pace.reached(at(second), second * 10, second * 1_000);
    }
    assert_eq!(pace.rate(), Some(10.0));
    assert_eq!(pace.left(70_000), Some(at(10)));
    // A stop is seen in both, and a long one ends the guesses.
    pace.reached(at(70), 600, 60_000);
    assert!(pace.rate().unwrap() < 10.0 && pace.left(70_000).unwrap() > at(10));
    for second in 71..=100 {
        pace.reached(at(second), 600, 60_000);
    }
    assert_eq!((pace.rate(), pace.left(70_000)), (None, None));
}

#[test]
fn pace_keeps_few_samples_however_often_it_is_told() {
    let mut pace = Pace::new();
    for milli in 0..10_000 {
        pace.reached(Duration::from_millis(milli), milli, milli);
    }
    let rate = pace.rate().unwrap();
    assert!((990.0..1_010.0).contains(&rate), "{rate}");
    assert!(format!("{pace:?}").matches("Sample").count() < 60);
}

#[test]
fn figures_are_finite_where_nothing_took_any_time() {
    let finite = over_all(5, Duration::ZERO);
    assert!(finite.is_finite());
    assert_eq!(Pace::new().left(u64::MAX), None);
}

#[test]
fn times_left_are_read_at_a_glance() {
    let texts = [0, 119, 120, 7_199, 7_260].map(|seconds| left_text(at(seconds)));
    assert_eq!(
        texts,
        [
            "0 s left",
            "119 s left",
            "2 min left",
            "119 min left",
            "2 h 1 min left"
        ]
    );
}

#[test]
fn lines_say_what_the_bar_shows() {
    let moment = Moment {
        doing: "importing".into(),
        note: " #7".into(),
        done: 50,
        total: Some(200),
        unit: Unit::Bytes,
        rate: Some(3.25),
        left: Some(at(4)),
    };
    assert_eq!(moment.line(), "importing #7, 3.2 blocks/s, 4 s left (25 %)");
    let blocks = Moment {
        unit: Unit::Blocks,
        rate: None,
        left: None,
        ..moment.clone()
    };
    assert_eq!(blocks.line(), "importing #7 (50 of 200 blocks)");
    let unknown = Moment {
        total: None,
        ..blocks
    };
    assert_eq!(unknown.line(), "importing #7");
}
