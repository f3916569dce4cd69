use super::{Entry, Location, Node, NodeValue, Problems};
use toml::{Table, Value};

/// A table whose keys are its reader's own business (`[sync.strategy.<name>]`, `[properties]`).
///
/// It holds what TOML and JSON both can: texts, whole numbers of 64 bits, finite numbers, truths, lists and tables. So a
/// spec can be written in either. Anything else is noted and left out.
pub fn free_table(key: &str, entries: &[Entry], problems: &mut Problems) -> Table {
    let mut table = Table::new();
    for entry in entries {
        let path = format!("{key}.{}", entry.key);
        if let Some(value) = free_value(&path, &entry.node, problems) {
            table.insert(entry.key.clone(), value);
        }
    }
    table
}

fn free_value(key: &str, node: &Node, problems: &mut Problems) -> Option<Value> {
    match &node.value {
        NodeValue::Text(text) => Some(Value::String(text.clone())),
        NodeValue::Boolean(truth) => Some(Value::Boolean(*truth)),
        NodeValue::Table(entries) => Some(Value::Table(free_table(key, entries, problems))),
        NodeValue::List(items) => {
            let items = items.iter().enumerate();
            let values = items
                .filter_map(|(index, item)| free_value(&format!("{key}.{index}"), item, problems));
            Some(Value::Array(values.collect()))
        }
        NodeValue::Integer(digits) => {
            let number = digits.parse().ok().map(Value::Integer);
            noted(number, key, node, "a whole number of 64 bits", problems)
        }
        NodeValue::Decimal(digits) => {
            let number = digits
                .parse()
                .ok()
                .filter(|number: &f64| number.is_finite());
            let accepted = "a finite number, as JSON has no other";
            noted(number.map(Value::Float), key, node, accepted, problems)
        }
        NodeValue::Date(_) => {
            let accepted = "a text in quotes, as JSON has no dates";
            noted(None, key, node, accepted, problems)
        }
        NodeValue::Null => {
            let accepted = "a value, as TOML has no null; leave the key out";
            noted(None, key, node, accepted, problems)
        }
    }
}

fn noted(
    value: Option<Value>,
    key: &str,
    node: &Node,
    accepted: &'static str,
    problems: &mut Problems,
) -> Option<Value> {
    let location: &Location = &node.location;
    if value.is_none() {
        problems.refuse(location, key, node.brief(), accepted);
    }
    value
}
