use super::{FetchStrategy, HeightStrategy, ResyncStrategy, defaults};
use crate::{
    settings::{StrategyNames, SyncSettings},
    status::Tier,
};
use sp_runtime::traits::Block as BlockT;
use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
    sync::Arc,
};

/// Makes a strategy. Gets the whole `[sync]` table, and checks the strategy's own part of it.
pub type Factory<S> =
    Arc<dyn Fn(&SyncSettings) -> Result<Arc<S>, StrategySettingsError> + Send + Sync>;

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

type Factories<S> = BTreeMap<String, Factory<S>>;

/// What can go wrong with names and factories.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// No strategy of this name.
    #[error("{tier} has no strategy \"{name}\"; {}", known_names(.known))]
    Unknown {
        /// The tier.
        tier: Tier,
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// Settings for a strategy that is not there.
    #[error("[sync.strategy.{name}] is for no strategy of any tier; {}", known_names(.known))]
    StrayTable {
        /// The name.
        name: String,
        /// All names there are.
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
    /// Whether the settings select it.
    pub selection: Selection,
}

/// Whether the settings select a strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// It is used.
    Selected,
    /// It could be.
    Available,
}

fn known_names(known: &[String]) -> String {
    if known.is_empty() {
        "this version has none for this tier: take the key out".to_owned()
    } else {
        format!("known: {}", known.join(", "))
    }
}

/// Strategies by tier and name. Built-ins register like anybody's and are reached only through it.
pub struct StrategyRegistry<B: BlockT> {
    tier1: Factories<dyn HeightStrategy<B>>,
    tier2: Factories<dyn FetchStrategy<B>>,
    tier3: Factories<dyn ResyncStrategy<B>>,
}

impl<B: BlockT> Clone for StrategyRegistry<B> {
    fn clone(&self) -> Self {
        Self {
            tier1: self.tier1.clone(),
            tier2: self.tier2.clone(),
            tier3: self.tier3.clone(),
        }
    }
}

impl<B: BlockT> fmt::Debug for StrategyRegistry<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StrategyRegistry")
            .field("tier1", &self.tier1.keys())
            .field("tier2", &self.tier2.keys())
            .field("tier3", &self.tier3.keys())
            .finish()
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
        super::register_builtins(&mut registry)
            .expect("the built-in names differ and the registry is empty");
        registry
    }

    /// Adds a strategy to Tier 1.
    pub fn register_height(
        &mut self,
        name: &str,
        factory: Factory<dyn HeightStrategy<B>>,
    ) -> Result<(), RegistryError> {
        register(&mut self.tier1, Tier::HeightCheck, name, factory)
    }

    /// Adds a strategy to Tier 2.
    pub fn register_fetch(
        &mut self,
        name: &str,
        factory: Factory<dyn FetchStrategy<B>>,
    ) -> Result<(), RegistryError> {
        register(&mut self.tier2, Tier::CatchUp, name, factory)
    }

    /// Adds a strategy to Tier 3.
    pub fn register_resync(
        &mut self,
        name: &str,
        factory: Factory<dyn ResyncStrategy<B>>,
    ) -> Result<(), RegistryError> {
        register(&mut self.tier3, Tier::Resync, name, factory)
    }

    /// Takes a strategy out; `Unknown` if it is not there.
    pub fn remove(&mut self, tier: Tier, name: &str) -> Result<(), RegistryError> {
        let known = self.names(tier);
        let removed = match tier {
            Tier::HeightCheck => self.tier1.remove(name).is_some(),
            Tier::CatchUp => self.tier2.remove(name).is_some(),
            Tier::Resync => self.tier3.remove(name).is_some(),
        };
        if removed {
            Ok(())
        } else {
            Err(RegistryError::Unknown {
                tier,
                name: name.to_owned(),
                known,
            })
        }
    }

    /// Makes the selected strategy of Tier 1.
    pub fn height(
        &self,
        settings: &SyncSettings,
    ) -> Result<Arc<dyn HeightStrategy<B>>, RegistryError> {
        self.make(&self.tier1, Tier::HeightCheck, settings)
    }

    /// Makes the selected strategy of Tier 2.
    pub fn fetch(
        &self,
        settings: &SyncSettings,
    ) -> Result<Arc<dyn FetchStrategy<B>>, RegistryError> {
        self.make(&self.tier2, Tier::CatchUp, settings)
    }

    /// Makes the selected strategy of Tier 3.
    pub fn resync(
        &self,
        settings: &SyncSettings,
    ) -> Result<Arc<dyn ResyncStrategy<B>>, RegistryError> {
        self.make(&self.tier3, Tier::Resync, settings)
    }

    /// Checks that every strategy that the settings name, or have a table for, is there. Names only: nothing is made.
    pub fn check(&self, settings: &SyncSettings) -> Result<(), RegistryError> {
        for tier in [Tier::HeightCheck, Tier::CatchUp, Tier::Resync] {
            let known = self.names(tier);
            let name = selected(tier, settings);
            if !known.iter().any(|known| known == name) {
                return Err(RegistryError::Unknown {
                    tier,
                    name: name.to_owned(),
                    known,
                });
            }
        }
        let tiers = [Tier::HeightCheck, Tier::CatchUp, Tier::Resync];
        let all: Vec<String> = tiers
            .into_iter()
            .flat_map(|tier| self.names(tier))
            .collect();
        match settings
            .strategy_tables
            .keys()
            .find(|name| !all.contains(name))
        {
            Some(name) => Err(RegistryError::StrayTable {
                name: name.clone(),
                known: all,
            }),
            None => Ok(()),
        }
    }

    /// The names that a file may give.
    pub fn known(&self) -> StrategyNames {
        let tiers = [Tier::HeightCheck, Tier::CatchUp, Tier::Resync];
        StrategyNames::new(tiers.map(|tier| (tier, self.names(tier))))
    }

    /// All strategies, by tier and name, with those that `settings` select marked.
    pub fn list(&self, settings: &SyncSettings) -> Vec<StrategyInfo> {
        let tiers = [Tier::HeightCheck, Tier::CatchUp, Tier::Resync];
        let infos = tiers
            .into_iter()
            .flat_map(|tier| self.names(tier).into_iter().map(move |name| (tier, name)));
        infos
            .map(|(tier, name)| {
                let is_selected = selected(tier, settings) == name;
                let selection = if is_selected {
                    Selection::Selected
                } else {
                    Selection::Available
                };
                StrategyInfo {
                    tier,
                    name,
                    selection,
                }
            })
            .collect()
    }

    fn names(&self, tier: Tier) -> Vec<String> {
        match tier {
            Tier::HeightCheck => self.tier1.keys().cloned().collect(),
            Tier::CatchUp => self.tier2.keys().cloned().collect(),
            Tier::Resync => self.tier3.keys().cloned().collect(),
        }
    }

    fn make<S: ?Sized>(
        &self,
        factories: &Factories<S>,
        tier: Tier,
        settings: &SyncSettings,
    ) -> Result<Arc<S>, RegistryError> {
        let name = selected(tier, settings);
        let factory = factories.get(name).ok_or_else(|| RegistryError::Unknown {
            tier,
            name: name.to_owned(),
            known: self.names(tier),
        })?;
        factory(settings).map_err(|source| RegistryError::Settings {
            name: name.to_owned(),
            source,
        })
    }
}

fn register<S: ?Sized>(
    factories: &mut Factories<S>,
    tier: Tier,
    name: &str,
    factory: Factory<S>,
) -> Result<(), RegistryError> {
    match factories.entry(name.to_owned()) {
        Entry::Vacant(free) => {
            free.insert(factory);
            Ok(())
        }
        Entry::Occupied(_) => Err(RegistryError::Taken {
            tier,
            name: name.to_owned(),
        }),
    }
}

/// The name that the settings choose for a tier, or its default.
pub fn selected(tier: Tier, settings: &SyncSettings) -> &str {
    let choice = &settings.strategies;
    let (chosen, default) = match tier {
        Tier::HeightCheck => (&choice.tier1, defaults::TIER1),
        Tier::CatchUp => (&choice.tier2, defaults::TIER2),
        Tier::Resync => (&choice.tier3, defaults::TIER3),
    };
    chosen.as_deref().unwrap_or(default)
}
