//! The `[sync]` table of SPEC section 9: the values, and how they are read and checked.

mod values;

pub use values::{
    AttestationSlots, GateWait, JoinWindows, Limits, NotAThreshold, StrategyChoice, StrategyTables,
    SyncSettings, Threshold, Tier1Settings, Tier2Settings, Tier3Settings,
};
