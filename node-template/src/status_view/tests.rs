#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

use super::{BlockView, NodeFile, NodeFileError, NoteView, StatusView, VerdictKind};
use sp_core::sr25519;
use sp_runtime::{
    generic,
    testing::H256,
    traits::{BlakeTwo256, Header as _},
};
use std::{os::unix::fs::PermissionsExt, time::Duration};
use sync_component::{
    BlockId, NetworkError,
    attestation::Equivocation,
    chain_sync::{Counted, Progress, ResyncStage},
    status::{CriticalReason, GapRemedy, Note, StatusReport, SyncStatus, Tier, Verdict},
};

type Block = generic::Block<generic::Header<u32, BlakeTwo256>, sp_runtime::OpaqueExtrinsic>;

fn block(number: u32) -> BlockId<Block> {
    BlockId::new(
        number,
        H256::repeat_byte(u8::try_from(number % 251).unwrap()),
    )
}

fn report(verdict: Verdict<Block>) -> StatusReport<Block> {
    StatusReport {
        verdict,
        best: block(12_340),
        finalized: block(12_330),
        target: Some(block(12_345)),
        consensus: Some(block(12_345)),
        peers: 4,
        voters: 3,
        with_us: 2,
        round: 7,
        age: Duration::from_millis(1500),
        tier: Tier::CatchUp,
        progress: None,
        notes: Vec::new(),
    }
}

#[test]
fn json_has_the_fields_of_the_contract() {
    let view = StatusView::new(&report(Verdict::Known(SyncStatus::SmallGap(5))), None);
    let json = serde_json::to_value(&view).unwrap();
    assert_eq!(json["verdict"], "smallGap");
    assert_eq!(json["best"]["number"], 12_340);
    assert_eq!(
        json["best"]["hash"],
        format!("{:?}", block(12_340).hash).as_str()
    );
    assert_eq!(json["withUs"], 2);
    assert_eq!(json["ageMs"], 1500);
    assert_eq!(json["tier"], 2);
    for key in ["reason", "target", "consensus", "voters", "round"] {
        assert!(json.get(key).is_some(), "{key} is missing");
    }
}

#[test]
fn json_read_back_is_the_same_view() {
    let mut full = report(Verdict::Unverified(NetworkError::NoPeersAvailable));
    full.notes = vec![
        Note::Stalled { slots: 21 },
        Note::Minority {
            tip: block(9),
            voters: 1,
        },
    ];
    let view = StatusView::new(&full, None);
    let text = serde_json::to_string(&view).unwrap();
    assert_eq!(serde_json::from_str::<StatusView>(&text).unwrap(), view);
}

#[test]
fn note_of_a_newer_node_is_read_as_other() {
    let note: NoteView = serde_json::from_str(r#"{"kind":"fromTheFuture","x":1}"#).unwrap();
    assert_eq!(note, NoteView::Other);
}

#[test]
fn exit_codes_follow_the_verdict() {
    let fork = CriticalReason::Fork {
        ours: block(3),
        theirs: block(4),
        ancestor: block(1),
    };
    let gap = CriticalReason::Gap {
        gap: 2000,
        remedy: GapRemedy::Windows,
    };
    let table = [
        (Verdict::Known(SyncStatus::InSync), 0),
        (Verdict::Known(SyncStatus::SmallGap(1)), 1),
        (Verdict::Known(SyncStatus::MediumGap(6)), 1),
        (Verdict::Known(SyncStatus::LargeGap(101)), 1),
        (Verdict::Known(SyncStatus::Critical(fork)), 2),
        (Verdict::Known(SyncStatus::Critical(gap)), 2),
        (Verdict::Unverified(NetworkError::NoPeersAvailable), 3),
    ];
    for (verdict, code) in table {
        let view = StatusView::new(&report(verdict), None);
        assert_eq!(view.verdict.exit_code(), code, "{view}");
    }
}

#[test]
fn text_starts_with_the_health_line() {
    let view = StatusView::new(&report(Verdict::Known(SyncStatus::SmallGap(5))), None);
    let text = view.to_string();
    let mut lines = text.lines();
    assert_eq!(
        lines.next(),
        Some("⚠️ Small Gap: Height 12340 (consensus: 12345, gap: 5)")
    );
    assert!(text.contains("2 of 3 voters with us"), "{text}");
}

#[test]
fn verdict_word_in_json_is_the_word_that_people_read() {
    for kind in [
        VerdictKind::InSync,
        VerdictKind::SmallGap,
        VerdictKind::MediumGap,
        VerdictKind::LargeGap,
        VerdictKind::Critical,
        VerdictKind::Unknown,
    ] {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.word());
    }
}

#[test]
fn hash_is_written_in_full() {
    assert_eq!(BlockView::from(block(1)).hash.len(), 66);
}

#[test]
fn node_file_is_for_its_owner_only_and_reads_back_until_it_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = NodeFile {
        pid: 7,
        rpc_url: "http://127.0.0.1:9944".into(),
        prometheus_url: None,
        listen_addresses: vec!["/ip4/127.0.0.1/tcp/30333/p2p/x".into()],
        token: "secret".into(),
    };
    assert_eq!(NodeFile::read(folder.path()).unwrap(), None);
    file.write(folder.path()).unwrap();
    file.pid = 8;
    file.write(folder.path()).unwrap();
    assert_eq!(NodeFile::read(folder.path()).unwrap(), Some(file));
    let data = std::fs::metadata(folder.path().join(NodeFile::NAME)).unwrap();
    assert_eq!(data.permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    NodeFile::remove(folder.path()).unwrap();
    NodeFile::remove(folder.path()).unwrap();
    assert_eq!(NodeFile::read(folder.path()).unwrap(), None);
}

#[test]
fn node_file_of_something_else_is_malformed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(NodeFile::NAME), "{}").unwrap();
    assert!(matches!(
        NodeFile::read(folder.path()),
        Err(NodeFileError::Malformed { .. })
    ));
}

#[test]
fn text_says_why_and_what_to_do_where_the_health_line_does_not() {
    let fork = CriticalReason::Fork {
        ours: block(12_340),
        theirs: block(12_345),
        ancestor: block(12_000),
    };
    let view = StatusView::new(&report(Verdict::Known(SyncStatus::Critical(fork))), None);
    let text = view.to_string();
    assert!(text.contains("\n  reason     fork: our tip"), "{text}");
    assert!(text.contains("run `node-template resync`"), "{text}");

    // It is said once.
    let alone = Verdict::Unverified(NetworkError::NoPeersAvailable);
    let text = StatusView::new(&report(alone), None).to_string();
    assert_eq!(text.matches("--bootnodes").count(), 1, "{text}");
    assert!(!text.contains("\n  reason"), "{text}");
    let text = StatusView::new(&report(Verdict::Known(SyncStatus::InSync)), None).to_string();
    assert!(!text.contains("reason"), "{text}");
}

#[test]
fn catching_up_shows_blocks_rate_time_left_peers_and_bytes() {
    let mut behind = report(Verdict::Known(SyncStatus::SmallGap(5)));
    behind.progress = Some(sync_component::status::Progress {
        done: 3,
        total: Some(8),
        rate: Some(2.5),
        eta: Some(Duration::from_secs(2)),
        peers: 4,
        bytes: 3 << 19,
    });
    let text = StatusView::new(&behind, None).to_string();
    let line = "3 of 8 blocks from 4 peers, 2.5 blocks/s, about 2 s left, 1.5 MiB received";
    assert!(text.contains(line), "{text}");
}

#[test]
fn resync_beside_the_live_chain_is_tier_3_with_its_progress_and_stage() {
    let in_sync = report(Verdict::Known(SyncStatus::InSync));
    let mut resync = Progress {
        stage: ResyncStage::Downloading,
        counted: Counted::Blocks,
        done: 500,
        total: Some(2_000),
        rate: 100.0,
        eta: Some(Duration::from_secs(15)),
        sources: 2,
    };
    let view = StatusView::new(&in_sync, Some(&resync));
    let progress = view.progress.clone().unwrap();
    assert_eq!(view.tier, 3);
    assert_eq!(
        (progress.done, progress.total, progress.peers),
        (500, 2_000, 2)
    );
    assert_eq!((progress.rate, progress.eta_secs), (Some(100.0), Some(15)));
    // The state has no total, and so no percent; its entries are counted all the same.
    resync.counted = Counted::Entries;
    resync.total = None;
    let view = StatusView::new(&in_sync, Some(&resync));
    let progress = view.progress.clone().unwrap();
    assert_eq!(
        (progress.done, progress.total, progress.rate),
        (500, 0, None)
    );
    let text = view.to_string();
    assert!(
        text.contains("progress   fetching the state, 500"),
        "{text}"
    );
    resync.stage = ResyncStage::Voting;
    let view = StatusView::new(&in_sync, Some(&resync));
    let text = view.to_string();
    assert!(text.contains("Tier 3"), "{text}");
    assert!(text.contains("progress   asking the voters"), "{text}");
}

#[test]
fn note_of_an_old_tip_speaks_of_the_tip() {
    let text = NoteView::BehindSchedule { missed_slots: 77 }.to_string();
    assert!(text.contains("our best block is 77 slots old"), "{text}");
}

/// An operator can pass both headers on: they are whole, with their seals.
#[test]
fn equivocation_is_shown_with_both_headers() {
    use codec::Decode;
    use sp_runtime::{Digest, DigestItem};
    type Header = generic::Header<u32, BlakeTwo256>;
    let header = |salt: u8| {
        let digest = Digest {
            logs: vec![DigestItem::Seal(*b"aura", vec![salt; 64])],
        };
        let (root, parent) = (H256::repeat_byte(salt), H256::repeat_byte(9));
        Header::new(7, root, root, parent, digest)
    };
    let note = Note::<Block>::Equivocation(Equivocation::Seals {
        authority: sr25519::Public::from_raw([3; 32]),
        slot: 6.into(),
        first: Box::new(header(1)),
        second: Box::new(header(2)),
    });
    let json = serde_json::to_value(NoteView::from(&note)).unwrap();
    let shown = json.to_string();
    let NoteView::Equivocation { evidence, .. } = serde_json::from_value(json).unwrap() else {
        panic!("{shown}");
    };
    let decoded = evidence.iter().map(|text| {
        let bytes = hex::decode(text.strip_prefix("0x").unwrap()).unwrap();
        Header::decode(&mut bytes.as_slice()).unwrap()
    });
    assert_eq!(decoded.collect::<Vec<_>>(), [header(1), header(2)]);
}
