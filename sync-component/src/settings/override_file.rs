use super::{
    StrategyChoice, SyncSettings,
    document::{Document, ProblemReport},
    read::{Origin, read_onto},
};
use crate::registry::defaults;
use std::time::Duration;

impl SyncSettings {
    /// These settings with the keys changed that a node's own file (`--sync-config`) gives.
    ///
    /// The file has a `[sync]` table of the same shape as the chain spec's, and nothing beside it. The result is checked
    /// as a whole, against `slot`, the chain's slot duration. Keys that decide validity, fork choice or votes are
    /// refused: `drift_ms`, `block_bytes`, `tier2_max_reorg`, `attestation_slots`, `tier1_consensus_threshold`, the
    /// Tier 1 strategy and that strategy's own table.
    pub fn with_override(
        mut self,
        document: Document,
        slot: Duration,
    ) -> Result<Self, ProblemReport> {
        document.read(|root, problems| {
            read_onto(&mut self, root, Some(slot), Origin::Override, problems);
            Some(self)
        })
    }
}

impl StrategyChoice {
    /// Whether the Tier 1 strategy is called `name`.
    pub(super) fn votes_by(&self, name: &str) -> bool {
        self.tier1.as_deref().unwrap_or(defaults::TIER1) == name
    }
}
