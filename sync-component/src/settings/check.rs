use super::{
    AttestationSlots, SyncSettings,
    document::{Location, Node, Problems},
};
use std::time::Duration;

/// Where keys stand in the document that is being read.
pub(super) struct Places<'d> {
    /// The document.
    pub(super) place: &'d Location,
    /// Its `[sync]`, if it has one.
    pub(super) sync: Option<&'d Node>,
}

impl<'d> Places<'d> {
    /// The place of the first of `keys` that is there, else of the table or the document: a contradiction may lie
    /// between a key that is given and a default, and the one that is given is the one to look at.
    fn of(&self, keys: &[&str]) -> &'d Location {
        let found = keys.iter().find_map(|key| self.node(key));
        found
            .or(self.sync)
            .map_or(self.place, |node| &node.location)
    }

    fn node(&self, key: &str) -> Option<&'d Node> {
        let mut node = self.sync?;
        for part in key.split('.').skip(1) {
            let entry = node.as_table()?.iter().find(|entry| entry.key == part)?;
            node = &entry.node;
        }
        Some(node)
    }
}

/// What every key may be for itself, but not together.
pub(super) fn contradictions(
    settings: &SyncSettings,
    slot: Option<Duration>,
    places: Places<'_>,
    problems: &mut Problems,
) {
    let mut check = Check { places, problems };
    check.attestation_slots(settings);
    check.byte_budgets(settings);
    check.backoff(settings);
    if let Some(slot) = slot {
        check.drift(settings, slot);
    }
}

struct Check<'d, 'p> {
    places: Places<'d>,
    problems: &'p mut Problems,
}

impl Check<'_, '_> {
    fn attestation_slots(&mut self, settings: &SyncSettings) {
        let most = AttestationSlots::most_for(settings.tier2.max_reorg);
        let slots = settings.attestation_slots.0;
        if u64::from(slots.get()) > most {
            let accepted = format!("1 to max(1, sync.tier2_max_reorg), which is {most}");
            self.refuse(
                &["sync.attestation_slots", "sync.tier2_max_reorg"],
                slots.to_string(),
                accepted,
            );
        }
    }

    fn byte_budgets(&mut self, settings: &SyncSettings) {
        let limits = &settings.limits;
        let (soft, block, hard) = (
            limits.reply_soft_bytes,
            limits.block_bytes,
            limits.reply_hard_bytes,
        );
        if soft > block {
            self.refuse(
                &["sync.limits.reply_soft_bytes", "sync.limits.block_bytes"],
                soft.to_string(),
                format!("at most sync.limits.block_bytes, which is {block}"),
            );
        }
        if block > hard {
            self.refuse(
                &["sync.limits.block_bytes", "sync.limits.reply_hard_bytes"],
                block.to_string(),
                format!("at most sync.limits.reply_hard_bytes, which is {hard}"),
            );
        }
    }

    fn backoff(&mut self, settings: &SyncSettings) {
        let first = settings.limits.backoff_first;
        let max = settings.limits.backoff_max;
        if first > max {
            let most = max.as_millis();
            self.refuse(
                &["sync.limits.backoff_first_ms", "sync.limits.backoff_max_ms"],
                first.as_millis().to_string(),
                format!("at most sync.limits.backoff_max_ms, which is {most}"),
            );
        }
    }

    fn drift(&mut self, settings: &SyncSettings, slot: Duration) {
        let drift = settings.limits.drift;
        if drift.saturating_mul(2) >= slot {
            let slot = slot.as_millis();
            self.refuse(
                &["sync.limits.drift_ms"],
                drift.as_millis().to_string(),
                format!("below half of slot_duration_ms, which is {slot}"),
            );
        }
    }

    /// Reported on the first key; not at all where one of `keys` is wrong in itself.
    fn refuse(&mut self, keys: &[&str], value: String, accepted: String) {
        if keys.iter().any(|key| self.problems.concern(key)) {
            return;
        }
        let location = self.places.of(keys);
        if let Some(key) = keys.first() {
            self.problems.refuse(location, *key, value, accepted);
        }
    }
}
