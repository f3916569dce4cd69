use super::{listing, read_k};
use crate::settings::document::{Format, integer_or_text, whole};

#[test]
fn every_value_knows_its_line() {
    let text = "a = 1\n\n[b]\nc = [\n  2,\n  \"x\",\n]\n[b.d]\ne.f = true\n[[g]]\nh = 0.5\n[[g]]\n";
    assert_eq!(
        listing(Format::Toml, text).unwrap(),
        [
            " @ line 1: a table of 3",
            ".a @ line 1: 1",
            ".b @ line 3: a table of 2",
            ".b.c @ line 4: a list of 2",
            ".b.c.0 @ line 5: 2",
            ".b.c.1 @ line 6: \"x\"",
            ".b.d @ line 8: a table of 1",
            ".b.d.e @ line 9: a table of 1",
            ".b.d.e.f @ line 9: true",
            ".g @ line 10: a list of 2",
            ".g.0 @ line 10: a table of 1",
            ".g.0.h @ line 11: 0.5",
            ".g.1 @ line 12: a table of 0",
        ]
    );
}

#[test]
fn windows_line_ends_count_once() {
    let lines = listing(Format::Toml, "a = 1\r\nb = 2\r\n").unwrap();
    assert_eq!(
        lines,
        [
            " @ line 1: a table of 2",
            ".a @ line 1: 1",
            ".b @ line 2: 2"
        ]
    );
}

#[test]
fn all_syntax_errors_come_at_once() {
    let report = listing(Format::Toml, "a = \nb = 1\nc = [1\nd ! 3\nb = 2\n").unwrap_err();
    let lines: Vec<String> = report
        .problems
        .iter()
        .map(|problem| problem.location.to_string())
        .collect();
    assert!(lines.len() >= 2, "{report}");
    assert!(lines.contains(&"line 1".to_owned()), "{report}");
    assert!(report.to_string().contains("TOML syntax: "), "{report}");
}

#[test]
fn a_key_twice_is_an_error_at_the_second() {
    let report = listing(Format::Toml, "a = 1\n[b]\n[c]\nx = 1\n\nx = 2\n").unwrap_err();
    assert_eq!(report.problems.len(), 1);
    assert!(
        report
            .to_string()
            .contains("line 6: TOML syntax: duplicate key"),
        "{report}"
    );
}

#[test]
fn keys_and_nesting_too_deep_for_the_stack_are_refused() {
    let dotted = format!("{}x = 1", "a.".repeat(100_000));
    let header = format!("[{}x]", "a.".repeat(100_000));
    let spaced = format!("{}x = 1", "a . \"b\" . ".repeat(50_000));
    let lists = format!("a = {}", "[".repeat(100_000));
    let tables = format!("a = {}", "{a=".repeat(100_000));
    for text in [dotted, header, spaced, lists, tables] {
        assert!(listing(Format::Toml, &text).is_err());
    }
}

#[test]
fn numbers_keep_their_digits() {
    let any = || whole(0..=u64::MAX, "things");
    let read = |text: &str| read_k(Format::Toml, text, &any());
    assert_eq!(read("k = 18446744073709551615").unwrap(), u64::MAX);
    assert_eq!(read("k = 1_000").unwrap(), 1_000);
    assert_eq!(read("k = +7").unwrap(), 7);
    assert_eq!(read("k = 0xff").unwrap(), 255);
    assert_eq!(read("k = 0o17").unwrap(), 15);
    assert_eq!(read("k = 0b11").unwrap(), 3);
    assert!(read("k = 18446744073709551616").is_err());
    assert!(read("k = 0xffffffffffffffffffffffffffffffffffffffff").is_err());
}

#[test]
fn large_balances_are_read_as_numbers_and_as_texts() {
    let read = |text: &str| read_k(Format::Toml, text, &integer_or_text("a balance"));
    let most = u128::MAX;
    assert_eq!(read(&format!("k = {most}")).unwrap(), most);
    assert_eq!(read(&format!("k = \"{most}\"")).unwrap(), most);
    for refused in [
        "-1", "1.0", "\"\"", "\"+1\"", "\"-1\"", "\"1e3\"", "\"0x1\"", "true",
    ] {
        assert!(read(&format!("k = {refused}")).is_err(), "{refused}");
    }
    assert!(read(&format!("k = \"{most}0\"")).is_err());
}

#[test]
fn a_missing_key_is_named_with_what_is_accepted() {
    let report = read_k(Format::Toml, "", &whole(1..=9, "eggs")).unwrap_err();
    let expected = "test: 1 problem to correct:\n  line 1: k is missing: accepted: a whole number of eggs, 1 to 9";
    assert_eq!(report.to_string(), expected);
}

#[test]
fn what_a_message_quotes_is_short_and_cannot_steer_a_terminal() {
    let text = format!("k = \"\\u001b[2J{}\"", "x".repeat(1_000));
    let report = read_k(Format::Toml, &text, &whole(1..=9, "eggs")).unwrap_err();
    let shown = report.to_string();
    assert!(!shown.contains('\u{1b}'), "{shown}");
    assert!(shown.len() < 300, "{shown}");
}

#[test]
fn a_report_of_thousands_shows_the_first_hundred() {
    let lines: Vec<String> = (0..5_000).map(|number| format!("x{number} = 1")).collect();
    let text = lines.join("\n");
    let report = read_k(Format::Toml, &text, &whole(1..=9, "eggs")).unwrap_err();
    assert_eq!(report.problems.len(), 5_001);
    assert_eq!(report.to_string().lines().count(), 102);
    assert!(report.to_string().ends_with("… and 4901 more"));
}
