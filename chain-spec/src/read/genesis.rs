use crate::{Genesis, addresses, hex_text};
use std::collections::BTreeMap;
use sync_component::settings::document::{
    Entry, Fault, Location, Problems, Rule, Section, integer_or_text,
};

/// Reads `[genesis]`.
pub(super) fn genesis(root: &mut Section<'_>, problems: &mut Problems) -> Genesis {
    let Some(mut section) = root.table("genesis", problems) else {
        return Genesis::default();
    };
    let balances = section.entries("balances", problems);
    let raw = section.entries("raw", problems);
    section.finish(problems);
    let genesis = Genesis {
        balances: map(
            &Keys {
                table: "genesis.balances",
                accepted: addresses::ACCEPTED,
                parse: addresses::parse_address,
            },
            &integer_or_text("a whole number, 0 to 2^128 - 1, or a text with its decimal digits"),
            balances,
            problems,
        ),
        raw: map(
            &Keys {
                table: "genesis.raw",
                accepted: "0x and one or more pairs of hex digits",
                parse: |key| hex_text::parse(key).filter(|key| !key.is_empty()),
            },
            &hex_text::bytes(),
            raw,
            problems,
        ),
    };
    refuse_overflow(&genesis, balances, problems);
    genesis
}

/// How the keys of a table are read.
struct Keys<K> {
    table: &'static str,
    accepted: &'static str,
    parse: fn(&str) -> Option<K>,
}

/// A table whose keys mean something: one account may be spelt with two prefixes, one storage key in two cases.
fn map<K: Ord + Clone, V: 'static>(
    keys: &Keys<K>,
    values: &Rule<V>,
    entries: &[Entry],
    problems: &mut Problems,
) -> BTreeMap<K, V> {
    let mut map = BTreeMap::new();
    let mut seen: BTreeMap<K, Location> = BTreeMap::new();
    for Entry { key: written, node } in entries {
        let path = format!("{}.{written}", keys.table);
        let key = (keys.parse)(written);
        let value = values.read(node);
        if key.is_none() {
            let accepted = format!("as a key: {}", keys.accepted);
            problems.refuse(&node.location, path.clone(), node.brief(), accepted);
        }
        if value.is_none() {
            let accepted = values.accepted().to_owned();
            problems.refuse(&node.location, path.clone(), node.brief(), accepted);
        }
        let Some(key) = key else { continue };
        if let Some(first) = seen.insert(key.clone(), node.location.clone()) {
            let value = node.brief();
            problems.add(&node.location, path, Fault::Repeated { value, first });
        }
        if let Some(value) = value {
            map.insert(key, value);
        }
    }
    map
}

/// All there is must be countable in one balance: a runtime that adds up the issuance would overflow.
fn refuse_overflow(genesis: &Genesis, entries: &[Entry], problems: &mut Problems) {
    let mut balances = genesis.balances.values();
    let sum = balances.try_fold(0_u128, |sum, balance| sum.checked_add(*balance));
    if let (None, Some(first)) = (sum, entries.first()) {
        let value = format!("{} balances", genesis.balances.len());
        let accepted = "balances whose sum is below 2^128";
        problems.refuse(&first.node.location, "genesis.balances", value, accepted);
    }
}
