use crate::{
    runtime::Block,
    telemetry::alerts::{Alert, AlertKind, rules::AlertRules},
};
use sp_core::H256;
use std::time::Duration;
use sync_component::{
    BlockId, NetworkError, SyncStatus,
    error::{LocalFault, NoConsensus},
    orchestrator::{Hold, HoldStatus, SyncEvent},
    ports::{JobLost, MonoTime, PeerId},
    status::{CriticalReason, Duty, GapRemedy, Note, StatusReport, Tier, Verdict},
};

fn block(number: u32) -> BlockId<Block> {
    BlockId::new(number, H256::repeat_byte(1))
}

fn report(verdict: Verdict<Block>, notes: Vec<Note<Block>>) -> StatusReport<Block> {
    StatusReport {
        verdict,
        best: block(12),
        finalized: block(7),
        target: None,
        consensus: None,
        peers: 3,
        voters: 3,
        with_us: 3,
        round: 1,
        age: Duration::ZERO,
        tier: Tier::HeightCheck,
        progress: None,
        notes,
    }
}

fn critical(reason: CriticalReason<Block>) -> Verdict<Block> {
    Verdict::Known(SyncStatus::Critical(reason))
}

fn gap(remedy: GapRemedy) -> Verdict<Block> {
    critical(CriticalReason::Gap { gap: 5_000, remedy })
}

fn at(seconds: u64) -> MonoTime {
    MonoTime(Duration::from_secs(seconds))
}

fn raised(event: &SyncEvent<Block>) -> Option<Alert> {
    AlertRules::default().happened(event, at(0))
}

fn changed(verdict: Verdict<Block>) -> SyncEvent<Block> {
    SyncEvent::StatusChanged(Box::new(report(verdict, Vec::new())))
}

#[test]
fn every_critical_status_but_a_gap_that_closes_itself_is_an_alert_that_says_what_to_do() {
    let (ours, theirs, ancestor) = (block(12), block(13), block(2));
    let table = [
        (
            CriticalReason::Fork {
                ours,
                theirs,
                ancestor,
            },
            AlertKind::Fork,
            "resync",
        ),
        (
            CriticalReason::MayBeFaulty { block: ours },
            AlertKind::MayBeFaulty,
            "version",
        ),
        (
            CriticalReason::FinalityConflict { ours, theirs },
            AlertKind::FinalityConflict,
            "operators",
        ),
        (
            CriticalReason::OwnKeyUsedElsewhere { block: ours },
            AlertKind::OwnKeyUsedElsewhere,
            "stop the other node",
        ),
        (
            CriticalReason::Ahead {
                ours,
                behind: 2,
                voters: 3,
            },
            AlertKind::Ahead,
            "check",
        ),
        (
            CriticalReason::Gap {
                gap: 5_000,
                remedy: GapRemedy::Operator,
            },
            AlertKind::CriticalGap,
            "resync",
        ),
    ];
    for (reason, kind, word) in table {
        let alert = raised(&changed(critical(reason))).unwrap();
        assert_eq!(alert.kind, kind);
        assert!(alert.message.contains(word), "{}", alert.message);
    }
    assert_eq!(raised(&changed(gap(GapRemedy::Windows))), None);
    for calm in [
        SyncStatus::InSync,
        SyncStatus::SmallGap(3),
        SyncStatus::LargeGap(500),
    ] {
        assert_eq!(raised(&changed(Verdict::Known(calm))), None);
    }
}

#[test]
fn fork_whose_tips_move_on_is_the_same_alert_and_one_that_leaves_elsewhere_is_another() {
    let fork = |tip, at| CriticalReason::Fork {
        ours: block(tip),
        theirs: block(tip + 1),
        ancestor: block(at),
    };
    let of_status = |tip, at| raised(&changed(critical(fork(tip, at)))).unwrap();
    let of_gate = |tip, at| {
        let status = HoldStatus(SyncStatus::Critical(fork(tip, at)));
        raised(&SyncEvent::GateHeld(Hold::Status(status))).unwrap()
    };
    assert_eq!(of_status(12, 2).about, of_status(13, 2).about);
    assert_ne!(of_status(12, 2).message, of_status(13, 2).message);
    assert_ne!(of_status(12, 2).about, of_status(12, 3).about);
    assert_eq!(of_gate(12, 2).about, of_gate(13, 2).about);
    assert_ne!(of_gate(12, 2).about, of_gate(12, 3).about);
}

#[test]
fn clock_in_doubt_is_an_alert_and_a_lack_of_peers_at_the_start_is_none() {
    let suspect = NetworkError::ClockSuspect { voters: 3, of: 4 };
    let alert = raised(&changed(Verdict::Unverified(suspect))).unwrap();
    assert_eq!(alert.kind, AlertKind::ClockSuspect);
    let alone = Verdict::Unverified(NetworkError::NoPeersAvailable);
    assert_eq!(raised(&changed(alone)), None);
}

#[test]
fn paused_production_is_an_alert_at_once_only_where_it_does_not_end_by_itself() {
    let reason = CriticalReason::MayBeFaulty { block: block(3) };
    let hold = Hold::Status(HoldStatus(SyncStatus::Critical(reason)));
    let alert = raised(&SyncEvent::GateHeld(hold)).unwrap();
    assert_eq!(alert.kind, AlertKind::ProductionPaused);
    assert_eq!(alert.hold.unwrap().name(), "critical");
    for status in [SyncStatus::SmallGap(1), SyncStatus::MediumGap(60)] {
        let hold = Hold::Status(HoldStatus(status));
        assert_eq!(raised(&SyncEvent::GateHeld(hold)), None);
    }
}

#[test]
fn want_of_votes_is_an_alert_after_a_minute_without_a_cleared_slot() {
    let held = SyncEvent::<Block>::GateHeld(Hold::Unverified(NetworkError::NoConsensusReached(
        NoConsensus::NoVotes { responses: 2 },
    )));
    let mut rules = AlertRules::default();
    assert_eq!(rules.happened(&held, at(0)), None);
    assert_eq!(rules.happened(&held, at(59)), None);
    let alert = rules.happened(&held, at(60)).unwrap();
    assert_eq!(alert.hold.unwrap().name(), "no_consensus");
    let cleared = SyncEvent::GateCleared { on: block(12) };
    assert_eq!(rules.happened(&cleared, at(61)), None);
    assert_eq!(rules.happened(&held, at(62)), None, "a new minute begins");
}

#[test]
fn want_of_votes_begins_anew_after_a_hold_for_another_reason() {
    let held = |hold| SyncEvent::<Block>::GateHeld(hold);
    let mut rules = AlertRules::default();
    let no_peers = held(Hold::Unverified(NetworkError::NoPeersAvailable));
    assert_eq!(rules.happened(&no_peers, at(0)), None);
    for minute in 0..30 {
        let gap = held(Hold::Status(HoldStatus(SyncStatus::LargeGap(400))));
        assert_eq!(rules.happened(&gap, at(6 + 60 * minute)), None);
    }
    let no_consensus = held(Hold::Unverified(NetworkError::NoConsensusReached(
        NoConsensus::NoVotes { responses: 2 },
    )));
    assert_eq!(rules.happened(&no_consensus, at(1_800)), None);
    assert!(rules.happened(&no_consensus, at(1_860)).is_some());
}

#[test]
fn failed_session_is_an_alert_only_while_far_behind() {
    let failed = SyncEvent::<Block>::CatchUpFailed(NetworkError::BlockNotFound { number: 13 });
    let mut rules = AlertRules::default();
    assert_eq!(rules.happened(&failed, at(0)), None);
    for verdict in [
        Verdict::Known(SyncStatus::LargeGap(400)),
        gap(GapRemedy::Windows),
    ] {
        rules.happened(&changed(verdict), at(1));
        let alert = rules.happened(&failed, at(2)).unwrap();
        assert_eq!(alert.kind, AlertKind::CatchUpFailed);
    }
    rules.happened(&changed(Verdict::Known(SyncStatus::SmallGap(1))), at(3));
    assert_eq!(rules.happened(&failed, at(4)), None);
}

#[test]
fn fault_of_our_own_is_an_alert_and_a_banned_peer_is_none() {
    let lost = NetworkError::Local(LocalFault::Job(JobLost));
    let alert = raised(&SyncEvent::CatchUpFailed(lost)).unwrap();
    assert_eq!(alert.kind, AlertKind::LocalFault);
    let alert = raised(&SyncEvent::CatchUpPanicked).unwrap();
    assert_eq!(alert.kind, AlertKind::LocalFault);
    let peer = PeerId::from_bytes(b"somebody");
    assert_eq!(raised(&SyncEvent::PeerBanned { peer }), None);
}

#[test]
fn what_the_clock_shows_is_an_alert_when_it_appears() {
    let stalled = || {
        vec![
            Note::Stalled { slots: 20 },
            Note::BehindSchedule { missed_slots: 40 },
        ]
    };
    let in_sync = |notes| report(Verdict::Known(SyncStatus::InSync), notes);
    let mut rules = AlertRules::default();
    let kinds = |alerts: Vec<Alert>| alerts.iter().map(|alert| alert.kind).collect::<Vec<_>>();
    assert_eq!(
        kinds(rules.looked(&in_sync(stalled()), at(0))),
        [AlertKind::Stalled]
    );
    assert_eq!(kinds(rules.looked(&in_sync(stalled()), at(59))), []);
    assert_eq!(
        kinds(rules.looked(&in_sync(stalled()), at(60))),
        [AlertKind::BehindSchedule],
        "for a minute: no restart is that slow"
    );
    assert_eq!(
        kinds(rules.looked(&in_sync(stalled()), at(99))),
        [],
        "it lasts"
    );
    assert_eq!(kinds(rules.looked(&in_sync(Vec::new()), at(100))), []);
    assert_eq!(
        kinds(rules.looked(&in_sync(stalled()), at(101))),
        [AlertKind::Stalled],
        "it is back"
    );
}

#[test]
fn what_cannot_be_signed_is_an_alert_at_once_and_explains_why_nothing_is_new() {
    let why = "/data/signed: No space left on device".to_owned();
    let unsigned = SyncEvent::<Block>::NotSigned {
        duty: Duty::Block,
        why: why.clone(),
    };
    let alert = raised(&unsigned).unwrap();
    assert_eq!(alert.kind, AlertKind::LocalFault);
    assert!(alert.message.contains(&why), "{}", alert.message);
    let stalled = |duty| {
        let notes = vec![
            Note::NotSigned {
                duty,
                why: why.clone(),
            },
            Note::Stalled { slots: 20 },
        ];
        report(Verdict::Known(SyncStatus::InSync), notes)
    };
    let mut rules = AlertRules::default();
    assert_eq!(rules.looked(&stalled(Duty::Block), at(0)), []);
    // Others author all the same: that nothing comes has another reason.
    assert_eq!(rules.looked(&stalled(Duty::Attestation), at(5)).len(), 1);
}

#[test]
fn whoever_catches_up_is_behind_schedule_without_an_alert() {
    let behind = || {
        vec![Note::BehindSchedule {
            missed_slots: 9_000,
        }]
    };
    for verdict in [
        Verdict::Unverified(NetworkError::NotAskedYet),
        gap(GapRemedy::Windows),
        Verdict::Known(SyncStatus::MediumGap(50)),
    ] {
        let mut rules = AlertRules::default();
        let report = report(verdict, behind());
        assert_eq!(rules.looked(&report, at(0)), []);
        assert_eq!(rules.looked(&report, at(3_600)), []);
    }
}
