use super::StrategyRegistry;
use sp_runtime::traits::Block as BlockT;

/// Registers the strategies of this crate.
pub fn register_builtins<B: BlockT>(_registry: &mut StrategyRegistry<B>) {}

/// Names used where the settings name none.
pub mod defaults {
    /// Tier 1.
    pub const TIER1: &str = "height-majority";
    /// Tier 2.
    pub const TIER2: &str = "sequential";
}
