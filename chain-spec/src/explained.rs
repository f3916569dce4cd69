//! A specification as a file for people: with the comments of the preset `local`, which explain every key where it stands.

use crate::{ChainSpec, Preset};
use std::fmt::Write as _;
use toml::{Table, Value};

/// Stands in the place of what the preset says of itself.
const HEAD: &str = "\
# A chain spec. Every node of the chain needs the same file: afterwards change nothing in it but bootnodes and reserved
# nodes.
";

/// Where comments behind a value begin.
const COMMENTS: usize = 34;

impl ChainSpec {
    /// As [`ChainSpec::to_toml`], in the order and with the comments of the preset `local`.
    pub fn to_toml_explained(&self) -> String {
        let mut table = self.to_table();
        // Where there are none the preset shows in a comment how to add one, which an empty list would not allow.
        if self.checkpoints.is_empty() {
            table.remove("checkpoints");
        }
        let mut writer = Writer {
            text: HEAD.to_owned(),
            held: Vec::new(),
            section: String::new(),
            rest: flat(table),
        };
        writer.follow(Preset::Local.text());
        writer.text
    }
}

/// Tables that the preset has a heading for, or in a comment.
const SECTIONS: [&str; 7] = [
    "properties",
    "genesis",
    "genesis.balances",
    "genesis.raw",
    "sync",
    "sync.strategies",
    "sync.limits",
];

/// The entries by their section; a table that has no heading of its own is a value.
fn flat(table: Table) -> Vec<(String, String, Value)> {
    let mut entries = Vec::new();
    let mut open = vec![(String::new(), table)];
    while let Some((section, table)) = open.pop() {
        for (key, value) in table {
            let path = if section.is_empty() {
                key.clone()
            } else {
                format!("{section}.{key}")
            };
            match value {
                Value::Table(inner) if SECTIONS.contains(&path.as_str()) => {
                    open.push((path, inner));
                }
                value => entries.push((section.clone(), key, value)),
            }
        }
    }
    entries
}

struct Writer {
    text: String,
    /// Comments and empty lines, which belong to what follows them.
    held: Vec<String>,
    section: String,
    /// What is not written yet.
    rest: Vec<(String, String, Value)>,
}

impl Writer {
    /// Writes `template` with the values of `rest`.
    fn follow(&mut self, template: &str) {
        let lines = template.lines().skip_while(|line| line.starts_with('#'));
        let mut is_in_list = false;
        for line in lines {
            if is_in_list {
                is_in_list = !line.starts_with(']');
            } else if let Some(name) = heading(line) {
                self.end_section();
                self.release();
                name.clone_into(&mut self.section);
                self.line(line);
            } else if let Some(entry) = Entry::of(line) {
                is_in_list = entry.value == "[";
                self.entry(&entry, line);
            } else {
                self.held.push(line.to_owned());
            }
        }
        self.end_section();
        self.release();
        "genesis.raw".clone_into(&mut self.section);
        if self.rest.iter().any(|(of, ..)| *of == self.section) {
            self.line("\n[genesis.raw]");
            self.end_section();
        }
    }

    fn entry(&mut self, entry: &Entry<'_>, line: &str) {
        let found = self
            .rest
            .iter()
            .position(|(section, key, _)| *section == self.section && key == entry.key);
        match found {
            Some(at) => {
                self.release();
                let (_, key, value) = self.rest.remove(at);
                let text = format!("{key} = {}", written(&value));
                match entry.comment {
                    Some(comment) if !text.contains('\n') => {
                        self.line(&format!("{text:<COMMENTS$} # {comment}"));
                    }
                    _ => self.line(&text),
                }
            }
            None if entry.is_example => self.held.push(line.to_owned()),
            // What the preset has and this specification has not.
            None => self.release(),
        }
    }

    /// The entries of this section that the preset does not name.
    fn end_section(&mut self) {
        let (now, later) = std::mem::take(&mut self.rest)
            .into_iter()
            .partition(|(section, ..)| *section == self.section);
        self.rest = later;
        for (_, key, value) in now {
            self.line(&format!("{} = {}", quoted(&key), written(&value)));
        }
    }

    fn release(&mut self) {
        for line in std::mem::take(&mut self.held) {
            self.line(&line);
        }
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }
}

/// A line of the preset such as `key = value # comment`, or the same as an example, behind a `#`.
struct Entry<'a> {
    key: &'a str,
    value: &'a str,
    comment: Option<&'a str>,
    is_example: bool,
}

impl<'a> Entry<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let example = line.strip_prefix("# ");
        let (key, value) = example.unwrap_or(line).split_once(" = ")?;
        let (value, comment) = match value.split_once(" # ") {
            Some((value, comment)) => (value.trim(), Some(comment)),
            None => (value.trim(), None),
        };
        is_plain(key).then_some(Self {
            key,
            value,
            comment,
            is_example: example.is_some(),
        })
    }
}

/// The name in `[name]`.
fn heading(line: &str) -> Option<&str> {
    Some(line.strip_prefix('[')?.split_once(']')?.0)
}

fn is_plain(key: &str) -> bool {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || character == '_';
    !key.is_empty() && key.chars().all(is_plain)
}

/// A key as TOML takes it, which has it on one line.
fn quoted(key: &str) -> String {
    if is_plain(key) {
        return key.to_owned();
    }
    let mut text = String::from('"');
    for character in key.chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            _ if character.is_control() => {
                let number = u32::from(character);
                write!(text, "\\U{number:08X}").expect("a text in memory takes everything");
            }
            _ => text.push(character),
        }
    }
    text.push('"');
    text
}

/// A list of several a line each.
fn written(value: &Value) -> String {
    match value {
        Value::Array(list) if list.len() > 1 => {
            let lines: Vec<_> = list.iter().map(|one| format!("    {one},\n")).collect();
            format!("[\n{}]", lines.concat())
        }
        value => value.to_string(),
    }
}
