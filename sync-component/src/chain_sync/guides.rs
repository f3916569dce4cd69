use super::{ResyncError, Source, SourceFault, Voucher, asking::Patience};
use crate::{
    block_id::{BlockId, height},
    context::SyncContext,
    peers::PeerEntry,
    ports::PeerId,
};
use sp_runtime::traits::Block as BlockT;
use std::{collections::BTreeMap, time::Duration};

/// How often in a row following the last source may fail. Fewer: lost answers end a run that only the operator can resume; more:
/// it takes longer to say that nothing comes any more.
const LAST_ATTEMPTS: u32 = 20;

/// How many times its usual time a source may take to say where it stands. Lower: a moment of load looks like silence; higher: one
/// that went mute holds up the others for longer.
const PATIENCE: u32 = 4;

/// The shortest time that it is given.
const SHORTEST_PATIENCE: Duration = Duration::from_secs(1);

/// How often it is looked whether a source has come back.
const LOOK_FOR_SOURCES: Duration = Duration::from_millis(200);

/// Which source shows the way next, and what became of those that did.
pub(super) struct Guides<'a, B: BlockT> {
    context: &'a SyncContext<B>,
    sources: &'a [Source],
    /// Those that were given up.
    faults: BTreeMap<PeerId, SourceFault<B>>,
    /// How often following each source failed since it brought anything.
    attempts: BTreeMap<PeerId, u32>,
}

impl<'a, B: BlockT> Guides<'a, B> {
    /// Of these sources, none of which failed yet.
    pub(super) fn of(context: &'a SyncContext<B>, sources: &'a [Source]) -> Self {
        Self {
            context,
            sources,
            faults: BTreeMap::new(),
            attempts: BTreeMap::new(),
        }
    }

    /// Whether `peer` was not given up.
    pub(super) fn is_left(&self, peer: &PeerId) -> bool {
        !self.faults.contains_key(peer)
    }

    /// What those that were given up ended with.
    pub(super) fn faults(&self) -> impl Iterator<Item = &SourceFault<B>> {
        self.faults.values()
    }

    /// Whom to follow next: of those that answer, and then of those that failed least, the one of the lowest rank, which its height
    /// may count in, among equals the one that stands first in the order. Where all that are left are away, one may come back within
    /// `tier1_timeout_secs`.
    pub(super) async fn next<R: Ord>(&self, rank: impl Fn(&PeerId, u64) -> R) -> Option<PeerId> {
        let clock = &self.context.clock;
        let until = clock.now().plus(self.context.settings.tier1.timeout);
        let mut sources = self.sources.iter();
        let is_any_left = sources.any(|source| self.is_left(&source.peer));
        loop {
            let guide = self.best(&rank);
            if guide.is_some() || !is_any_left || clock.now() >= until {
                return guide;
            }
            clock.sleep(LOOK_FOR_SOURCES).await;
        }
    }

    fn best<R: Ord>(&self, rank: impl Fn(&PeerId, u64) -> R) -> Option<PeerId> {
        let table = self.context.peers.table();
        let sources = self.sources.iter().enumerate();
        let claims = sources.filter_map(|(place, Source { peer, .. })| {
            let entry = table.get(peer).filter(|_| self.is_left(peer))?;
            let told = entry.sighting.as_ref();
            let height = told.map_or(0, |told| told.standing.best.height());
            let attempts = self.attempts(peer);
            Some(((is_mute(entry), attempts, rank(peer, height), place), peer))
        });
        claims.min().map(|(_, peer)| peer.clone())
    }

    fn attempts(&self, peer: &PeerId) -> u32 {
        self.attempts.get(peer).copied().unwrap_or(0)
    }

    /// How long `guide` is given for a short answer: some times as long as it usually takes, twice as long after each failure.
    /// `tier1_timeout_secs` at most, and where nobody knows what is usual.
    pub(super) fn within(&self, guide: &PeerId) -> Duration {
        let longest = self.context.settings.tier1.timeout;
        let table = self.context.peers.table();
        let usual = table.record(guide).and_then(|record| record.latency);
        usual.map_or(longest, |usual| {
            let patience = usual.saturating_mul(PATIENCE).max(SHORTEST_PATIENCE);
            let doubled = 2_u32.saturating_pow(self.attempts(guide));
            patience.saturating_mul(doubled).min(longest)
        })
    }

    /// While `guide` was followed the staged chain came up to `staged`: how often it failed before counts no more. How often others did
    /// does, so that they come after it. Who served nothing so low before may have what follows now.
    pub(super) fn progressed(&mut self, guide: &PeerId, staged: BlockId<B>) {
        self.attempts.remove(guide);
        let next = staged.height().saturating_add(1);
        self.faults.retain(|_, fault| {
            !matches!(fault, SourceFault::BeginsAbove { lowest, .. } if height::<B>(*lowest) <= next)
        });
    }

    /// How much patience whoever is asked next needs: others that are left count if they are there and answer.
    pub(super) fn patience(&self) -> Patience {
        let table = self.context.peers.table();
        let answers = |peer| table.get(peer).is_some_and(|entry| !is_mute(entry));
        let sources = self.sources.iter().map(|source| &source.peer);
        let answering = sources.filter(|peer| self.is_left(peer) && answers(peer));
        if answering.count() > 1 {
            Patience::OthersLeft
        } else {
            Patience::NobodyElse
        }
    }

    /// Following `guide` failed. It is followed again after a pause if that may pass, and given up if it failed too often; who is
    /// busy withholds nothing and is given as long as the last one. Where each new slot lets one more block in, waiting for what lies in
    /// the future would never end.
    pub(super) async fn failed(&mut self, guide: PeerId, fault: SourceFault<B>) {
        let settings = &self.context.settings;
        let is_last = self.patience() == Patience::NobodyElse;
        let most = if is_last || fault.is_busy() {
            LAST_ATTEMPTS
        } else {
            settings.tier2.max_retries.get()
        };
        let failed = self.attempts.entry(guide.clone()).or_insert(0);
        *failed += 1;
        if fault.may_pass() && !fault.is_of_the_future() && *failed < most {
            tracing::debug!(peer = %guide, %fault, "following the source failed; it is tried again");
            let pause = fault.pause().unwrap_or(settings.limits.backoff_first);
            self.context.clock.sleep(pause).await;
        } else {
            tracing::warn!(peer = %guide, %fault, "the source failed; the others continue");
            self.faults.insert(guide, fault);
        }
    }

    /// Something else is wanted now: those are followed again whose fault was of that, or may have passed.
    pub(super) fn forgive(&mut self) {
        self.attempts.clear();
        self.faults
            .retain(|_, fault| !fault.may_pass() && !matches!(fault, SourceFault::NoState { .. }));
    }

    /// Nobody is left. That is the end of the chain as far as our clock lets it in, if what a source has above that is so little that the
    /// voters may have it, too.
    pub(super) fn end(self, reached: BlockId<B>) -> Result<BlockId<B>, ResyncError<B>> {
        let highest = reached
            .height()
            .saturating_add(self.context.settings.tier1.max_gap);
        let is_near = |peer| {
            let table = self.context.peers.table();
            let told = table.get(peer).and_then(|entry| entry.sighting.as_ref());
            told.is_some_and(|told| told.standing.best.height() <= highest)
        };
        let mut faults = self.faults.iter();
        if faults.any(|(peer, fault)| fault.is_of_the_future() && is_near(peer)) {
            tracing::warn!(%reached, "what the sources have above this block lies in the future: this machine's clock may be behind");
            return Ok(reached);
        }
        Err(self.all_failed(reached))
    }

    /// Nobody is left. Of all that were consistent once only those are named that were asked.
    pub(super) fn all_failed(mut self, reached: BlockId<B>) -> ResyncError<B> {
        for Source { peer, voucher } in self.sources {
            if *voucher != Voucher::Observed {
                self.faults.entry(peer.clone()).or_insert(SourceFault::Gone);
            }
        }
        ResyncError::SourcesFailed {
            reached,
            faults: self.faults.into_iter().collect(),
        }
    }
}

/// Whether a peer left the last question for its status without an answer.
fn is_mute<B: BlockT>(entry: &PeerEntry<B>) -> bool {
    entry.failed_at.is_some()
}
