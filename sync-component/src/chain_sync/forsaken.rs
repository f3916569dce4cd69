//! A staged chain that nobody shows any more and that is not the wanted one.

use super::{
    ChainSyncManager, NotVoted, ResyncError, ResyncRequest, SourceFault,
    poll::{self, Poll},
};
use crate::{
    block_id::{BlockId, number},
    ports::{Bridge, PeerId},
};
use futures::future::join_all;
use sp_runtime::traits::Block as BlockT;
use std::collections::BTreeSet;

impl<B: BlockT> ChainSyncManager<B> {
    /// What a download, or a vote on it, that ended with `error` ends with: with [`ResyncError::Forsaken`] where no source but `strays`
    /// shows the staged chain, and one that is there is on the wanted chain, which is another. From what is staged no source would ever go
    /// on.
    pub(super) async fn unless_forsaken(
        &self,
        error: ResyncError<B>,
        request: &ResyncRequest<B>,
        staging: &dyn Bridge<B>,
        strays: &BTreeSet<PeerId>,
    ) -> ResyncError<B> {
        let holder = match &error {
            ResyncError::SourcesFailed { faults, .. } => {
                let elsewhere = self.elsewhere(faults);
                self.on_the_wanted_chain(&elsewhere, request, staging).await
            }
            ResyncError::NotVoted(NotVoted::OtherChain { staged, theirs, .. }) => {
                let mut others = self.sources(&request.peers);
                others.retain(|source| !strays.contains(&source.peer));
                let others = others.into_iter().map(|source| source.peer);
                Ok(self.on_theirs_alone(others, *staged, *theirs).await)
            }
            _ => return error,
        };
        match holder {
            Ok(Some((holder, wanted))) => ResyncError::Forsaken {
                staged: staging.best(),
                wanted,
                holder,
            },
            Ok(None) => error,
            Err(local) => local,
        }
    }

    /// One of these sources that holds the voters' block; `None` if any holds the staged one in its place.
    async fn on_theirs_alone(
        &self,
        sources: impl Iterator<Item = PeerId>,
        staged: BlockId<B>,
        theirs: BlockId<B>,
    ) -> Option<(PeerId, BlockId<B>)> {
        let asked = sources.map(|peer| async move {
            let is_staged = self.holds(&peer, staged).await;
            let is_theirs = !is_staged && self.holds(&peer, theirs).await;
            (peer, is_staged, is_theirs)
        });
        let told = join_all(asked).await;
        if told.iter().any(|(_, is_staged, _)| *is_staged) {
            return None;
        }
        let holder = told.into_iter().find(|(.., is_theirs)| *is_theirs);
        holder.map(|(peer, ..)| (peer, theirs))
    }

    /// The sources that are there, and on another chain than the staged one.
    fn elsewhere(&self, faults: &[(PeerId, SourceFault<B>)]) -> Vec<PeerId> {
        let table = self.context.peers.table();
        let elsewhere = faults.iter().filter(|(peer, fault)| {
            matches!(fault, SourceFault::OtherChain { .. }) && table.get(peer).is_some()
        });
        elsewhere.map(|(peer, _)| peer.clone()).collect()
    }

    /// One of these sources that is on the chain that the operator or the voters want, and the block of that which shows it.
    async fn on_the_wanted_chain(
        &self,
        elsewhere: &[PeerId],
        request: &ResyncRequest<B>,
        staging: &dyn Bridge<B>,
    ) -> Result<Option<(PeerId, BlockId<B>)>, ResyncError<B>> {
        if elsewhere.is_empty() {
            return Ok(None);
        }
        let Some(wanted) = self.wanted_elsewhere(request, staging).await? else {
            return Ok(None);
        };
        for peer in elsewhere {
            if self.holds(peer, wanted).await {
                return Ok(Some((peer.clone(), wanted)));
            }
        }
        Ok(None)
    }

    /// Whether a download that ended with `error` may go on with what is staged in a while: a source that is there left the staged chain no
    /// further below its tip than a fork may heal, and is to be followed once its own chain is the better one.
    pub(super) async fn may_go_on(
        &self,
        error: &ResyncError<B>,
        staging: &dyn Bridge<B>,
    ) -> Result<bool, ResyncError<B>> {
        let ResyncError::SourcesFailed { faults, .. } = error else {
            return Ok(false);
        };
        let reach = self.context.settings.tier2.max_reorg;
        let lowest = staging.best().height().saturating_sub(reach);
        let lowest = number::<B>(lowest.max(staging.finalized().height()));
        let Some(hash) = staging.canonical_hash(lowest)? else {
            return Ok(false);
        };
        for peer in self.elsewhere(faults) {
            if self.holds(&peer, BlockId::new(lowest, hash)).await {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A block of the wanted chain that the staged one does not hold: the checkpoint, or what the voters tell of. `None` if they do
    /// not say, or hold the staged chain.
    async fn wanted_elsewhere(
        &self,
        request: &ResyncRequest<B>,
        staging: &dyn Bridge<B>,
    ) -> Result<Option<BlockId<B>>, ResyncError<B>> {
        if let Some(checkpoint) = request.checkpoint {
            let staged = staging.canonical_hash(checkpoint.number)?;
            return Ok((staged != Some(checkpoint.hash)).then_some(checkpoint));
        }
        poll::await_known_peers(&self.context).await;
        // Answers may be lost, and this is asked where the run would end.
        for _ in 0..self.context.settings.tier2.max_retries.get() {
            let poll = Poll::of(&self.context, staging, &self.voters)?;
            if let Some(theirs) = poll.elsewhere().await? {
                return Ok(Some(theirs));
            }
            self.sleep_a_slot().await;
        }
        Ok(None)
    }
}
