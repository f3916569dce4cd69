use super::{listing, read_k};
use crate::settings::document::{Format, Rule, integer_or_text, text, whole};

#[test]
fn every_value_knows_its_pointer() {
    let text = r#" { "a": 1, "b": { "c/d": [2, "x\n"], "e~f": null }, "": 0.5 } "#;
    assert_eq!(
        listing(Format::Json, text).unwrap(),
        [
            " @ the document: a table of 3",
            ". @ /: 0.5",
            ".a @ /a: 1",
            ".b @ /b: a table of 2",
            ".b.c/d @ /b/c~1d: a list of 2",
            ".b.c/d.0 @ /b/c~1d/0: 2",
            ".b.c/d.1 @ /b/c~1d/1: \"x\\n\"",
            ".b.e~f @ /b/e~0f: null",
        ]
    );
}

#[test]
fn broken_syntax_is_shown_with_its_line() {
    for (text, line) in [
        ("", "line 1"),
        ("{\n\"a\": ,\n}", "line 2"),
        ("{}\n{}", "line 2"),
    ] {
        let report = listing(Format::Json, text).unwrap_err();
        assert_eq!(report.problems.len(), 1);
        let shown = report.to_string();
        assert!(
            shown.contains(&format!("  {line}: JSON syntax: ")),
            "{shown}"
        );
    }
}

fn any_text() -> Rule<String> {
    text("a text", |_| true)
}

#[test]
fn a_key_twice_is_refused_at_any_depth() {
    let text = r#"{"k": "one", "k": "two", "x": [{"a": 1, "\u0061": 2}]}"#;
    let report = read_k(Format::Json, text, &any_text()).unwrap_err();
    let shown = report.to_string();
    assert!(
        shown.contains("/k: k = \"two\": already given at /k;"),
        "{shown}"
    );
    assert!(
        shown.contains("/x/0/a: x.0.a = 2: already given at /x/0/a;"),
        "{shown}"
    );
    assert!(
        shown.contains("/x: x = a list of 1: no such key; accepted: k"),
        "{shown}"
    );
}

#[test]
fn half_a_surrogate_pair_is_refused() {
    let report = read_k(Format::Json, r#"{"k": "\ud800"}"#, &any_text()).unwrap_err();
    assert!(report.to_string().contains("/k: JSON syntax: "), "{report}");
    assert!(read_k(Format::Json, r#"{"k": "a", "\udfff": 1}"#, &any_text()).is_err());
}

#[test]
fn nesting_too_deep_for_the_stack_is_refused() {
    let lists = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let tables = format!("{}1{}", "{\"k\":".repeat(100_000), "}".repeat(100_000));
    for text in [lists, tables] {
        assert!(read_k(Format::Json, &text, &any_text()).is_err());
    }
}

#[test]
fn numbers_keep_their_digits() {
    let read = |text: &str| read_k(Format::Json, text, &integer_or_text("a balance"));
    let most = u128::MAX;
    assert_eq!(read(&format!(r#"{{"k": {most}}}"#)).unwrap(), most);
    assert_eq!(
        read(r#"{"k": 9007199254740993}"#).unwrap(),
        9_007_199_254_740_993
    );
    assert!(read(r#"{"k": 1e3}"#).is_err());
    assert!(read(r#"{"k": 1.0}"#).is_err());
    assert!(read_k(Format::Json, r#"{"k": -0}"#, &whole(0..=1, "things")).is_err());
}

#[test]
fn a_document_that_is_no_table_is_refused() {
    for text in ["1", "[]", "null", "\"k\""] {
        let report = read_k(Format::Json, text, &any_text()).unwrap_err();
        let shown = report.to_string();
        assert!(shown.ends_with(": accepted: a table"), "{shown}");
    }
}
