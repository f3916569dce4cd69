#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::{Ledger, PeerClient, Proof, RangeAnswer};
use crate::{
    SyncSettings,
    observer::Unobserved,
    ports::{MonoTime, Network, PeerId, Protocol, RequestFailure, UnixMillis},
    test_kit::{SmallBlock, VirtualClock},
    wire::{BlocksReply, RangeReply, RangeRequest},
};
use async_trait::async_trait;
use codec::Encode;
use sp_core::H256;
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc;

/// Answers everything with the same bytes.
#[derive(Debug)]
struct Answers(Vec<u8>);

#[async_trait]
impl Network for Answers {
    async fn request(
        &self,
        _: &PeerId,
        _: Protocol,
        _: Vec<u8>,
    ) -> Result<Vec<u8>, RequestFailure> {
        Ok(self.0.clone())
    }

    fn refuse(&self, _: &PeerId) {}

    fn allow(&self, _: &PeerId) {}
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_blocks_proves_nothing() {
    let empty: BlocksReply<SmallBlock> = RangeReply::NotFound { lowest: 0, best: 9 };
    let busy: BlocksReply<SmallBlock> = RangeReply::Busy { retry_after_ms: 1 };
    for reply in [empty.encode(), busy.encode(), vec![0xff; 1_000]] {
        let (banned, _keep) = mpsc::unbounded_channel();
        let settings = SyncSettings::default();
        let client = PeerClient::<SmallBlock>::new(
            Arc::new(Answers(reply)),
            Arc::new(VirtualClock::starting_at(UnixMillis(1_000_000))),
            Arc::new(Unobserved),
            &settings,
            Ledger::new(&settings.limits),
            banned,
        );
        let stranger = PeerId::from_bytes(b"stranger");
        client
            .table()
            .connected(stranger.clone(), MonoTime(Duration::ZERO));
        let request = RangeRequest {
            start: 1,
            count: 1,
            parent: H256::zero(),
        };
        let answer = client
            .blocks(&stranger, request, Duration::from_secs(1))
            .await;
        assert!(!matches!(answer, Ok(RangeAnswer::Items(_))));
        let table = client.table();
        assert_eq!(
            table.record(&stranger).unwrap().latency,
            None,
            "a block takes as long as it is large"
        );
        assert_eq!(table.proof(&stranger), Proof::None);
    }
}
