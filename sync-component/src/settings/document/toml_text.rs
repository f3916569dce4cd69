use super::{Entry, Fault, Location, Node, NodeValue, Problems};
use toml::de::{DeInteger, DeTable, DeValue};
use toml_parser::{Source, lexer::TokenKind};

/// Most dots in one dotted key. Each opens a table in a table, and taking apart a tree that is thousands deep would
/// exhaust the stack.
const MAX_DOTS: usize = 32;

/// Reads TOML; `Err` holds all syntax errors.
pub(super) fn parse(text: &str) -> Result<Node, Problems> {
    let lines = Lines::new(text);
    let mut problems = Problems::default();
    refuse_deep_keys(text, &lines, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let offset = error.span().map_or(0, |span| span.start);
        let message = format!("TOML syntax: {}", error.message());
        problems.add(&lines.at(offset), "", Fault::Syntax { message });
    }
    if problems.is_empty() {
        Ok(Node {
            location: Location::Line(1),
            value: NodeValue::Table(entries(table.get_ref(), &lines)),
        })
    } else {
        Err(problems)
    }
}

fn refuse_deep_keys(text: &str, lines: &Lines, problems: &mut Problems) {
    let mut dots = 0_usize;
    for token in Source::new(text).lex() {
        match token.kind() {
            TokenKind::Dot => dots += 1,
            TokenKind::Equals | TokenKind::Newline | TokenKind::Comma => dots = 0,
            _ => continue,
        }
        if dots == MAX_DOTS + 1 {
            let message = format!("TOML syntax: a key has at most {MAX_DOTS} dots");
            let location = lines.at(token.span().start());
            problems.add(&location, "", Fault::Syntax { message });
        }
    }
}

/// In the order of the lines, so that of two equal things the second is the lower one.
fn entries(table: &DeTable<'_>, lines: &Lines) -> Vec<Entry> {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            node: Node {
                location: lines.at(key.span().start),
                value: node_value(value.get_ref(), lines),
            },
        })
        .collect();
    entries.sort_by_key(|entry| entry.node.location.order());
    entries
}

fn node_value(value: &DeValue<'_>, lines: &Lines) -> NodeValue {
    match value {
        DeValue::String(text) => NodeValue::Text(text.to_string()),
        DeValue::Integer(integer) => NodeValue::Integer(decimal_digits(integer)),
        DeValue::Float(float) => NodeValue::Decimal(float.as_str().to_owned()),
        DeValue::Boolean(truth) => NodeValue::Boolean(*truth),
        DeValue::Datetime(date) => NodeValue::Date(date.to_string()),
        DeValue::Table(table) => NodeValue::Table(entries(table, lines)),
        DeValue::Array(items) => {
            let items = items.iter().map(|item| Node {
                location: lines.at(item.span().start),
                value: node_value(item.get_ref(), lines),
            });
            NodeValue::List(items.collect())
        }
    }
}

/// `0xff` as `255`. A number too large for that stays as written, and no rule reads it.
fn decimal_digits(integer: &DeInteger<'_>) -> String {
    if integer.radix() == 10 {
        return integer.as_str().to_owned();
    }
    u128::from_str_radix(integer.as_str(), integer.radix())
        .map_or_else(|_| integer.to_string(), |number| number.to_string())
}

/// Where the lines of a text begin.
struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    fn new(text: &str) -> Self {
        let breaks = text.match_indices('\n').map(|(offset, _)| offset + 1);
        Self {
            starts: std::iter::once(0).chain(breaks).collect(),
        }
    }

    fn at(&self, offset: usize) -> Location {
        Location::Line(self.starts.partition_point(|start| *start <= offset))
    }
}
