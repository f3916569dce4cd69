use crate::settings::document::{Document, DocumentError, Format};
use std::path::Path;

#[test]
fn the_extension_says_the_format() {
    let cases = [
        ("a.toml", Some(Format::Toml)),
        ("a.b.JSON", Some(Format::Json)),
        ("a.yaml", None),
        ("toml", None),
        (".toml", None),
        ("", None),
    ];
    for (name, format) in cases {
        assert_eq!(Format::of(Path::new(name)), format, "{name}");
    }
}

#[test]
fn another_extension_is_refused_before_the_file_is_looked_at() {
    let error = Document::open(Path::new("/nowhere/spec.yaml")).unwrap_err();
    assert!(matches!(error, DocumentError::Extension { .. }));
    assert!(
        error.to_string().contains("has to end in .toml or .json"),
        "{error}"
    );
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Document::open(Path::new("/nowhere/spec.toml")).unwrap_err();
    assert!(matches!(error, DocumentError::Unreadable { .. }));
    assert!(
        error.to_string().starts_with("/nowhere/spec.toml: "),
        "{error}"
    );
}
