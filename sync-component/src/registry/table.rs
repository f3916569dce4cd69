use super::{FetchStrategy, HeightStrategy, ResyncStrategy};
use crate::{settings::SyncSettings, status::Tier};
use sp_runtime::traits::Block as BlockT;
use std::{collections::BTreeMap, fmt, sync::Arc};

type Factory<S> = Arc<dyn Fn(&SyncSettings) -> Result<Arc<S>, StrategySettingsError> + Send + Sync>;

/// A strategy's own settings table does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} = {value}: {accepted}")]
pub struct StrategySettingsError {
    /// The key in `[sync.strategy.<name>]`.
    pub key: String,
    /// Its value.
    pub value: String,
    /// What would be accepted.
    pub accepted: String,
}

/// Factories of one tier by name.
pub type Factories<S> = BTreeMap<String, Factory<S>>;

/// What can go wrong with names and factories.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// No strategy of this name.
    #[error("{tier} has no strategy \"{name}\"; known: {}", .known.join(", "))]
    Unknown {
        /// The tier.
        tier: Tier,
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// The same name twice.
    #[error("{tier} already has a strategy \"{name}\"; give yours another name")]
    Taken {
        /// The tier.
        tier: Tier,
        /// The name.
        name: String,
    },
    /// The strategy refuses its own settings.
    #[error("[sync.strategy.{name}] {source}")]
    Settings {
        /// The strategy.
        name: String,
        /// What it says.
        source: StrategySettingsError,
    },
}

/// One line of the `strategies` command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StrategyInfo {
    /// The tier.
    pub tier: Tier,
    /// The name.
    pub name: String,
}

/// Strategies by tier and name. Built-ins register like anybody's and are reached only through it.
pub struct StrategyRegistry<B: BlockT> {
    tier1: Factories<dyn HeightStrategy<B>>,
    tier2: Factories<dyn FetchStrategy<B>>,
    tier3: Factories<dyn ResyncStrategy<B>>,
}

impl<B: BlockT> fmt::Debug for StrategyRegistry<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.list()).finish()
    }
}

impl<B: BlockT> StrategyRegistry<B> {
    /// A registry with nothing in it.
    pub fn empty() -> Self {
        Self {
            tier1: BTreeMap::new(),
            tier2: BTreeMap::new(),
            tier3: BTreeMap::new(),
        }
    }

    /// A registry with the built-in strategies.
    pub fn with_builtins() -> Self {
        let mut registry = Self::empty();
        super::register_builtins(&mut registry);
        registry
    }

    /// All strategies, by tier and name.
    pub fn list(&self) -> Vec<StrategyInfo> {
        let tiers = [
            (Tier::HeightCheck, self.tier1.keys().collect::<Vec<_>>()),
            (Tier::CatchUp, self.tier2.keys().collect()),
            (Tier::Resync, self.tier3.keys().collect()),
        ];
        tiers
            .into_iter()
            .flat_map(|(tier, names)| {
                names.into_iter().map(move |name| StrategyInfo {
                    tier,
                    name: name.clone(),
                })
            })
            .collect()
    }
}
