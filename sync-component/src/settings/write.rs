use super::{GateWait, JoinWindows, Limits, StrategyChoice, SyncSettings};
use std::time::Duration;
use toml::{Table, Value};

impl SyncSettings {
    /// The `[sync]` table, every key written out: a chain's rules must not change when a later version has other
    /// defaults. What is unset (`tier1_min_responses`, a tier's strategy) stays out.
    pub fn to_table(&self) -> Table {
        let mut table = Table::new();
        self.put_tier1(&mut table);
        self.put_tiers_2_and_3(&mut table);
        put(
            &mut table,
            "attestation_slots",
            self.attestation_slots.0.get(),
        );
        put_table(&mut table, "strategies", strategies(&self.strategies));
        let own = self.strategy_tables.iter();
        let own = own.map(|(name, table)| (name.clone(), Value::Table(table.clone())));
        put_table(&mut table, "strategy", own.collect());
        put_table(&mut table, "limits", limits(&self.limits));
        table
    }

    fn put_tier1(&self, table: &mut Table) {
        let tier1 = &self.tier1;
        put(table, "tier1_timeout_secs", tier1.timeout.as_secs());
        let threshold = tier1.threshold.as_fraction();
        table.insert("tier1_consensus_threshold".into(), threshold.into());
        put(table, "tier1_max_gap", tier1.max_gap);
        if let Some(responses) = tier1.min_responses {
            put(table, "tier1_min_responses", responses.get());
        }
        table.insert("tier1_fresh_slots".into(), tier1.fresh_slots.into());
        table.insert("tier1_slot_share".into(), tier1.slot_share.into());
        let wait = match tier1.gate_wait {
            GateWait::Slot => "slot",
            GateWait::Letter => "letter",
        };
        table.insert("gate_wait".into(), wait.into());
    }

    fn put_tiers_2_and_3(&self, table: &mut Table) {
        let tier2 = &self.tier2;
        put(
            table,
            "tier2_timeout_per_block",
            tier2.timeout_per_block.as_secs(),
        );
        put(table, "tier2_max_retries", tier2.max_retries.get());
        put(table, "tier2_max_gap", tier2.max_gap);
        put(table, "tier2_max_reorg", tier2.max_reorg);
        let windows = tier2.join_windows == JoinWindows::Successive;
        table.insert("join_windows".into(), windows.into());
        let tier3 = &self.tier3;
        table.insert("tier3_trust_hours".into(), tier3.trust_hours.into());
        let days = tier3.backup_retention_days;
        table.insert("tier3_backup_retention_days".into(), days.into());
        table.insert("tier3_requires_manual".into(), true.into());
    }
}

fn strategies(choice: &StrategyChoice) -> Table {
    let StrategyChoice {
        tier1,
        tier2,
        tier3,
    } = choice;
    let tiers = [("tier1", tier1), ("tier2", tier2), ("tier3", tier3)];
    let named = tiers
        .into_iter()
        .filter_map(|(tier, name)| Some((tier.to_owned(), Value::String(name.clone()?))));
    named.collect()
}

fn limits(limits: &Limits) -> Table {
    let mut table = Table::new();
    put(&mut table, "drift_ms", millis(limits.drift));
    put(&mut table, "block_bytes", limits.block_bytes);
    put(&mut table, "reply_soft_bytes", limits.reply_soft_bytes);
    put(&mut table, "reply_hard_bytes", limits.reply_hard_bytes);
    put(&mut table, "status_hashes", limits.status_hashes);
    put(&mut table, "poll_slots", limits.poll_slots);
    put(&mut table, "stalled_slots", limits.stalled_slots);
    put(&mut table, "ban_secs", limits.ban.as_secs());
    put(
        &mut table,
        "short_disconnect_secs",
        limits.short_disconnect.as_secs(),
    );
    put(&mut table, "backoff_first_ms", millis(limits.backoff_first));
    put(&mut table, "backoff_max_ms", millis(limits.backoff_max));
    table.insert("backoff_jitter".into(), limits.backoff_jitter.into());
    put(&mut table, "window_blocks", limits.window_blocks);
    put(&mut table, "window_bytes", limits.window_bytes);
    put(&mut table, "hashes_per_request", limits.hashes_per_request);
    put(
        &mut table,
        "headers_per_request",
        limits.headers_per_request,
    );
    put(&mut table, "blocks_per_request", limits.blocks_per_request);
    put(&mut table, "requests_in_flight", limits.requests_in_flight);
    put(&mut table, "headers_ahead", limits.headers_ahead);
    put(&mut table, "requests_per_peer", limits.requests_per_peer);
    put(
        &mut table,
        "announcements_per_slot",
        limits.announcements_per_slot,
    );
    put(&mut table, "tracked_tips", limits.tracked_tips);
    put(&mut table, "max_peers", limits.max_peers);
    put(&mut table, "refused_peers", limits.refused_peers);
    put(&mut table, "remembered_peers", limits.remembered_peers);
    put(&mut table, "found_peers", limits.found_peers);
    put(&mut table, "addresses_per_peer", limits.addresses_per_peer);
    put(&mut table, "max_authorities", limits.max_authorities);
    put(&mut table, "serving_bytes", limits.serving_bytes);
    let proofs = limits.state_proofs_at_once;
    put(&mut table, "state_proofs_at_once", proofs);
    let nodes = limits.state_nodes_per_request;
    put(&mut table, "state_nodes_per_request", nodes);
    put(&mut table, "disk_reserve_bytes", limits.disk_reserve_bytes);
    table
}

/// Whatever was read fits; a value that a program made larger is written as the largest that TOML has.
fn put(table: &mut Table, key: &str, number: impl TryInto<i64>) {
    let number = number.try_into().unwrap_or(i64::MAX);
    table.insert(key.to_owned(), Value::Integer(number));
}

fn put_table(table: &mut Table, key: &str, below: Table) {
    if !below.is_empty() {
        table.insert(key.to_owned(), Value::Table(below));
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
