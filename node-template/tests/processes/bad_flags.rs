//! Wrong command lines and files, as a table: each is refused with one line that says what is wrong or what to do, with the
//! right exit code, and nothing is written.

use crate::harness::{command, error_line, finish};
use std::{fs, path::Path, process::Command};

/// A row of the table in `bad_flags.txt`.
struct Wrong {
    line: &'static str,
    code: i32,
    expected: &'static str,
}

fn table() -> Vec<Wrong> {
    let rows = include_str!("bad_flags.txt").lines();
    let rows = rows.filter(|row| !row.is_empty() && !row.starts_with('#'));
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let [code, line, expected] = cells[..] else {
            panic!("three cells are expected: {row}");
        };
        let code = code.parse().unwrap();
        Wrong {
            line,
            code,
            expected,
        }
    })
    .collect()
}

fn files(folder: &Path) {
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    write("short", "abc");
    write("empty.toml", "");
    write("broken.toml", "[sync]\ntier1_max_gap = ");
    write("broken.json", "{");
    // It decides what is valid, so all nodes of the chain need the same.
    write("chain-only.toml", "[sync.limits]\ndrift_ms = 1\n");
    // Nobody ever writes into it.
    let pipe = folder.join("pipe.toml");
    let made = Command::new("mkfifo").arg(pipe).status().unwrap();
    assert!(made.success());
}

#[test]
fn every_wrong_command_line_and_file_is_refused_in_one_line() {
    let table = table();
    assert!(table.len() >= 80, "{}", table.len());
    let folder = tempfile::tempdir().unwrap();
    files(folder.path());
    let base = tempfile::tempdir().unwrap();
    let fill = |text: &str| {
        text.replace("{base}", &base.path().display().to_string())
            .replace("{files}", &folder.path().display().to_string())
    };
    let mut wrong = Vec::new();
    for Wrong {
        line,
        code,
        expected,
    } in table
    {
        // What a command line says itself says nothing about the answer.
        assert!(
            !fill(line).contains(&fill(expected)),
            "{line} holds {expected}"
        );
        let output = finish(command(&fill(line)));
        let said = std::panic::catch_unwind(|| error_line(&output));
        let said = said.unwrap_or_else(|_| format!("no error line: {output:?}"));
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.code() != Some(code) || !text.contains(&fill(expected)) {
            wrong.push(format!(
                "{line}\n    {said}\n    code {:?}, {code} and \"{expected}\" are expected",
                output.status.code()
            ));
        }
        let left = fs::read_dir(base.path()).unwrap().count();
        assert_eq!(left, 0, "{line} leaves something behind");
    }
    assert!(
        wrong.is_empty(),
        "{} are wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
