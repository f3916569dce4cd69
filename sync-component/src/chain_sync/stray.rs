//! A staged chain that is not the wanted one: which sources are on it, and which on the wanted one.

use super::{
    ChainSyncManager, NotVoted, OperatorsOrder, ResyncError, ResyncRequest, SourceFault,
    poll::{self, Poll},
};
use crate::{
    block_id::{BlockId, number},
    ports::{Bridge, PeerId},
};
use futures::future::join_all;
use sp_runtime::traits::Block as BlockT;
use std::collections::BTreeSet;

/// Where the sources stand where what is staged is not the wanted chain.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Apart<B: BlockT> {
    /// These are on the staged chain.
    Strays(BTreeSet<PeerId>),
    /// None is, and this one holds this block of the wanted chain: from what is staged no source would ever go on.
    Forsaken { holder: PeerId, wanted: BlockId<B> },
    /// It is the wanted chain for all that is known, or nobody is there who is on that.
    Unknown,
}

/// Whether a source says that each block is in its chain; `None` where it tells of no block at that height.
type Held<const COUNT: usize> = [Option<bool>; COUNT];

impl<B: BlockT> Apart<B> {
    /// By what the sources told of a staged and a wanted block. `is_refused`: the staged one is known not to be wanted; else a source
    /// that holds the wanted one has to show that.
    pub(super) fn of_told(
        told: &[(PeerId, Held<2>)],
        [staged, wanted]: [BlockId<B>; 2],
        is_refused: bool,
    ) -> Self {
        // Whoever has both goes on above the staged chain; of one height nobody has both.
        let is_one_chain =
            staged.number != wanted.number && told.iter().any(|(_, held)| *held == [Some(true); 2]);
        if is_one_chain {
            return Self::Unknown;
        }
        let holder = told
            .iter()
            .find(|(_, held)| *held == [Some(false), Some(true)]);
        let on_it = told.iter().filter(|(_, held)| held[0] == Some(true));
        let on_it: BTreeSet<_> = on_it.map(|(peer, _)| peer.clone()).collect();
        match holder {
            Some((holder, _)) if on_it.is_empty() => Self::Forsaken {
                holder: holder.clone(),
                wanted,
            },
            None if on_it.is_empty() || !is_refused => Self::Unknown,
            _ => Self::Strays(on_it),
        }
    }
}

impl<B: BlockT> ChainSyncManager<B> {
    /// An error if all sources that answer deny the checkpoint of a new order, and none comes within `tier1_timeout_secs` that does not: a
    /// slip shows before the download. A run that goes on is not ended by whoever is back first.
    pub(super) async fn checkpoint_is_not_denied(
        &self,
        order: &OperatorsOrder<B>,
    ) -> Result<(), ResyncError<B>> {
        let request = order.request();
        let Some(checkpoint) = request.checkpoint.filter(|_| !order.is_of_journal()) else {
            return Ok(());
        };
        self.find_trusted_peer(&request.peers).await?;
        let clock = &self.context.clock;
        let until = clock.now().plus(self.context.settings.tier1.timeout);
        loop {
            let sources = self.sources(&request.peers);
            let asked = sources
                .iter()
                .map(|source| self.holds(&source.peer, [checkpoint]));
            let told: Vec<_> = join_all(asked).await.into_iter().flatten().collect();
            // Whoever tells of no block there may only be behind.
            if told.is_empty() || told.iter().any(|held| *held != [Some(false)]) {
                return Ok(());
            }
            if clock.now() >= until {
                return Err(ResyncError::CheckpointDenied {
                    checkpoint,
                    sources: told.len(),
                });
            }
            self.sleep_a_slot().await;
        }
    }

    /// How the sources stand, `strays` aside, where a download, or the vote on it, ended with `error`.
    pub(super) async fn apart(
        &self,
        error: &ResyncError<B>,
        request: &ResyncRequest<B>,
        staging: &dyn Bridge<B>,
        strays: &BTreeSet<PeerId>,
    ) -> Result<Apart<B>, ResyncError<B>> {
        let (staged, wanted) = match error {
            ResyncError::SourcesFailed { faults, .. } => {
                return self.forsaken(faults, request, staging).await;
            }
            ResyncError::NotVoted(NotVoted::OtherChain { staged, theirs, .. }) => {
                (Some(*staged), Some(*theirs))
            }
            ResyncError::OffCheckpoint { checkpoint } => {
                let staged = staging.canonical_hash(checkpoint.number)?;
                let staged = staged.map(|hash| BlockId::new(checkpoint.number, hash));
                (staged, Some(*checkpoint))
            }
            // What ends below the voters, or the checkpoint, may be of another chain as well.
            ResyncError::NotVoted(NotVoted::Behind { .. })
            | ResyncError::BelowCheckpoint { .. } => {
                let wanted = self.wanted_elsewhere(request, staging).await?;
                (self.settled(staging)?, wanted)
            }
            _ => (None, None),
        };
        let (Some(staged), Some(wanted)) = (staged, wanted) else {
            return Ok(Apart::Unknown);
        };
        let mut others = self.sources(&request.peers);
        others.retain(|source| !strays.contains(&source.peer));
        let asked = others.into_iter().map(|source| async move {
            // In one question: it may change its mind, or be lost, between two.
            let told = self.holds(&source.peer, [staged, wanted]).await;
            Some((source.peer, told?))
        });
        let told: Vec<_> = join_all(asked).await.into_iter().flatten().collect();
        // A checkpoint may be wrong, and then nobody holds it.
        let is_refused = matches!(error, ResyncError::NotVoted(NotVoted::OtherChain { .. }));
        Ok(Apart::of_told(&told, [staged, wanted], is_refused))
    }

    /// Whether all sources failed because nobody shows the staged chain any more, and one that is there is on the wanted one.
    async fn forsaken(
        &self,
        faults: &[(PeerId, SourceFault<B>)],
        request: &ResyncRequest<B>,
        staging: &dyn Bridge<B>,
    ) -> Result<Apart<B>, ResyncError<B>> {
        let elsewhere = self.elsewhere(faults);
        if elsewhere.is_empty() {
            return Ok(Apart::Unknown);
        }
        let Some(wanted) = self.wanted_elsewhere(request, staging).await? else {
            return Ok(Apart::Unknown);
        };
        for holder in elsewhere {
            if self.holds(&holder, [wanted]).await == Some([Some(true)]) {
                return Ok(Apart::Forsaken { holder, wanted });
            }
        }
        Ok(Apart::Unknown)
    }

    /// The sources that are there, and on another chain than the staged one.
    fn elsewhere(&self, faults: &[(PeerId, SourceFault<B>)]) -> Vec<PeerId> {
        let table = self.context.peers.table();
        let elsewhere = faults.iter().filter(|(peer, fault)| {
            matches!(fault, SourceFault::OtherChain { .. }) && table.get(peer).is_some()
        });
        elsewhere.map(|(peer, _)| peer.clone()).collect()
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
        let Some(settled) = self.settled(staging)? else {
            return Ok(false);
        };
        for peer in self.elsewhere(faults) {
            if self.holds(&peer, [settled]).await == Some([Some(true)]) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The highest block of the staged chain that no fork takes back any more.
    fn settled(&self, staging: &dyn Bridge<B>) -> Result<Option<BlockId<B>>, ResyncError<B>> {
        let reach = self.context.settings.tier2.max_reorg;
        let lowest = staging.best().height().saturating_sub(reach);
        let lowest = number::<B>(lowest.max(staging.finalized().height()));
        let hash = staging.canonical_hash(lowest)?;
        Ok(hash.map(|hash| BlockId::new(lowest, hash)))
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
        for attempt in 0..self.context.settings.tier2.max_retries.get() {
            if attempt > 0 {
                self.sleep_a_slot().await;
            }
            let poll = Poll::of(&self.context, staging, &self.voters)?;
            if let Some(theirs) = poll.elsewhere().await? {
                return Ok(Some(theirs));
            }
        }
        Ok(None)
    }

    /// What `peer` says of these blocks; `None` if it does not answer.
    async fn holds<const COUNT: usize>(
        &self,
        peer: &PeerId,
        blocks: [BlockId<B>; COUNT],
    ) -> Option<Held<COUNT>> {
        let settings = &self.context.settings;
        for _ in 0..settings.tier2.max_retries.get() {
            let numbers = blocks.map(|block| block.number).to_vec();
            let within = settings.tier1.timeout;
            let told = self.context.peers.hashes(peer, numbers, within);
            if let Ok(hashes) = told.await {
                let mut hashes = hashes.into_iter();
                return Some(blocks.map(|block| Some(hashes.next()?? == block.hash)));
            }
        }
        None
    }
}
