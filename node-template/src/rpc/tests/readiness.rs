use crate::{Block, rpc::readiness::is_ready};
use sp_core::H256;
use std::time::Duration;
use sync_component::{
    BlockId, NetworkError, SyncStatus,
    status::{Duty, Note, StatusReport, Tier, Verdict},
};

fn report(verdict: Verdict<Block>, notes: Vec<Note<Block>>) -> StatusReport<Block> {
    let best = BlockId::new(7, H256::repeat_byte(7));
    StatusReport {
        verdict,
        best,
        finalized: best,
        target: None,
        consensus: Some(best),
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

#[test]
fn node_is_ready_only_in_sync_with_a_fresh_tip_and_new_blocks() {
    let in_sync = || Verdict::Known(SyncStatus::InSync);
    let stalled = || Note::Stalled { slots: 20 };
    let behind = || Note::BehindSchedule { missed_slots: 21 };
    let unsigned = |duty| Note::NotSigned {
        duty,
        why: "the disk is full".to_owned(),
    };
    let minority = Note::Minority {
        tip: BlockId::new(6, H256::repeat_byte(9)),
        voters: 1,
    };
    for (verdict, notes, expected) in [
        (in_sync(), vec![], true),
        (in_sync(), vec![minority], true),
        (in_sync(), vec![stalled()], false),
        (in_sync(), vec![behind()], false),
        (in_sync(), vec![stalled(), behind()], false),
        (in_sync(), vec![unsigned(Duty::Block)], false),
        (in_sync(), vec![unsigned(Duty::Attestation)], false),
        (Verdict::Known(SyncStatus::SmallGap(1)), vec![], false),
        (
            Verdict::Unverified(NetworkError::NoPeersAvailable),
            vec![],
            false,
        ),
    ] {
        let report = report(verdict, notes);
        assert_eq!(is_ready(&report), expected, "{report:?}");
    }
}
