use super::{SLOT, lines, read_toml};
use crate::settings::{
    SyncSettings,
    document::{Document, Format, ProblemReport},
};
use std::time::Duration;

fn override_with(base: &SyncSettings, text: &str) -> Result<SyncSettings, ProblemReport> {
    let document = Document::parse("sync.toml", Format::Toml, text)?;
    base.clone().with_override(document, SLOT)
}

fn base() -> SyncSettings {
    read_toml(
        "[sync]\ntier1_timeout_secs = 7\ntier2_max_reorg = 9\nattestation_slots = 8\n\
         [sync.strategies]\ntier1 = \"mine\"\n[sync.strategy.mine]\na = 1\n\
         [sync.strategy.other]\na = 1\nb = 2\n[sync.limits]\nban_secs = 5",
    )
    .unwrap()
}

#[test]
fn an_empty_override_changes_nothing() {
    for text in [
        "",
        "[sync]",
        "[sync.limits]\n[sync.strategies]\n[sync.strategy]",
    ] {
        assert_eq!(override_with(&base(), text).unwrap(), base());
    }
}

#[test]
fn only_the_given_keys_change() {
    let text = "[sync]\ntier2_max_retries = 9\n[sync.strategies]\ntier2 = \"fast\"\n\
                [sync.limits]\nmax_peers = 3\n[sync.strategy.other]\nb = 3";
    let mut expected = base();
    expected.tier2.max_retries = 9.try_into().unwrap();
    expected.strategies.tier2 = Some("fast".into());
    expected.limits.max_peers = 3;
    let other = expected.strategy_tables.get_mut("other").unwrap();
    other.insert("b".into(), 3.into());
    assert_eq!(override_with(&base(), text).unwrap(), expected);
}

#[test]
fn keys_that_decide_validity_fork_choice_or_votes_are_refused_all_at_once() {
    let text = "[sync]\ntier2_max_reorg = 9\nattestation_slots = 8\n\
                tier1_consensus_threshold = 0.67\n[sync.strategies]\ntier1 = \"mine\"\n\
                [sync.limits]\ndrift_ms = 500\nblock_bytes = 5242880\n[sync.strategy.mine]\na = 1";
    let report = override_with(&base(), text).unwrap_err();
    let refused = [
        "line 2: sync.tier2_max_reorg = 9",
        "line 3: sync.attestation_slots = 8",
        "line 4: sync.tier1_consensus_threshold = 0.67",
        "line 6: sync.strategies.tier1 = \"mine\"",
        "line 8: sync.limits.drift_ms = 500",
        "line 9: sync.limits.block_bytes = 5242880",
        "line 10: sync.strategy.mine = a table of 1",
    ];
    let reason = "accepted: only in the chain spec, because it decides validity, fork choice or votes \
                  and must be the same on every node; remove it here";
    assert_eq!(
        lines(&report),
        refused.map(|line| format!("{line}: {reason}"))
    );
    assert!(
        report.to_string().starts_with("sync.toml: 7 problems"),
        "{report}"
    );
}

#[test]
fn the_table_of_the_default_tier_1_strategy_is_refused_too() {
    let text = format!(
        "[sync.strategy.{}]\na = 1",
        crate::registry::defaults::TIER1
    );
    assert!(override_with(&SyncSettings::default(), &text).is_err());
    assert!(override_with(&base(), &text).is_ok());
}

#[test]
fn the_merged_result_is_checked_as_a_whole() {
    let report = override_with(&base(), "[sync.limits]\nreply_hard_bytes = 1000").unwrap_err();
    assert_eq!(
        lines(&report),
        [
            "line 2: sync.limits.block_bytes = 5242880: accepted: at most sync.limits.reply_hard_bytes, which is 1000"
        ]
    );
    let document = Document::parse("sync.toml", Format::Toml, "").unwrap();
    let short = Duration::from_secs(1);
    assert!(base().with_override(document, short).is_err());
}

#[test]
fn keys_outside_of_the_sync_table_are_refused() {
    let report = override_with(&base(), "tier1_timeout_secs = 5").unwrap_err();
    assert_eq!(
        lines(&report),
        ["line 1: tier1_timeout_secs = 5: no such key; accepted: sync"]
    );
}

#[test]
fn a_resync_without_an_operator_cannot_be_had_by_override() {
    assert!(override_with(&base(), "[sync]\ntier3_requires_manual = false").is_err());
    assert_eq!(
        override_with(&base(), "[sync]\ntier3_requires_manual = true").unwrap(),
        base()
    );
}
