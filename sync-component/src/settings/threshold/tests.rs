#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::{NotAThreshold, Threshold};

fn parts(text: &str) -> Result<Threshold, NotAThreshold> {
    text.parse()
}

#[test]
fn need_follows_the_list_of_the_spec() {
    let threshold = Threshold::default();
    let list = [
        (1, 1),
        (2, 2),
        (3, 3),
        (4, 3),
        (5, 4),
        (6, 5),
        (7, 5),
        (10, 7),
    ];
    for (voters, need) in list {
        assert_eq!(threshold.need(voters), need, "{voters} voters");
    }
}

#[test]
fn need_of_nobody_is_nobody() {
    assert_eq!(Threshold::default().need(0), 0);
}

#[test]
fn need_at_the_ends_of_the_range_is_a_majority_and_everybody() {
    let lowest = Threshold::from_ten_thousandths(5_001).unwrap();
    let everybody = Threshold::from_ten_thousandths(10_000).unwrap();
    assert_eq!(lowest.need(2), 2);
    assert_eq!(lowest.need(3), 2);
    assert_eq!(everybody.need(usize::MAX), usize::MAX);
}

#[test]
fn decimal_text_is_read_exactly() {
    let cases = [
        ("0.67", 6_700),
        ("0.5001", 5_001),
        ("0.6667", 6_667),
        ("0.9999", 9_999),
        ("0.67000000", 6_700),
        ("1", 10_000),
        ("1.0", 10_000),
        ("01.0", 10_000),
    ];
    for (text, ten_thousandths) in cases {
        let expected = Threshold::from_ten_thousandths(ten_thousandths);
        assert_eq!(parts(text), expected, "{text}");
    }
}

#[test]
fn every_threshold_is_read_back_from_its_own_text() {
    for ten_thousandths in 5_001..=10_000 {
        let threshold = Threshold::from_ten_thousandths(ten_thousandths).unwrap();
        assert_eq!(parts(&threshold.to_string()), Ok(threshold));
    }
}

#[test]
fn anything_else_is_refused() {
    let refused = [
        "",
        ".",
        "0.5",
        "0.50000",
        "0.66667",
        "0.500001",
        "1.0001",
        "2",
        "0",
        "-0.67",
        "+0.67",
        "6.7e-1",
        "nan",
        "inf",
        "0,67",
        "0.6.7",
        ".67",
        "1.",
        "0x1",
        "99999999999999999999.0",
        "0.67 ",
        "٠.٦٧",
    ];
    for text in refused {
        assert_eq!(parts(text), Err(NotAThreshold), "{text:?}");
    }
}
