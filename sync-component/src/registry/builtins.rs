use super::{RegistryError, StrategyRegistry, StrategySettingsError};
use crate::{
    SyncSettings,
    block_sync::{Pipelined, Sequential},
    chain_sync::{FullChain, MultiSource, Snapshot},
    height_sync::{AuthorityQuorum, HeightMajority, TipQuorum},
};
use sp_runtime::traits::Block as BlockT;
use std::sync::Arc;

/// Registers the strategies of this crate, the way anybody registers theirs.
pub fn register_builtins<B: BlockT>(
    registry: &mut StrategyRegistry<B>,
) -> Result<(), RegistryError> {
    registry.register_height(
        "height-majority",
        Arc::new(|settings| {
            takes_no_settings("height-majority", settings)?;
            Ok(Arc::new(HeightMajority))
        }),
    )?;
    registry.register_height(
        "tip-quorum",
        Arc::new(|settings| {
            takes_no_settings("tip-quorum", settings)?;
            Ok(Arc::new(TipQuorum))
        }),
    )?;
    registry.register_height(
        "authority-quorum",
        Arc::new(|settings| {
            takes_no_settings("authority-quorum", settings)?;
            Ok(Arc::new(AuthorityQuorum))
        }),
    )?;
    registry.register_fetch(
        "sequential",
        Arc::new(|settings| {
            takes_no_settings("sequential", settings)?;
            Ok(Arc::new(Sequential))
        }),
    )?;
    registry.register_fetch(
        "pipelined",
        Arc::new(|settings| {
            takes_no_settings("pipelined", settings)?;
            Ok(Arc::new(Pipelined::default()))
        }),
    )?;
    registry.register_resync(
        "full-chain",
        Arc::new(|settings| {
            takes_no_settings("full-chain", settings)?;
            Ok(Arc::new(FullChain))
        }),
    )?;
    registry.register_resync(
        "multi-source",
        Arc::new(|settings| {
            takes_no_settings("multi-source", settings)?;
            Ok(Arc::new(MultiSource::default()))
        }),
    )?;
    registry.register_resync(
        "snapshot",
        Arc::new(|settings| {
            takes_no_settings("snapshot", settings)?;
            Ok(Arc::new(Snapshot::default()))
        }),
    )
}

fn takes_no_settings(name: &str, settings: &SyncSettings) -> Result<(), StrategySettingsError> {
    let table = settings.strategy_tables.get(name);
    match table.and_then(|table| table.iter().next()) {
        Some((key, value)) => Err(StrategySettingsError {
            key: key.clone(),
            value: value.to_string(),
            accepted: "this strategy has no settings of its own; take the key out".to_owned(),
        }),
        None => Ok(()),
    }
}

/// Names used where the settings name none.
pub mod defaults {
    /// Tier 1 where nothing says how many authorities there are; [`tier1`] otherwise.
    pub const TIER1: &str = "tip-quorum";
    /// Tier 2.
    pub const TIER2: &str = "pipelined";
    /// Tier 3.
    pub const TIER3: &str = "multi-source";

    /// Tier 1 of a chain with this many authorities: their own word where they are several.
    pub const fn tier1(authorities: usize) -> &'static str {
        if authorities > 1 {
            "authority-quorum"
        } else {
            TIER1
        }
    }
}
