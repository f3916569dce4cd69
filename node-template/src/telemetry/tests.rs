#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

use super::{
    Throttle,
    health::HealthLog,
    lines::{ImportedLine, StateLine, Traffic, reorg_line},
    logging::{LogFormat, split},
    start_log,
};
use crate::runtime::{Block, Header};
use sp_core::H256;
use sp_runtime::{Digest, traits::Header as _};
use std::time::Duration;
use sync_component::{
    BlockId, NetworkError,
    chain_sync::{Counted, Progress as ResyncProgress, ResyncStage},
    ports::{ChainEvent, MonoTime, Retracted},
    status::{CriticalReason, GapRemedy, Progress, StatusReport, SyncStatus, Tier, Verdict},
};

fn block(number: u32, byte: u8) -> BlockId<Block> {
    BlockId::new(number, H256::repeat_byte(byte))
}

fn report() -> StatusReport<Block> {
    StatusReport {
        verdict: Verdict::Known(SyncStatus::InSync),
        best: block(12, 0xab),
        finalized: block(7, 0xcd),
        target: None,
        consensus: None,
        peers: 8,
        voters: 8,
        with_us: 8,
        round: 1,
        age: Duration::ZERO,
        tier: Tier::HeightCheck,
        progress: None,
        notes: Vec::new(),
    }
}

const TRAFFIC: Traffic = Traffic {
    received: 1228.8,
    sent: 921.6,
};

#[test]
fn idle_line_is_substrates() {
    let report = report();
    let line = StateLine {
        report: &report,
        resync: None,
        traffic: TRAFFIC,
    };
    assert_eq!(
        line.to_string(),
        "💤 Idle (8 peers), best: #12 (0xabab…abab), finalized #7 (0xcdcd…cdcd), ⬇ 1.2kiB/s ⬆ 0.9kiB/s"
    );
}

#[test]
fn syncing_line_adds_tier_percent_and_estimate() {
    let mut report = report();
    report.peers = 4;
    report.tier = Tier::CatchUp;
    report.target = Some(block(1000, 1));
    report.progress = Some(Progress {
        done: 250,
        total: Some(1000),
        rate: Some(950.44),
        eta: Some(Duration::from_secs(62)),
        peers: 3,
        bytes: 0,
    });
    let line = StateLine {
        report: &report,
        resync: None,
        traffic: Traffic::default(),
    };
    assert_eq!(
        line.to_string(),
        "⚙️  Syncing 950.4 bps, target=#1000 (4 peers), best: #12 (0xabab…abab), finalized #7 (0xcdcd…cdcd), Tier 2, 25%, ETA 1m02s, ⬇ 0 ⬆ 0"
    );
}

#[test]
fn session_of_no_length_shows_no_percent_and_no_estimate() {
    let mut report = report();
    report.target = Some(block(13, 1));
    report.progress = Some(Progress {
        done: 0,
        total: Some(0),
        rate: None,
        eta: None,
        peers: 0,
        bytes: 0,
    });
    let line = StateLine {
        report: &report,
        resync: None,
        traffic: Traffic::default(),
    };
    let text = line.to_string();
    assert!(text.starts_with("⚙️  Syncing target=#13 (8 peers), best: "));
    assert!(!text.contains('%') && !text.contains("ETA"), "{text}");
}

#[test]
fn session_without_a_target_that_holds_us_up_is_syncing_all_the_same() {
    let mut report = report();
    report.tier = Tier::CatchUp;
    report.progress = Some(Progress {
        done: 1,
        total: Some(4),
        rate: Some(2.0),
        eta: None,
        peers: 1,
        bytes: 0,
    });
    let line = StateLine {
        report: &report,
        resync: None,
        traffic: Traffic::default(),
    };
    let text = line.to_string();
    assert!(
        text.starts_with("⚙️  Syncing 2.0 bps (8 peers), best: "),
        "{text}"
    );
    assert!(text.contains(", Tier 2, 25%, "), "{text}");
}

#[test]
fn resync_beside_the_live_chain_shows_its_tier_percent_and_estimate() {
    let report = report();
    let mut progress = ResyncProgress {
        stage: ResyncStage::Downloading,
        counted: Counted::Blocks,
        done: 500,
        total: Some(2_000),
        rate: 100.0,
        eta: Some(Duration::from_secs(15)),
        sources: 2,
    };
    let line = |progress: &ResyncProgress| {
        StateLine {
            report: &report,
            resync: Some(progress),
            traffic: Traffic::default(),
        }
        .to_string()
    };
    assert_eq!(
        line(&progress),
        "⚙️  Syncing 100.0 bps, target=#2000 (8 peers), best: #12 (0xabab…abab), finalized #7 (0xcdcd…cdcd), Tier 3, 25%, ETA 15s, ⬇ 0 ⬆ 0"
    );
    progress.eta = None;
    progress.counted = Counted::Headers;
    let text = line(&progress);
    assert!(text.starts_with("⚙️  Syncing target=#2000 ("), "{text}");
    assert!(text.contains(", Tier 3 fetching headers, 25%, ⬇"), "{text}");
    // Nobody knows of how many.
    progress.counted = Counted::Entries;
    progress.total = None;
    let text = line(&progress);
    assert!(text.starts_with("⚙️  Syncing (8 peers)"), "{text}");
    assert!(text.contains(", Tier 3 fetching the state, ⬇"), "{text}");
    progress.stage = ResyncStage::Voting;
    progress.eta = None;
    let text = line(&progress);
    assert!(text.contains(", Tier 3 asking the voters, ⬇"), "{text}");
}

fn event(retracted: Option<Retracted<Block>>) -> ChainEvent<Block> {
    ChainEvent {
        header: Header::new(
            9,
            H256::zero(),
            H256::zero(),
            H256::repeat_byte(2),
            Digest::default(),
        ),
        best: block(9, 3),
        finalized: block(0, 0),
        retracted,
    }
}

#[test]
fn import_and_reorg_lines_are_substrates() {
    let line = ImportedLine {
        parent: H256::repeat_byte(2),
        best: block(9, 3),
    };
    assert_eq!(
        line.to_string(),
        "🏆 Imported #9 (0x0202…0202 → 0x0303…0303)"
    );
    assert_eq!(reorg_line(&event(None)), None);
    let reorg = event(Some(Retracted {
        old_best: block(8, 1),
        common_ancestor: block(6, 4),
    }));
    assert_eq!(
        reorg_line(&reorg).unwrap(),
        "♻️  Reorg on #8,0x0101…0101 to #9,0x0303…0303, common ancestor #6,0x0404…0404"
    );
}

#[test]
fn one_line_per_kind_and_period_and_the_rest_is_counted() {
    let at = |seconds| MonoTime(Duration::from_secs(seconds));
    let mut throttle = Throttle::new(Duration::from_mins(1));
    assert_eq!(throttle.pass("a", at(0)), Some(0));
    assert_eq!(throttle.pass("a", at(1)), None);
    assert_eq!(throttle.pass("a", at(59)), None);
    assert_eq!(throttle.pass("b", at(59)), Some(0));
    assert_eq!(throttle.pass("a", at(60)), Some(2));
    assert_eq!(throttle.pass("a", at(119)), None);
    assert_eq!(throttle.pass("a", at(120)), Some(1));
}

fn with(verdict: Verdict<Block>) -> StatusReport<Block> {
    StatusReport {
        verdict,
        ..report()
    }
}

#[test]
fn gap_of_a_moment_is_not_shown() {
    let mut health = HealthLog::default();
    let in_sync = with(Verdict::Known(SyncStatus::InSync));
    let gap = with(Verdict::Known(SyncStatus::SmallGap(1)));
    assert!(health.changed(&in_sync).is_some());
    for _ in 0..3 {
        assert_eq!(health.changed(&gap), None);
        assert_eq!(health.changed(&in_sync), None);
    }
}

#[test]
fn gap_that_lasts_is_shown_once_and_so_is_its_end() {
    let mut health = HealthLog::default();
    let in_sync = with(Verdict::Known(SyncStatus::InSync));
    health.changed(&in_sync);
    let gap = |blocks| with(Verdict::Known(SyncStatus::SmallGap(blocks)));
    assert_eq!(health.changed(&gap(2)), None);
    let line = health.looked(&gap(2)).unwrap();
    assert!(line.starts_with("⚠️ Small Gap: Height 12"), "{line}");
    assert_eq!(health.looked(&gap(3)), None);
    assert!(health.changed(&in_sync).is_some());
}

#[test]
fn another_reason_is_another_line() {
    let mut health = HealthLog::default();
    let alone = with(Verdict::Unverified(NetworkError::NoPeersAvailable));
    let not_asked = with(Verdict::Unverified(NetworkError::NotAskedYet));
    assert!(health.changed(&alone).is_some());
    assert_eq!(health.changed(&alone), None);
    assert!(health.changed(&not_asked).is_some());
}

#[test]
fn critical_gap_that_closes_is_one_line_however_many_blocks_come() {
    let mut health = HealthLog::default();
    let gap = |gap| {
        with(Verdict::Known(SyncStatus::Critical(CriticalReason::Gap {
            gap,
            remedy: GapRemedy::Windows,
        })))
    };
    assert!(health.changed(&gap(5_000)).is_some());
    for left in (1_001..5_000).rev().step_by(100) {
        assert_eq!(health.changed(&gap(left)), None);
        assert_eq!(health.looked(&gap(left)), None);
    }
    assert!(
        health
            .changed(&with(Verdict::Known(SyncStatus::LargeGap(900))))
            .is_some()
    );
}

#[test]
fn filter_that_is_none_is_refused_with_what_would_do() {
    let error = start_log("sync=loud").unwrap_err().to_string();
    assert!(error.contains("sync=loud"), "{error}");
    assert!(error.contains("info,sync=debug"), "{error}");
}

#[test]
fn json_is_taken_out_of_the_filters_wherever_it_stands() {
    let json = |filter: &str| (LogFormat::Json, filter.to_owned());
    assert_eq!(split("json"), json(""));
    assert_eq!(split("info,json"), json("info"));
    assert_eq!(
        split("json,sync=debug,libp2p=warn"),
        json("sync=debug,libp2p=warn")
    );
    assert_eq!(split("info, json ,json"), json("info"));
    // Nobody means a filter by it.
    assert_eq!(split("JSON,Json"), json(""));
    let text = "json=debug,info";
    assert_eq!(split(text), (LogFormat::Text, text.to_owned()));
}
