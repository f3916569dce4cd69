//! The `[sync]` table of SPEC section 9: the values, and how they are read and checked.
//!
//! The chain spec holds the table ([`SyncSettings::read`]); a node may change part of it with a file of its own
//! ([`SyncSettings::with_override`]), which has the same shape: its keys stand below `[sync]`, too. Every key, with its
//! unit and bounds, is in the README of the `chain-spec` crate. Names of strategies are checked by the registry, not
//! here.

pub mod document;

mod check;
mod names;
mod override_file;
mod read;
mod threshold;
mod values;
mod warning;
mod write;

#[cfg(test)]
mod tests;

pub use names::StrategyNames;
pub use threshold::{NotAThreshold, Threshold};
pub use values::{
    AttestationSlots, GateWait, JoinWindows, Limits, StrategyChoice, StrategyTables, SyncSettings,
    Tier1Settings, Tier2Settings, Tier3Settings,
};
pub use warning::SettingsWarning;
