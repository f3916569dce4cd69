#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::{Colour, Line, Paint, Reader, wrapped};
use std::os::unix::net::UnixStream;

fn three() -> Line {
    Line::of("abc ")
        .then(Colour::Red, "defg")
        .then(Colour::Usual, " hij")
}

#[test]
fn line_that_fits_is_drawn_whole() {
    assert_eq!(three().drawn(12, Paint::Plain), "abc defg hij");
    assert_eq!(
        three().drawn(12, Paint::Coloured),
        "abc \x1b[31mdefg\x1b[0m hij"
    );
}

#[test]
fn line_that_is_too_wide_ends_in_a_sign_within_the_columns() {
    for (columns, expected) in [
        (11, "abc defg …"),
        (9, "abc def…"),
        (6, "abc …"),
        (4, "ab…"),
        (2, "…"),
    ] {
        assert_eq!(
            three().drawn(columns, Paint::Plain),
            expected,
            "{columns} columns"
        );
    }
    // Colours take no room, and end where they began.
    assert_eq!(three().drawn(9, Paint::Coloured), "abc \x1b[31mdef…\x1b[0m");
}

#[test]
fn text_is_broken_between_words_and_indented() {
    let lines = wrapped("one two three four", "  note  ", "        ", 16);
    assert_eq!(lines, ["  note  one two", "        three", "        four"]);
    assert_eq!(wrapped("one two", "", "  ", 80), ["one two"]);
    assert_eq!(wrapped("⚙️  two", "", "  ", 80), ["⚙️  two"]);
}

#[test]
fn word_longer_than_a_line_is_broken_and_nothing_is_lost() {
    let lines = wrapped("hash 0123456789abcdef end", "", "  ", 10);
    assert_eq!(lines, ["hash", "  01234567", "  89abcdef", "  end"]);
    // There is no room at all: it does not hang, and the text is there.
    assert_eq!(wrapped("ab c", "    ", "    ", 3), ["    ab", "    c"]);
}

#[test]
fn reader_that_has_closed_its_end_is_gone() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    assert_eq!(Reader::of(&ours), Reader::There);
    drop(theirs);
    assert_eq!(Reader::of(&ours), Reader::Gone);
    let (read, write) = std::io::pipe().unwrap();
    assert_eq!(Reader::of(&write), Reader::There);
    drop(read);
    assert_eq!(Reader::of(&write), Reader::Gone);
}
