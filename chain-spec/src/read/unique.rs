use std::collections::BTreeMap;
use sync_component::settings::document::{Fault, Problems, Rule, Section};

/// The list at `key`, each item by `rule`; a second equal item is noted.
pub(super) fn unique_list<T: Clone + Ord + 'static>(
    root: &mut Section<'_>,
    key: &'static str,
    rule: &Rule<T>,
    problems: &mut Problems,
) -> Vec<T> {
    let mut values = Vec::new();
    let mut seen = BTreeMap::new();
    for (index, node) in root.list(key, problems).iter().enumerate() {
        let item = format!("{key}.{index}");
        let Some(value) = rule.read(node) else {
            let accepted = rule.accepted().to_owned();
            problems.refuse(&node.location, item, node.brief(), accepted);
            continue;
        };
        if let Some(first) = seen.insert(value.clone(), node.location.clone()) {
            let value = node.brief();
            problems.add(&node.location, item, Fault::Repeated { value, first });
        }
        values.push(value);
    }
    values
}
