use super::{
    AttestationSlots, GateWait, JoinWindows, Limits, StrategyChoice, SyncSettings, Threshold,
    check,
    document::{
        Fault, NodeValue, Problems, Rule, Section, decimal, free_table, one_of, text, truth, whole,
    },
};
use crate::status::Tier;
use std::{
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};

/// Largest count (blocks, slots, peers, seconds) that any key accepts: products of two stay far below what a `Duration`
/// or a `u64` holds, so that no setting can make arithmetic overflow.
const MANY: u64 = u32::MAX as u64;

/// Largest byte budget that any key accepts, in bytes: 1 GiB.
const MOST_BYTES: u64 = 1024 * 1024 * 1024;

/// Who gave the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The chain spec, the same for every node: all keys.
    ChainSpec,
    /// A node's own file: not the keys that decide validity, fork choice or votes.
    Override,
}

impl SyncSettings {
    /// Reads `[sync]` from the document of a chain spec; keys that are not there have their defaults.
    ///
    /// `slot` is the chain's slot duration, for the bounds that depend on it; `None` if that is itself wrong.
    pub fn read(
        document: &mut Section<'_>,
        slot: Option<Duration>,
        problems: &mut Problems,
    ) -> Self {
        let mut settings = Self::default();
        read_onto(&mut settings, document, slot, Origin::ChainSpec, problems);
        settings
    }
}

/// Sets the keys that are given, and checks the whole.
pub(super) fn read_onto(
    settings: &mut SyncSettings,
    document: &mut Section<'_>,
    slot: Option<Duration>,
    origin: Origin,
    problems: &mut Problems,
) {
    let place = document.location();
    let sync = document.table("sync", problems);
    if let Some(section) = sync {
        let mut reader = Reader {
            settings,
            origin,
            problems,
        };
        reader.all(section);
    }
    let sync = document.peek("sync");
    check::contradictions(settings, slot, check::Places { place, sync }, problems);
}

struct Reader<'s> {
    settings: &'s mut SyncSettings,
    origin: Origin,
    problems: &'s mut Problems,
}

impl Reader<'_> {
    fn all(&mut self, mut sync: Section<'_>) {
        self.tier1(&mut sync);
        self.tier2(&mut sync);
        self.tier3(&mut sync);
        self.attestation_slots(&mut sync);
        if let Some(section) = sync.table("strategies", self.problems) {
            self.strategies(section);
        }
        self.strategy_tables(&mut sync);
        if let Some(section) = sync.table("limits", self.problems) {
            self.limits(section);
        }
        sync.finish(self.problems);
    }

    fn tier1(&mut self, sync: &mut Section<'_>) {
        let threshold = self.chain_only(sync, "tier1_consensus_threshold", &threshold());
        let tier1 = &mut self.settings.tier1;
        tier1.threshold = threshold.unwrap_or(tier1.threshold);
        let problems = &mut *self.problems;
        let seconds = whole(1..=300, "seconds").map(Duration::from_secs);
        sync.set(&mut tier1.timeout, "tier1_timeout_secs", &seconds, problems);
        let gap = whole(1..=99, "blocks");
        sync.set(&mut tier1.max_gap, "tier1_max_gap", &gap, problems);
        let responses = sizes(1..=MANY, "peers").try_map(|peers| Some(NonZeroUsize::new(peers)));
        sync.set(
            &mut tier1.min_responses,
            "tier1_min_responses",
            &responses,
            problems,
        );
        let slots = decimal("a number of slots above 0, at most 1000000", |slots| {
            slots > 0.0 && slots <= 1e6
        });
        sync.set(
            &mut tier1.fresh_slots,
            "tier1_fresh_slots",
            &slots,
            problems,
        );
        let share = decimal("a part of a slot, above 0 and below 1", |share| {
            share > 0.0 && share < 1.0
        });
        sync.set(&mut tier1.slot_share, "tier1_slot_share", &share, problems);
        let wait = one_of(&[("slot", GateWait::Slot), ("letter", GateWait::Letter)]);
        sync.set(&mut tier1.gate_wait, "gate_wait", &wait, problems);
    }

    fn tier2(&mut self, sync: &mut Section<'_>) {
        let reorg = self.chain_only(sync, "tier2_max_reorg", &whole(0..=MANY, "blocks"));
        let tier2 = &mut self.settings.tier2;
        tier2.max_reorg = reorg.unwrap_or(tier2.max_reorg);
        let problems = &mut *self.problems;
        let seconds = whole(1..=300, "seconds").map(Duration::from_secs);
        sync.set(
            &mut tier2.timeout_per_block,
            "tier2_timeout_per_block",
            &seconds,
            problems,
        );
        let attempts = counts(1..=20, "attempts").try_map(NonZeroU32::new);
        sync.set(
            &mut tier2.max_retries,
            "tier2_max_retries",
            &attempts,
            problems,
        );
        let gap = whole(101..=MANY, "blocks");
        sync.set(&mut tier2.max_gap, "tier2_max_gap", &gap, problems);
        let windows = truth().map(|truth| {
            if truth {
                JoinWindows::Successive
            } else {
                JoinWindows::Operator
            }
        });
        sync.set(&mut tier2.join_windows, "join_windows", &windows, problems);
    }

    fn tier3(&mut self, sync: &mut Section<'_>) {
        let tier3 = &mut self.settings.tier3;
        let problems = &mut *self.problems;
        let hours = decimal("a number of hours, 0 to 1000000", |hours| {
            (0.0..=1e6).contains(&hours)
        });
        sync.set(
            &mut tier3.trust_hours,
            "tier3_trust_hours",
            &hours,
            problems,
        );
        let days = decimal("a number of days, 0 to 100000", |days| {
            (0.0..=1e5).contains(&days)
        });
        let kept = &mut tier3.backup_retention_days;
        sync.set(kept, "tier3_backup_retention_days", &days, problems);
        let manual = Rule::new(
            "only true: a resync is never started by the program",
            |node| (node.value == NodeValue::Boolean(true)).then_some(()),
        );
        sync.read("tier3_requires_manual", &manual, problems);
    }

    /// After `tier2_max_reorg`, on which the default depends.
    fn attestation_slots(&mut self, sync: &mut Section<'_>) {
        let slots = counts(1..=MANY, "slots").try_map(NonZeroU32::new);
        let given = self.chain_only(sync, "attestation_slots", &slots);
        let default = AttestationSlots::default_for(self.settings.tier2.max_reorg);
        match (given, self.origin) {
            (Some(slots), _) => self.settings.attestation_slots = AttestationSlots(slots),
            (None, Origin::ChainSpec) => self.settings.attestation_slots = default,
            (None, Origin::Override) => {}
        }
    }

    fn strategies(&mut self, mut section: Section<'_>) {
        let name = || strategy_name().map(Some);
        for (tier, key) in [
            (Tier::HeightCheck, "tier1"),
            (Tier::CatchUp, "tier2"),
            (Tier::Resync, "tier3"),
        ] {
            self.strategy_is_there(&section, tier, key);
        }
        let tier1 = self.chain_only(&mut section, "tier1", &name());
        let StrategyChoice {
            tier1: chosen,
            tier2,
            tier3,
        } = &mut self.settings.strategies;
        *chosen = tier1.unwrap_or_else(|| chosen.take());
        section.set(tier2, "tier2", &name(), self.problems);
        section.set(tier3, "tier3", &name(), self.problems);
        section.finish(self.problems);
    }

    fn strategy_is_there(&mut self, section: &Section<'_>, tier: Tier, key: &'static str) {
        let Some(node) = section.peek(key) else {
            return;
        };
        // A value of another type, and a key that may not stand here at all, are other problems.
        let is_ours = tier == Tier::HeightCheck && self.origin == Origin::Override;
        let name = node.as_text().filter(|_| !is_ours);
        let known = self.problems.strategies();
        let accepted = name.and_then(|name| known?.instead(tier, name));
        if let Some(accepted) = accepted
            && strategy_name().read(node).is_some()
        {
            let key = section.path(key);
            self.problems
                .refuse(&node.location, key, node.brief(), accepted);
        }
    }

    fn strategy_tables(&mut self, sync: &mut Section<'_>) {
        let tables = sync.entries("strategy", self.problems);
        for entry in tables {
            let key = format!("sync.strategy.{}", entry.key);
            let Some(entries) = entry.node.as_table() else {
                let value = entry.node.brief();
                self.problems
                    .refuse(&entry.node.location, key, value, "a table");
                continue;
            };
            if self.origin == Origin::Override && self.settings.strategies.votes_by(&entry.key) {
                let value = entry.node.brief();
                let fault = Fault::OnlyInChainSpec { value };
                self.problems.add(&entry.node.location, key, fault);
                continue;
            }
            let known = self.problems.strategies();
            if let Some(accepted) = known.and_then(|known| known.instead_of_table(&entry.key)) {
                let value = entry.node.brief();
                self.problems
                    .refuse(&entry.node.location, key, value, accepted);
                continue;
            }
            let given = free_table(&key, entries, self.problems);
            let table = self.settings.strategy_tables.entry(entry.key.clone());
            table.or_default().extend(given);
        }
    }

    fn limits(&mut self, mut section: Section<'_>) {
        let drift = whole(0..=MANY, "milliseconds").map(Duration::from_millis);
        let drift = self.chain_only(&mut section, "drift_ms", &drift);
        let block = self.chain_only(&mut section, "block_bytes", &bytes());
        let limits = &mut self.settings.limits;
        limits.drift = drift.unwrap_or(limits.drift);
        limits.block_bytes = block.unwrap_or(limits.block_bytes);
        set_byte_limits(&mut section, limits, self.problems);
        set_time_limits(&mut section, limits, self.problems);
        set_count_limits(&mut section, limits, self.problems);
        section.finish(self.problems);
    }

    /// A key that decides validity, fork choice or votes. In an override it is noted and not read.
    fn chain_only<T: 'static>(
        &mut self,
        section: &mut Section<'_>,
        key: &'static str,
        rule: &Rule<T>,
    ) -> Option<T> {
        match self.origin {
            Origin::ChainSpec => section.read(key, rule, self.problems),
            Origin::Override => {
                let node = section.node(key)?;
                let value = node.brief();
                let fault = Fault::OnlyInChainSpec { value };
                self.problems.add(&node.location, section.path(key), fault);
                None
            }
        }
    }
}

fn set_byte_limits(section: &mut Section<'_>, limits: &mut Limits, problems: &mut Problems) {
    section.set(
        &mut limits.reply_soft_bytes,
        "reply_soft_bytes",
        &bytes(),
        problems,
    );
    section.set(
        &mut limits.reply_hard_bytes,
        "reply_hard_bytes",
        &bytes(),
        problems,
    );
    section.set(&mut limits.window_bytes, "window_bytes", &bytes(), problems);
    section.set(
        &mut limits.serving_bytes,
        "serving_bytes",
        &bytes(),
        problems,
    );
}

fn set_time_limits(section: &mut Section<'_>, limits: &mut Limits, problems: &mut Problems) {
    let seconds = whole(0..=MANY, "seconds").map(Duration::from_secs);
    section.set(&mut limits.ban, "ban_secs", &seconds, problems);
    let absence = &mut limits.short_disconnect;
    section.set(absence, "short_disconnect_secs", &seconds, problems);
    let pause = whole(1..=MANY, "milliseconds").map(Duration::from_millis);
    section.set(
        &mut limits.backoff_first,
        "backoff_first_ms",
        &pause,
        problems,
    );
    section.set(&mut limits.backoff_max, "backoff_max_ms", &pause, problems);
    let jitter = decimal("a part of the pause, 0 or more and below 1", |jitter| {
        (0.0..1.0).contains(&jitter)
    });
    section.set(
        &mut limits.backoff_jitter,
        "backoff_jitter",
        &jitter,
        problems,
    );
    let slots = counts(1..=MANY, "slots");
    section.set(&mut limits.poll_slots, "poll_slots", &slots, problems);
    section.set(&mut limits.stalled_slots, "stalled_slots", &slots, problems);
}

fn set_count_limits(section: &mut Section<'_>, limits: &mut Limits, problems: &mut Problems) {
    let hashes = sizes(1..=MANY, "hashes");
    section.set(
        &mut limits.status_hashes,
        "status_hashes",
        &hashes,
        problems,
    );
    let hashes = counts(1..=MANY, "hashes");
    section.set(
        &mut limits.hashes_per_request,
        "hashes_per_request",
        &hashes,
        problems,
    );
    let headers = counts(1..=MANY, "headers");
    section.set(
        &mut limits.headers_per_request,
        "headers_per_request",
        &headers,
        problems,
    );
    let blocks = counts(1..=MANY, "blocks");
    section.set(
        &mut limits.blocks_per_request,
        "blocks_per_request",
        &blocks,
        problems,
    );
    let blocks = sizes(1..=MANY, "blocks");
    section.set(
        &mut limits.window_blocks,
        "window_blocks",
        &blocks,
        problems,
    );
    let requests = sizes(1..=MANY, "requests");
    section.set(
        &mut limits.requests_per_peer,
        "requests_per_peer",
        &requests,
        problems,
    );
    section.set(
        &mut limits.requests_in_flight,
        "requests_in_flight",
        &requests,
        problems,
    );
    let ahead = counts(1..=MANY, "headers");
    section.set(&mut limits.headers_ahead, "headers_ahead", &ahead, problems);
    let announcements = counts(1..=MANY, "announcements");
    let most = &mut limits.announcements_per_slot;
    section.set(most, "announcements_per_slot", &announcements, problems);
    let tips = sizes(1..=MANY, "tips");
    section.set(&mut limits.tracked_tips, "tracked_tips", &tips, problems);
    let peers = sizes(1..=MANY, "peers");
    section.set(&mut limits.max_peers, "max_peers", &peers, problems);
    section.set(&mut limits.refused_peers, "refused_peers", &peers, problems);
    let remembered = &mut limits.remembered_peers;
    section.set(remembered, "remembered_peers", &peers, problems);
    section.set(&mut limits.found_peers, "found_peers", &peers, problems);
    let addresses = sizes(1..=MANY, "addresses");
    section.set(
        &mut limits.addresses_per_peer,
        "addresses_per_peer",
        &addresses,
        problems,
    );
    let authorities = sizes(1..=MANY, "authorities");
    section.set(
        &mut limits.max_authorities,
        "max_authorities",
        &authorities,
        problems,
    );
    let proofs = sizes(1..=MANY, "proofs");
    section.set(
        &mut limits.state_proofs_at_once,
        "state_proofs_at_once",
        &proofs,
        problems,
    );
    let nodes = sizes(1..=MANY, "nodes");
    section.set(
        &mut limits.state_nodes_per_request,
        "state_nodes_per_request",
        &nodes,
        problems,
    );
    let reserve = &mut limits.disk_reserve_bytes;
    section.set(reserve, "disk_reserve_bytes", &bytes(), problems);
}

/// From the digits as written, so that no float comes in between.
fn threshold() -> Rule<Threshold> {
    let accepted = "a number above 0.5, at most 1, with at most 4 decimals";
    Rule::new(accepted, |node| match &node.value {
        NodeValue::Integer(digits) | NodeValue::Decimal(digits) => digits.parse().ok(),
        _ => None,
    })
}

fn strategy_name() -> Rule<String> {
    let accepted = "the name of a strategy, 1 to 64 letters, digits, - or _";
    text(accepted, |name| {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=64).contains(&name.len()) && name.bytes().all(letter)
    })
}

fn bytes() -> Rule<usize> {
    sizes(1..=MOST_BYTES, "bytes")
}

fn sizes(range: std::ops::RangeInclusive<u64>, unit: &str) -> Rule<usize> {
    whole(range, unit).try_map(|number| usize::try_from(number).ok())
}

fn counts(range: std::ops::RangeInclusive<u64>, unit: &str) -> Rule<u32> {
    whole(range, unit).try_map(|number| u32::try_from(number).ok())
}
