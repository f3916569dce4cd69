//! Strategies plug in here: three traits, a factory for each, and the registry that maps a name to a factory
//! (SPEC section 8).

mod builtins;
mod strategy;
mod table;
#[cfg(test)]
mod tests;

pub use builtins::{defaults, register_builtins};
pub use strategy::{FetchStrategy, HeightStrategy, ResyncStrategy};
pub use table::{
    Factory, RegistryError, Selection, StrategyInfo, StrategyRegistry, StrategySettingsError,
    selected,
};
