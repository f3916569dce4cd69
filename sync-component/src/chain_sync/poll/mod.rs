//! Asking the voters whether a staged chain is theirs. What the answers mean, `vote.rs` says.

mod authorities;
mod peers;

use super::{Ballot, NotVoted, StagedChain, Votes, voted_block};
use crate::{
    block_id::{BlockId, number},
    context::SyncContext,
    height_sync::Electorate,
    ports::{Bridge, BridgeError},
};
use sp_core::sr25519;
use sp_runtime::traits::Block as BlockT;
use std::time::Duration;

/// Who decides whether a staged chain is the network's: whoever votes in Tier 1.
#[derive(Clone, Debug)]
pub struct Voters {
    /// Who votes, by the selected strategy of Tier 1.
    pub electorate: Electorate,
    /// Our own keys. What they attest is the live chain, which is to be given up: their word for it counts as silence.
    pub own: Vec<sr25519::Public>,
}

/// One round in which the voters are asked.
pub(super) struct Poll<'a, B: BlockT> {
    context: &'a SyncContext<B>,
    staging: &'a dyn Bridge<B>,
    voters: &'a Voters,
    staged: StagedChain<B>,
}

impl<'a, B: BlockT> Poll<'a, B> {
    /// On the chain in `staging` as it is now.
    pub(super) fn of(
        context: &'a SyncContext<B>,
        staging: &'a dyn Bridge<B>,
        voters: &'a Voters,
    ) -> Result<Self, BridgeError> {
        let reach = context.settings.tier1.max_gap;
        let tip = staging.best().height();
        let mut top = Vec::new();
        for height in (tip.saturating_sub(reach)..=tip).rev() {
            let number = number::<B>(height);
            if let Some(hash) = staging.canonical_hash(number)? {
                top.push(BlockId::new(number, hash));
            }
        }
        Ok(Self {
            context,
            staging,
            voters,
            staged: StagedChain { top, reach },
        })
    }

    fn ballot_of(&self, told: Vec<BlockId<B>>) -> Result<Ballot<B>, BridgeError> {
        let canonical = |number| self.staging.canonical_hash(number);
        Ballot::of_told(told, &self.staged, canonical)
    }

    /// The voted block of the staged chain.
    pub(super) async fn take(&self) -> Result<Result<BlockId<B>, NotVoted<B>>, BridgeError> {
        let votes = self.votes().await?;
        Ok(votes.and_then(|votes| self.voted(&votes)))
    }

    /// A block that the voters are on, and the staged chain is not; `None` if they do not say so, or are on the staged chain.
    pub(super) async fn elsewhere(&self) -> Result<Option<BlockId<B>>, BridgeError> {
        let Ok(votes) = self.votes().await? else {
            return Ok(None);
        };
        let threshold = self.context.settings.tier1.threshold;
        let Some(theirs) = votes.elsewhere(&self.staged, threshold) else {
            return Ok(None);
        };
        // Whoever is a little behind the staged tip tells of blocks below it.
        let staged = self.staging.canonical_hash(theirs.number)?;
        Ok((staged != Some(theirs.hash)).then_some(theirs))
    }

    async fn votes(&self) -> Result<Result<Votes<B>, NotVoted<B>>, BridgeError> {
        match self.voters.electorate {
            Electorate::Peers => self.of_peers().await,
            Electorate::Authorities => self.of_authorities().await.map(Ok),
        }
    }

    /// What these votes say of the staged chain.
    fn voted(&self, votes: &Votes<B>) -> Result<BlockId<B>, NotVoted<B>> {
        voted_block(&self.staged, votes, self.context.settings.tier1.threshold)
    }
}

/// Waits, at most `tier1_timeout_secs`, until as many peers have told where they stand as were consistent with us
/// before our start and are not back yet: whoever comes first must not be the only one that is asked.
pub(super) async fn await_known_peers<B: BlockT>(context: &SyncContext<B>) {
    let clock = &context.clock;
    let until = clock.now().plus(context.settings.tier1.timeout);
    loop {
        {
            let table = context.peers.table();
            let awaited = table.ledger().iter();
            let awaited = awaited.filter(|(_, record)| record.may_come_back()).count();
            let told = table.iter().filter(|(_, entry)| entry.sighting.is_some());
            if told.count() >= awaited {
                return;
            }
        }
        if clock.now() >= until {
            return;
        }
        clock.sleep(Duration::from_millis(200)).await;
    }
}
