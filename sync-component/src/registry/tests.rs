#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::*;
use crate::{
    SyncSettings,
    height_sync::{Ballot, HeightMajority, Tally},
    status::Tier,
    test_kit::SmallBlock,
};
use sp_runtime::traits::Block as BlockT;
use std::sync::Arc;

/// A strategy as a downstream crate would bring it.
#[derive(Debug)]
struct Nobody;

impl<B: BlockT> HeightStrategy<B> for Nobody {
    fn tally(&self, ballot: &Ballot<B>) -> Tally<B> {
        Tally {
            voters: ballot.voters.len(),
            need: 1,
            with_us: 0,
            electors: ballot.voters.len(),
            need_of_electors: 1,
            consensus: None,
        }
    }
}

fn builtins() -> StrategyRegistry<SmallBlock> {
    StrategyRegistry::with_builtins()
}

fn choosing(name: &str) -> SyncSettings {
    let mut settings = SyncSettings::default();
    settings.strategies.tier1 = Some(name.to_owned());
    settings
}

#[test]
fn unknown_name_lists_the_known_ones() {
    let error = builtins()
        .check(&choosing("majority"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("\"majority\"") && error.contains("height-majority"),
        "{error}"
    );
}

#[test]
fn removed_builtin_cannot_be_selected() {
    let mut registry = builtins();
    let settings = SyncSettings::default();
    assert!(registry.height(&settings).is_ok());
    registry.remove(Tier::HeightCheck, "tip-quorum").unwrap();
    assert!(matches!(
        registry.height(&settings),
        Err(RegistryError::Unknown { .. })
    ));
    assert!(registry.check(&settings).is_err());
    assert!(registry.remove(Tier::HeightCheck, "tip-quorum").is_err());
}

#[test]
fn strategy_of_somebody_else_is_selected_by_name() {
    let mut registry = builtins();
    registry
        .register_height("nobody", Arc::new(|_| Ok(Arc::new(Nobody))))
        .unwrap();
    let settings = choosing("nobody");
    assert_eq!(
        format!("{:?}", registry.height(&settings).unwrap()),
        "Nobody"
    );
    let list = registry.list(&settings);
    let selected: Vec<_> = list
        .iter()
        .filter(|info| info.selection == Selection::Selected)
        .map(|info| info.name.as_str())
        .collect();
    assert_eq!(selected, ["nobody", "pipelined", "multi-source"]);
}

#[test]
fn same_name_twice_is_an_error() {
    let again = builtins().register_height(
        "height-majority",
        Arc::new(|_| Ok(Arc::new(HeightMajority))),
    );
    assert!(matches!(again, Err(RegistryError::Taken { .. })));
}

#[test]
fn factory_that_refuses_its_settings_stops_the_start() {
    let mut registry = builtins();
    let refusal = || StrategySettingsError {
        key: "weight".to_owned(),
        value: "-1".to_owned(),
        accepted: "0 or more".to_owned(),
    };
    registry
        .register_height("picky", Arc::new(move |_| Err(refusal())))
        .unwrap();
    let error = registry.height(&choosing("picky")).unwrap_err().to_string();
    assert_eq!(error, "[sync.strategy.picky] weight = -1: 0 or more");
}

#[test]
fn every_tier_has_a_default() {
    let settings = SyncSettings::default();
    builtins().check(&settings).unwrap();
    assert!(builtins().height(&settings).is_ok());
    assert!(builtins().fetch(&settings).is_ok());
    assert!(builtins().resync(&settings).is_ok());
}

#[test]
fn table_of_no_strategy_and_keys_that_none_takes_are_refused() {
    let mut settings = SyncSettings::default();
    let table: toml::Table = [("depth".to_owned(), toml::Value::from(3))]
        .into_iter()
        .collect();
    settings
        .strategy_tables
        .insert("nope".to_owned(), table.clone());
    let error = builtins().check(&settings).unwrap_err().to_string();
    assert!(
        error.contains("nope") && error.contains("sequential"),
        "{error}"
    );
    settings.strategy_tables.clear();
    settings
        .strategy_tables
        .insert("pipelined".to_owned(), table);
    builtins().check(&settings).unwrap();
    let error = builtins().fetch(&settings).unwrap_err().to_string();
    assert!(error.contains("depth"), "{error}");
}

#[test]
fn tier_without_strategies_says_so() {
    let mut registry = builtins();
    for name in ["full-chain", "multi-source", "snapshot"] {
        registry.remove(Tier::Resync, name).unwrap();
    }
    let error = registry.check(&SyncSettings::default()).unwrap_err();
    assert!(
        error.to_string().contains("this version has none"),
        "{error}"
    );
}
