use crate::status::Tier;
use std::collections::BTreeMap;

/// The names of the strategies that there are, by tier, so that a file that names another one is refused with all else that is
/// wrong with it. [`crate::StrategyRegistry::known`] gives them; a reader that was not told takes every name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StrategyNames(BTreeMap<Tier, Vec<String>>);

impl StrategyNames {
    /// Those names.
    pub fn new(names: impl IntoIterator<Item = (Tier, Vec<String>)>) -> Self {
        Self(names.into_iter().collect())
    }

    /// What is accepted for `tier` instead of `name`; `None` if it is there.
    pub(super) fn instead(&self, tier: Tier, name: &str) -> Option<String> {
        let known = self.0.get(&tier).map(Vec::as_slice).unwrap_or_default();
        let is_known = known.iter().any(|known| known == name);
        (!is_known).then(|| format!("a strategy of {tier}: {}", known.join(", ")))
    }

    /// The same for a table of settings, which may be for a strategy of any tier.
    pub(super) fn instead_of_table(&self, name: &str) -> Option<String> {
        let all: Vec<&str> = self.0.values().flatten().map(String::as_str).collect();
        (!all.contains(&name)).then(|| format!("tables of strategies: {}", all.join(", ")))
    }
}
