#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod files;
mod json;
mod toml_text;

use super::{Document, Format, Node, ProblemReport, Rule};

/// Every value, with its key and place, as the reader sees it.
fn listing(format: Format, text: &str) -> Result<Vec<String>, ProblemReport> {
    let document = Document::parse("test", format, text)?;
    let mut lines = Vec::new();
    list("", &document.root, &mut lines);
    Ok(lines)
}

fn list(key: &str, node: &Node, lines: &mut Vec<String>) {
    lines.push(format!("{key} @ {}: {}", node.location, node.brief()));
    for entry in node.as_table().unwrap_or_default() {
        list(&format!("{key}.{}", entry.key), &entry.node, lines);
    }
    for (index, item) in node.as_list().unwrap_or_default().iter().enumerate() {
        list(&format!("{key}.{index}"), item, lines);
    }
}

/// Reads the key `k` by a rule.
fn read_k<T: 'static>(format: Format, text: &str, rule: &Rule<T>) -> Result<T, ProblemReport> {
    Document::parse("test", format, text)?.read(|root, problems| root.require("k", rule, problems))
}
