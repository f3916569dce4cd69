use super::{SLOT, lines, read_toml};
use crate::settings::{
    AttestationSlots, SettingsWarning, SyncSettings,
    document::{Document, Format},
};
use std::{num::NonZeroU32, time::Duration};

#[test]
fn attestation_slots_follow_max_reorg_when_unset() {
    for (max_reorg, slots) in [
        (0, 1),
        (1, 1),
        (2, 2),
        (3, 3),
        (5, 3),
        (4_294_967_295_u64, 3),
    ] {
        let text = format!("[sync]\ntier2_max_reorg = {max_reorg}");
        let expected = AttestationSlots(NonZeroU32::new(slots).unwrap());
        assert_eq!(
            read_toml(&text).unwrap().attestation_slots,
            expected,
            "{max_reorg}"
        );
    }
}

#[test]
fn attestation_slots_above_max_reorg_are_refused() {
    let report = read_toml("[sync]\ntier2_max_reorg = 0\nattestation_slots = 2").unwrap_err();
    assert_eq!(
        lines(&report),
        [
            "line 3: sync.attestation_slots = 2: accepted: 1 to max(1, sync.tier2_max_reorg), which is 1"
        ]
    );
}

#[test]
fn byte_budgets_stand_in_order() {
    let text = "[sync.limits]\nblock_bytes = 1000\nreply_soft_bytes = 1001\nreply_hard_bytes = 999";
    let report = read_toml(text).unwrap_err();
    assert_eq!(
        lines(&report),
        [
            "line 2: sync.limits.block_bytes = 1000: accepted: at most sync.limits.reply_hard_bytes, which is 999",
            "line 3: sync.limits.reply_soft_bytes = 1001: accepted: at most sync.limits.block_bytes, which is 1000",
        ]
    );
    let equal = "[sync.limits]\nblock_bytes = 9\nreply_soft_bytes = 9\nreply_hard_bytes = 9";
    assert!(read_toml(equal).is_ok());
}

#[test]
fn a_contradiction_to_a_default_is_shown_at_the_key_that_is_given() {
    let report = read_toml("[sync.limits]\n\nblock_bytes = 1000").unwrap_err();
    assert_eq!(
        lines(&report),
        [
            "line 3: sync.limits.reply_soft_bytes = 2097152: accepted: at most sync.limits.block_bytes, which is 1000"
        ]
    );
}

#[test]
fn a_key_that_is_wrong_in_itself_contradicts_nothing() {
    let report = read_toml("[sync.limits]\nblock_bytes = 1000\nreply_soft_bytes = -1").unwrap_err();
    assert_eq!(report.problems.len(), 1, "{report}");
}

#[test]
fn the_first_pause_is_no_longer_than_the_longest() {
    let text = "[sync.limits]\nbackoff_first_ms = 2\nbackoff_max_ms = 1";
    let report = read_toml(text).unwrap_err();
    assert_eq!(
        lines(&report),
        [
            "line 2: sync.limits.backoff_first_ms = 2: accepted: at most sync.limits.backoff_max_ms, which is 1"
        ]
    );
}

fn read_with_slot(text: &str, slot: Option<Duration>) -> Vec<String> {
    let document = Document::parse("test", Format::Toml, text).unwrap();
    let read = document.read(|root, problems| Some(SyncSettings::read(root, slot, problems)));
    read.map_or_else(|report| lines(&report), |_| Vec::new())
}

#[test]
fn drift_stays_below_half_a_slot() {
    let text = "[sync.limits]\ndrift_ms = 1000";
    assert!(read_with_slot(text, Some(Duration::from_millis(2_001))).is_empty());
    assert_eq!(
        read_with_slot(text, Some(SLOT)),
        [
            "line 2: sync.limits.drift_ms = 1000: accepted: below half of slot_duration_ms, which is 2000"
        ]
    );
}

#[test]
fn the_default_drift_is_refused_on_a_chain_whose_slots_are_too_short_for_it() {
    let slot = Some(Duration::from_secs(1));
    let refused =
        "sync.limits.drift_ms = 500: accepted: below half of slot_duration_ms, which is 1000";
    assert_eq!(read_with_slot("", slot), [format!("line 1: {refused}")]);
    assert_eq!(
        read_with_slot("\n[sync]", slot),
        [format!("line 2: {refused}")]
    );
}

#[test]
fn drift_is_not_judged_by_a_slot_that_is_itself_wrong() {
    assert!(read_with_slot("[sync.limits]\ndrift_ms = 86400000", None).is_empty());
}

#[test]
fn shallow_reorgs_are_warned_of_where_there_is_somebody_to_fork() {
    for (max_reorg, authorities, warned) in
        [(2, 2, true), (0, 4, true), (2, 1, false), (3, 2, false)]
    {
        let mut settings = SyncSettings::default();
        settings.tier2.max_reorg = max_reorg;
        let expected = SettingsWarning::ShallowReorg {
            max_reorg,
            authorities,
        };
        let expected = if warned { vec![expected] } else { vec![] };
        assert_eq!(settings.warnings(authorities), expected);
    }
}
