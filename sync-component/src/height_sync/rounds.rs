//! Whole rounds, and the design's names for them (SPEC section 8).

use super::{HeightSyncManager, Judgement, Tally, Waiting};
use crate::{
    block_id::BlockId,
    block_sync::BlockSyncManager,
    error::{NetworkError, NoConsensus},
    ports::{BridgeError, PeerId},
    status::{SyncStatus, Verdict},
};
use futures::future::{Either, select};
use sp_runtime::traits::Block as BlockT;
use std::{pin::pin, time::Duration};

impl<B: BlockT> HeightSyncManager<B> {
    /// One round: asks everybody whose last word is older than `age` and judges as soon as no missing answer can change
    /// the row, at the latest after `budget`.
    pub async fn round(
        &self,
        age: Duration,
        budget: Duration,
    ) -> Result<Judgement<B>, BridgeError> {
        let start = self.context.clock.now();
        let deadline = start.plus(budget);
        let mut changes = self.changes();
        self.ask(age);
        loop {
            changes.borrow_and_update();
            // What was heard before that is too old for this round.
            let judgement =
                self.judge(age.saturating_add(self.context.clock.now().since(start)))?;
            let left = deadline.since(self.context.clock.now());
            if judgement.waiting == Waiting::Decided || left.is_zero() {
                return Ok(judgement);
            }
            // The pause lets a mute peer's grace run out.
            let pause = self.context.clock.sleep(left.min(self.slot() / 16));
            let change = pin!(changes.changed());
            if let Either::Left((Err(_), _)) = select(change, pause).await {
                return Ok(judgement);
            }
        }
    }

    /// Asks all peers and returns what they claim, those left out that were silent for `tier1_timeout_secs` (the design's name).
    pub async fn query_peer_heights(&self) -> Result<Vec<(PeerId, BlockId<B>)>, BridgeError> {
        let asked = self.context.clock.now();
        let deadline = asked.plus(self.context.settings.tier1.timeout);
        let mut changes = self.changes();
        self.ask(Duration::ZERO);
        // What authorities attest decides many a row before the first peer has answered.
        while !self.state().asking.is_empty() {
            changes.borrow_and_update();
            let left = deadline.since(self.context.clock.now());
            let end = self.context.clock.sleep(left);
            if let Either::Right(_) = select(pin!(changes.changed()), end).await {
                break;
            }
        }
        let table = self.context.peers.table();
        let told = table
            .iter()
            .filter_map(|(peer, entry)| Some((peer, entry.sighting.as_ref()?)));
        let fresh = told.filter(|(_, sighting)| sighting.at >= asked);
        Ok(fresh
            .map(|(peer, sighting)| (peer.clone(), sighting.standing.best))
            .collect())
    }

    /// The consensus block of a fresh round, as the selected strategy finds it; an error while the votes that came are none, or
    /// too few (the design's name).
    pub async fn find_consensus_height(&self) -> Result<BlockId<B>, NetworkError> {
        let judgement = self
            .round(self.fresh(), self.context.settings.tier1.timeout)
            .await?;
        let is_void = matches!(
            &judgement.verdict,
            Verdict::Unverified(
                NetworkError::NoPeersAvailable
                    | NetworkError::Timeout { .. }
                    | NetworkError::NoConsensusReached(
                        NoConsensus::TooFewResponses { .. } | NoConsensus::NoVotes { .. },
                    )
            )
        );
        let consensus = judgement.tally.consensus.filter(|_| !is_void);
        match (consensus, judgement.verdict) {
            (Some(consensus), _) => Ok(consensus),
            (None, Verdict::Unverified(reason)) => Err(reason),
            (None, Verdict::Known(_)) => {
                let Tally { voters, need, .. } = judgement.tally;
                Err(NetworkError::NoConsensusReached(
                    NoConsensus::NoCommonHeight { voters, need },
                ))
            }
        }
    }

    /// Measures, and fetches a gap of up to `tier1_max_gap` blocks at once through `blocks`; returns the status after
    /// that (the design's name; SPEC section 15: measuring and fetching are one each).
    pub async fn check_and_catchup_small_gaps(
        &self,
        blocks: &BlockSyncManager<B>,
    ) -> Result<SyncStatus<B>, NetworkError> {
        let budget = self.context.settings.tier1.timeout;
        let mut judgement = self.round(self.fresh(), budget).await?;
        if let (Verdict::Known(SyncStatus::SmallGap(_)), Some(target)) =
            (&judgement.verdict, &judgement.target)
        {
            blocks.catch_up_to_consensus(target).await?;
            self.chain_changed(None)?;
            judgement = self.round(self.fresh(), budget).await?;
        }
        match judgement.verdict {
            Verdict::Known(status) => Ok(status),
            Verdict::Unverified(reason) => Err(reason),
        }
    }
}
