use super::Location;
use std::fmt::Write as _;

/// A value of a document, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The line (TOML) or the pointer (JSON).
    pub location: Location,
    /// What stands there.
    pub value: NodeValue,
}

/// What TOML and JSON can hold. Numbers keep their digits: a float in between would change a threshold or a balance.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeValue {
    /// A string.
    Text(String),
    /// A whole number, in decimal digits with an optional sign.
    Integer(String),
    /// A number with a fraction or an exponent, as written; in TOML also `inf` and `nan`.
    Decimal(String),
    /// `true` or `false`.
    Boolean(bool),
    /// A date or time of TOML, as written.
    Date(String),
    /// JSON's `null`.
    Null,
    /// A list.
    List(Vec<Node>),
    /// A table (JSON: an object); no key twice.
    Table(Vec<Entry>),
}

/// A key of a table with its value. The key's place is the value's: TOML has both on one line.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key, unescaped.
    pub key: String,
    /// Its value.
    pub node: Node,
}

impl Node {
    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            NodeValue::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The entries, if it is a table.
    pub fn as_table(&self) -> Option<&[Entry]> {
        match &self.value {
            NodeValue::Table(entries) => Some(entries),
            _ => None,
        }
    }

    /// The items, if it is a list.
    pub fn as_list(&self) -> Option<&[Node]> {
        match &self.value {
            NodeValue::List(items) => Some(items),
            _ => None,
        }
    }

    /// The value as an error message shows it: on one line, control characters escaped, cut when long.
    pub fn brief(&self) -> String {
        match &self.value {
            NodeValue::Text(text) => format!("\"{}\"", printable(text)),
            NodeValue::Integer(text) | NodeValue::Decimal(text) | NodeValue::Date(text) => {
                printable(text)
            }
            NodeValue::Boolean(truth) => truth.to_string(),
            NodeValue::Null => "null".to_owned(),
            NodeValue::List(items) => format!("a list of {}", items.len()),
            NodeValue::Table(entries) => format!("a table of {}", entries.len()),
        }
    }
}

/// `text` for an error message: at most a line's worth, and nothing in it that moves a terminal's cursor.
pub(super) fn printable(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut shown = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == LONGEST {
            shown.push('…');
            break;
        }
        if character.is_control() || character == '"' {
            let _ = write!(shown, "{}", character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}
