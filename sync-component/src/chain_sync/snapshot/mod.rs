//! `snapshot`: a chain that begins with headers and one state.
//!
//! Three parts, each resumable from what the staged store says of itself: headers from genesis on; the state after one of the
//! final ones, by ranges with proofs, and that block; then whole blocks above it, as `multi-source` fetches them.

mod headers;
mod paces;
mod state;

#[cfg(test)]
mod tests;

use super::{
    Counted, MultiSource, ResyncError, ResyncJob, SourceFault,
    end::End,
    guides::{Aim, Guides, Pace},
    multi_source::{AboveIt, Downloaded},
};
use crate::{
    block_id::{BlockId, height_of, number},
    context::SyncContext,
    ports::{BuildSnapshots, NoSnapshots, PeerId, SnapshotStanding, StateStanding, heavy},
    registry::ResyncStrategy,
};
use async_trait::async_trait;
use futures::future::join_all;
use sp_runtime::traits::Block as BlockT;
use state::StatePart;
use std::{cmp::Reverse, sync::Arc};

/// `snapshot`: headers from genesis on with every seal checked, the state after one final block with proofs against the root in
/// its header, then the blocks above it, fully validated.
///
/// It trusts that no more than a third of the authorities sealed a false state: below the snapshot nothing is executed. The
/// block of the snapshot lies so far below the newest header that the voted block, which the new chain must hold, builds on it.
///
/// A chain too short for that is fetched as `multi-source` does. A bridge that cannot do it
/// ([`NoSnapshots`]) is refused before anything is asked of a peer.
#[derive(Debug)]
pub struct Snapshot<B: BlockT> {
    blocks: MultiSource<B>,
}

impl<B: BlockT> Default for Snapshot<B> {
    fn default() -> Self {
        Self {
            blocks: MultiSource::default(),
        }
    }
}

/// Said before the confirmation (SPEC section 7).
const TRUSTS: &str = "that no more than 1/3 of the authorities sealed a false state: blocks below the snapshot are not executed, only their headers are checked and kept; this node will then serve no blocks below it";

#[async_trait]
impl<B: BlockT> ResyncStrategy<B> for Snapshot<B> {
    fn trusts(&self) -> Option<&'static str> {
        Some(TRUSTS)
    }

    async fn download(
        &self,
        context: &SyncContext<B>,
        job: &ResyncJob<B>,
    ) -> Result<BlockId<B>, ResyncError<B>> {
        let mut moves = 0;
        loop {
            let snapshot = job.staging.snapshots().map(drop);
            match &snapshot {
                Ok(()) => Build::new(context, job).run().await?,
                // An earlier session took the chain for too short.
                Err(NoSnapshots::BlocksStored) => Build::new(context, job).is_still_short()?,
                Err(reason) => return Err((*reason).into()),
            }
            let end = self.blocks.fetch_all_of(context, job).await;
            let may_move = snapshot.is_ok() && moves < MOST_MOVES;
            if !(may_move && nobody_goes_so_far_back(&end)) {
                return end.map(|downloaded| downloaded.tip);
            }
            let (staged, lowest) = (job.staging.best(), job.staging.lowest_served());
            tracing::info!(%staged, %lowest, "no source has what follows the snapshot any more; a newer one is taken");
            moves += 1;
            Build::new(context, job).start_over().await?;
        }
    }
}

/// Whether the sources that are there all begin above what is wanted, or end below it. Whoever fails in another way may have it.
fn nobody_goes_so_far_back<B: BlockT>(end: &Result<Downloaded<B>, ResyncError<B>>) -> bool {
    let faults = match end {
        Ok(downloaded) => return downloaded.above == AboveIt::NoBlocksSoLow,
        Err(ResyncError::SourcesFailed { faults, .. }) => faults,
        Err(_) => return false,
    };
    let begins_above = |fault: &SourceFault<B>| matches!(fault, SourceFault::BeginsAbove { .. });
    let there = || {
        let there = faults.iter().map(|(_, fault)| fault);
        there.filter(|fault| !matches!(fault, SourceFault::Gone))
    };
    there().next().is_some() && there().all(begins_above)
}

/// A snapshot that is being built in the staged chain.
struct Build<'a, B: BlockT> {
    /// The component's world, with the staged chain as the chain.
    staged: SyncContext<B>,
    job: &'a ResyncJob<B>,
    /// The only block whose state names authorities.
    genesis: BlockId<B>,
    /// The snapshot lies at least so far below the newest header, so that the voted block builds on it.
    reach: u64,
}

/// What is to be done next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// Headers up to the sources' tip, then a block whose state to take.
    Headers,
    /// The state of the chosen block, and that block.
    State,
    /// Those above it: this part is done.
    Blocks,
}

/// How often a newer block may be chosen. Fewer: a network that forgets its states soon gives no snapshot; more: a source that
/// has no state at all is believed for longer.
const MOST_MOVES: usize = 10;

/// How many times the length that a snapshot needs a chain has to have for the few blocks that are stored to be given up. Lower:
/// a short chain that grows is fetched again without need, and nothing of it may be final yet; higher: more of a chain is fetched as
/// whole blocks that was to be begun with a snapshot.
const MUCH_LONGER: u64 = 10;

impl<'a, B: BlockT> Build<'a, B> {
    fn new(context: &SyncContext<B>, job: &'a ResyncJob<B>) -> Self {
        let staged = SyncContext {
            bridge: Arc::clone(&job.staging),
            ..context.clone()
        };
        let settings = &context.settings;
        Self {
            genesis: BlockId::new(number::<B>(0), job.staging.genesis_hash()),
            reach: settings.tier1.max_gap.max(settings.tier2.max_reorg),
            staged,
            job,
        }
    }

    /// Builds until the chain begins with a snapshot, or turns out to be too short for one.
    async fn run(&self) -> Result<(), ResyncError<B>> {
        let mut wanted = match self.standing().await?.state {
            StateStanding::Finished { .. } => return Ok(()),
            StateStanding::NotBegun => Wanted::Headers,
            StateStanding::Partly { .. } | StateStanding::Whole { .. } => Wanted::State,
        };
        let mut guides = Guides::of(&self.staged, &self.job.sources);
        // Blocks whose state no source had any more, so that a newer one was chosen.
        let mut gone = Vec::new();
        let mut part = StatePart::default();
        let clock = self.staged.clock.as_ref();
        while wanted != Wanted::Blocks {
            let guide = if wanted == Wanted::State {
                self.giver(&mut guides, &part).await
            } else {
                let aim = Aim::ChainAbove(reached_by(&self.standing().await?));
                guides.next(aim, |_, height| Reverse(height)).await
            };
            let Some(guide) = guide else {
                let missing = missing_state(&guides).filter(|_| wanted == Wanted::State);
                let missing = missing.filter(|of| !gone.contains(of) && gone.len() < MOST_MOVES);
                if let Some(missing) = missing {
                    tracing::info!(%missing, "no source has the state after this block any more; a newer one is taken");
                    gone.push(missing);
                    guides.forgive();
                    wanted = Wanted::Headers;
                    continue;
                }
                return Err(self.all_failed(guides).await?);
            };
            if wanted == Wanted::Headers && self.is_short(&guides).await? {
                return Ok(());
            }
            let (before, begun, asked) = (self.standing().await?, clock.now(), wanted);
            guides.begins();
            let step = match wanted {
                Wanted::Headers => self.headers_and_choice(&guide, &mut guides).await,
                Wanted::State | Wanted::Blocks => {
                    let patience = guides.patience();
                    self.state_or_block(&guide, patience, &mut part).await
                }
            };
            let after = self.standing().await?;
            if after != before {
                guides.progressed(&guide, reached_by(&after), Pace::of(&step));
            }
            match step {
                Ok(next) if next != wanted => {
                    guides.forgive();
                    wanted = next;
                }
                Ok(_) => {}
                Err(End::Fault(fault)) => {
                    guides.failed(guide.clone(), reached_by(&after), fault);
                }
                Err(End::Local(error)) => return Err(error),
            }
            if let StateStanding::Partly { entries, .. } = before.state
                && asked == Wanted::State
            {
                let entries = after.state.entries().saturating_sub(entries);
                let now = clock.now();
                part.paces.note(&guide, entries, now.since(begun), now);
            }
        }
        Ok(())
    }

    /// An error if only the blocks of a chain too short for a snapshot are stored, and a source claims a much longer one.
    fn is_still_short(&self) -> Result<(), ResyncError<B>> {
        let staged = self.job.staging.best();
        let claims = self.claims().map(|(_, tip)| tip);
        let longest = claims.max_by_key(|tip| tip.number);
        match longest {
            Some(claimed)
                if staged.height() <= self.reach
                    && claimed.height() > self.reach.saturating_mul(MUCH_LONGER) =>
            {
                Err(ResyncError::BegunShort { staged, claimed })
            }
            _ => Ok(()),
        }
    }

    /// Gives a finished snapshot up for a newer one.
    async fn start_over(&self) -> Result<(), ResyncError<B>> {
        let given_up = self.on_disk(|snapshot| snapshot.start_over()).await?;
        Ok(given_up?)
    }

    async fn all_failed(&self, guides: Guides<'_, B>) -> Result<ResyncError<B>, ResyncError<B>> {
        // What is wrong with the chain says more than what is wrong with this or that source.
        let nothing_final = guides.faults().find_map(|fault| match *fault {
            SourceFault::NothingFinal { tip, reach } => {
                Some(ResyncError::NothingFinal { tip, reach })
            }
            SourceFault::NoFinality { above, count } => {
                Some(ResyncError::NoFinality { above, count })
            }
            _ => None,
        });
        let reached = BlockId::of(&self.standing().await?.header);
        Ok(nothing_final.unwrap_or_else(|| guides.all_failed(reached)))
    }

    /// Whether nothing was begun, and no source that is left claims a chain long enough for a snapshot. All that are there are
    /// asked: the first to say anything may have been emptied a moment ago. Whoever leaves that without an answer again and again
    /// is as good as away; where nobody answers nothing is known.
    async fn is_short(&self, guides: &Guides<'_, B>) -> Result<bool, ResyncError<B>> {
        let standing = self.standing().await?;
        if BlockId::<B>::of(&standing.header) != self.genesis || self.is_any_long(guides) {
            return Ok(false);
        }
        let settings = &self.staged.settings;
        let genesis = self.genesis.hash;
        for _ in 0..settings.tier2.max_retries.get() {
            let there: Vec<_> = {
                let table = self.staged.peers.table();
                let sources = self.job.sources.iter().map(|source| &source.peer);
                let there = sources.filter(|peer| table.get(peer).is_some());
                there.filter(|peer| guides.is_left(peer)).cloned().collect()
            };
            let within = settings.tier1.timeout;
            let asked = there.into_iter().map(|peer| async move {
                let told = self.staged.peers.status(&peer, genesis, within).await;
                told.is_ok()
            });
            let answered = join_all(asked).await;
            if self.is_any_long(guides) {
                return Ok(false);
            }
            if !answered.contains(&true) {
                return Ok(false);
            }
            if !answered.contains(&false) {
                return Ok(true);
            }
            self.staged.clock.sleep(settings.limits.backoff_first).await;
        }
        Ok(true)
    }

    /// Whether a source that is left claims a chain long enough for a snapshot.
    fn is_any_long(&self, guides: &Guides<'_, B>) -> bool {
        let mut claims = self.claims();
        claims.any(|(peer, tip)| guides.is_left(&peer) && tip.height() > self.reach)
    }

    /// What the connected sources say of their tips.
    fn claims(&self) -> impl Iterator<Item = (PeerId, BlockId<B>)> {
        let table = self.staged.peers.table();
        let sources = self.job.sources.iter();
        let claims: Vec<_> = sources
            .filter_map(|source| {
                let told = table.get(&source.peer)?.sighting.as_ref()?;
                Some((source.peer.clone(), told.standing.best))
            })
            .collect();
        claims.into_iter()
    }

    async fn standing(&self) -> Result<SnapshotStanding<B>, ResyncError<B>> {
        self.on_disk(|snapshot| snapshot.standing()).await
    }

    /// Work on the staged store, on a thread for such work.
    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn BuildSnapshots<B>) -> T + Send + 'static,
    ) -> Result<T, ResyncError<B>> {
        let staging = Arc::clone(&self.job.staging);
        let executor = self.staged.executor.as_ref();
        let done = heavy(executor, move || staging.snapshots().map(work)).await?;
        Ok(done?)
    }

    /// The same, if there is room on the disk.
    async fn store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn BuildSnapshots<B>) -> T + Send + 'static,
    ) -> Result<T, ResyncError<B>> {
        let files = Arc::clone(&self.job.files);
        let stored = self
            .on_disk(move |snapshot| files.room().map(|()| work(snapshot)))
            .await?;
        Ok(stored?)
    }

    fn note_headers(&self, header: &B::Header) {
        let reached = height_of::<B>(header);
        let claims: Vec<_> = self.claims().collect();
        let highest = claims.iter().map(|(_, tip)| tip.height()).max();
        self.job.watch.sources(claims.len());
        let clock = self.staged.clock.as_ref();
        let total = highest.unwrap_or(reached).max(reached);
        let watch = &self.job.watch;
        watch.counted(Counted::Headers, reached, Some(total), clock);
    }

    /// Nobody knows how many entries there are.
    fn note_entries(&self, entries: u64) {
        let clock = self.staged.clock.as_ref();
        self.job.watch.sources(self.claims().count());
        let watch = &self.job.watch;
        watch.counted(Counted::Entries, entries, None, clock);
    }

    /// Takes the state of the highest block that is final and that the voted one builds on.
    async fn choose(&self) -> Result<(), End<B>> {
        let standing = self.standing().await?;
        let tip = BlockId::<B>::of(&standing.header);
        let highest = tip.height().saturating_sub(self.reach);
        let height = standing.finalized.height().min(highest);
        if height == 0 {
            return Err(SourceFault::NothingFinal {
                tip,
                reach: self.reach,
            }
            .into());
        }
        let chosen = self
            .store(move |snapshot| snapshot.choose_state(number::<B>(height)))
            .await?
            .map_err(ResyncError::from)?;
        tracing::info!(snapshot = %chosen, headers = %tip, "the state after this block is fetched");
        Ok(())
    }
}

/// How far that is: in headers, and then in entries of the state.
fn reached_by<B: BlockT>(standing: &SnapshotStanding<B>) -> u64 {
    match &standing.state {
        StateStanding::NotBegun => height_of::<B>(&standing.header),
        state => state.entries(),
    }
}

/// The block whose state a source that answers does not have.
fn missing_state<B: BlockT>(guides: &Guides<'_, B>) -> Option<BlockId<B>> {
    guides.faults().find_map(|fault| match fault {
        SourceFault::NoState { of } => Some(*of),
        _ => None,
    })
}
