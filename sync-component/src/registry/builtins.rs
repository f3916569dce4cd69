use super::{RegistryError, StrategyRegistry};
use crate::{block_sync::Sequential, height_sync::HeightMajority};
use sp_runtime::traits::Block as BlockT;
use std::sync::Arc;

/// Registers the strategies of this crate, the way anybody registers theirs.
pub fn register_builtins<B: BlockT>(
    registry: &mut StrategyRegistry<B>,
) -> Result<(), RegistryError> {
    registry.register_height(
        "height-majority",
        Arc::new(|_| Ok(Arc::new(HeightMajority))),
    )?;
    registry.register_fetch("sequential", Arc::new(|_| Ok(Arc::new(Sequential))))
}

/// Names used where the settings name none. Tier 3 has none until it has a strategy.
pub mod defaults {
    /// Tier 1.
    pub const TIER1: &str = "height-majority";
    /// Tier 2.
    pub const TIER2: &str = "sequential";
}
