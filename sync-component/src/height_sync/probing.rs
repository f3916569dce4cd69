//! Which claims to probe, and what became of them.

use super::{HeightSyncManager, manager::State};
use crate::{
    block_id::BlockId,
    error::LocalFault,
    headers::{
        Beyond, Claim, ClaimState, Inserted, Lack, Pauses, ProbeError, ProbeOutcome, Skeleton,
        VerifiedTip, confirm, is_stored, probe_far,
    },
    peers::RequestError,
    ports::{Bridge, BridgeError, PeerId, Presence, RequestFailure},
};
use futures::future::{Either, select};
use sp_runtime::traits::Block as BlockT;
use std::{pin::pin, time::Duration};

/// How many usual round trips a probe may take until another peer is probed for the same tip: it is two requests, one of
/// them for many headers. Fewer: two peers send the same headers more often; more: one that shows nothing holds up what others
/// could show.
const PATIENCE: u32 = 4;

/// The same at least: between near peers the work counts, not the way.
const SHORTEST_PATIENCE: Duration = Duration::from_millis(100);

impl<B: BlockT> HeightSyncManager<B> {
    /// Claims that a probe should check now; they are marked as being probed.
    pub fn take_due_probes(&self) -> Result<Vec<(PeerId, BlockId<B>)>, BridgeError> {
        let now = self.context.clock.now();
        let claims: Vec<_> = {
            let table = self.context.peers.table();
            let told = table
                .iter()
                .filter_map(|(peer, entry)| Some((peer, entry.sighting.as_ref()?)));
            told.map(|(peer, sighting)| (peer.clone(), sighting.standing.best))
                .collect()
        };
        let mut state = self.state();
        let mut due = Vec::new();
        let mut known = Vec::new();
        for (peer, tip) in claims {
            if !self.is_unknown(&state, &peer, &tip)? {
                let partly = state.claims.get(&peer).and_then(Claim::shown);
                known.push((peer, partly.unwrap_or(tip).height()));
                continue;
            }
            if self.is_impossible(&tip)? {
                // Only once: whatever touches the view is looked at again.
                let known = state.claims.state(&peer, &tip);
                if !state.claims.is_probing(&peer) && known != Some(ClaimState::Impossible) {
                    state.claims.impossible(peer, tip);
                    self.touch();
                }
            } else if state
                .claims
                .may_probe(&peer, &tip, now, self.patience(&state, &peer, &tip))
            {
                state.claims.start(peer.clone(), tip, now);
                due.push((peer, tip));
            }
        }
        drop(state);
        let mut table = self.context.peers.table();
        for (peer, height) in known {
            table.shown(&peer, height);
        }
        Ok(due)
    }

    /// How long a probe of `tip` with another peer keeps `peer` from being probed for it.
    fn patience(&self, state: &State<B>, peer: &PeerId, tip: &BlockId<B>) -> Duration {
        if state.shown(tip).is_some() {
            // One small question, which all of them may answer at once.
            return Duration::ZERO;
        }
        let table = self.context.peers.table();
        let latency = table.record(peer).and_then(|record| record.latency);
        let usual = latency.map_or(Duration::MAX, |usual| usual.saturating_mul(PATIENCE));
        usual.max(SHORTEST_PATIENCE).min(self.slot_share())
    }

    /// Whether `tip` is neither stored nor verified, as far as it can be yet.
    pub(super) fn is_unknown(
        &self,
        state: &State<B>,
        peer: &PeerId,
        tip: &BlockId<B>,
    ) -> Result<bool, BridgeError> {
        if state.tips.holding(tip).is_some() {
            return Ok(false);
        }
        if let Some(run) = state.claims.get(peer).and_then(Claim::shown)
            && tip.number >= run.number
        {
            // What is fetched goes on above it, and it is looked at again when that ends.
            let is_followed = state.is_fetching()
                && self.context.bridge.presence(run.hash)? == Presence::Canonical;
            if is_followed || state.tips.holding(&run).is_some() {
                return Ok(false);
            }
        }
        Ok(!is_stored(self.context.bridge.as_ref(), tip)?)
    }

    /// A claim with more blocks above us than slots have passed since is impossible. Counted from our final block: on a fork of our own
    /// making our tip is young and low, and an honest claim on another branch has its blocks since the fork.
    fn is_impossible(&self, tip: &BlockId<B>) -> Result<bool, BridgeError> {
        let bridge = &self.context.bridge;
        let ours = bridge.finalized();
        let Some(above) = tip.height().checked_sub(ours.height()) else {
            return Ok(false);
        };
        let our_slot = match bridge.header(ours.hash)? {
            // Genesis has no slot: any number of slots may have passed since.
            Some(header) => bridge.slot_of(&header).map_or(0, u64::from),
            None => 0,
        };
        // One more, because a block may come up to `drift_ms` early.
        Ok(above
            > u64::from(self.now_slot())
                .saturating_sub(our_slot)
                .saturating_add(1))
    }

    /// Checks a claim; to be run for each of [`HeightSyncManager::take_due_probes`].
    pub async fn run_probe(&self, peer: PeerId, tip: BlockId<B>) -> Result<(), LocalFault> {
        let timeout = self.longest_answer();
        let patience = self.patience(&self.state(), &peer, &tip);
        let work = pin!(self.urged(patience, self.check_claim(&peer, tip, timeout)));
        // However a peer spreads its answers, one probe is over at the round's time-out.
        let end = self
            .context
            .clock
            .sleep(self.context.settings.tier1.timeout);
        let result = match select(work, end).await {
            Either::Left((result, _)) => result,
            Either::Right(_) => Err(RequestError::from(RequestFailure::Timeout).into()),
        };
        let fault = match result {
            Ok(()) => None,
            Err(error) => {
                tracing::debug!(%peer, %tip, %error, "probe without outcome");
                let lack = match error {
                    ProbeError::FromFuture => Lack::Time,
                    _ => Lack::Answer,
                };
                self.probe_again(&mut self.state(), &peer, tip, lack);
                match error {
                    ProbeError::Local(fault) => Some(fault),
                    ProbeError::Moved => {
                        self.ask_one(peer.clone());
                        None
                    }
                    ProbeError::Request(_) | ProbeError::FromFuture => None,
                }
            }
        };
        self.forget_if_gone(&peer);
        self.touch();
        fault.map_or(Ok(()), Err)
    }

    /// Has the view looked at again if a probe takes longer than `patience`: from then on others may be probed for the same tip, and
    /// nothing else may happen for a while.
    async fn urged<T>(&self, patience: Duration, probe: impl Future<Output = T>) -> T {
        match select(pin!(probe), self.context.clock.sleep(patience)).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(((), probe)) => {
                self.touch();
                probe.await
            }
        }
    }

    /// Asks for the headers of a claim; if another peer has shown the beginning of the same chain, only whether it holds that.
    async fn check_claim(
        &self,
        peer: &PeerId,
        tip: BlockId<B>,
        within: Duration,
    ) -> Result<(), ProbeError> {
        let shown = {
            let state = self.state();
            let end = state.shown(&tip);
            let run = end.and_then(|end| state.tips.holding(&end)?.up_to(&end));
            run.map(|run| (run.tip(), run.tip_header().clone()))
        };
        if let Some((end, header)) = shown
            && confirm(&self.context, peer, &header, within).await?
        {
            self.note_confirmed(peer, tip, end);
            return Ok(());
        }
        let (context, window, mut skeleton) = (&self.context, self.window(), Skeleton::default());
        let outcome = probe_far(context, peer, tip, window, within, &mut skeleton).await?;
        self.note_skeleton(skeleton);
        Ok(self.note_outcome(peer, tip, outcome)?)
    }

    /// `peer` is on the chain of `tip` that others showed up to `end`.
    fn note_confirmed(&self, peer: &PeerId, tip: BlockId<B>, end: BlockId<B>) {
        let mut state = self.state();
        if state.tips.holding(&tip).is_some() {
            state.claims.forget(peer);
            return;
        }
        // More of it may have been verified meanwhile.
        let end = state.claims.partial_run(&tip).unwrap_or(end);
        state.claims.partial(peer.clone(), tip, end);
    }

    fn note_outcome(
        &self,
        peer: &PeerId,
        tip: BlockId<B>,
        outcome: ProbeOutcome<B>,
    ) -> Result<(), BridgeError> {
        let mut state = self.state();
        let (run, lack) = match outcome {
            ProbeOutcome::Verified(run) => (run, None),
            ProbeOutcome::Partly { run, lack } => (run, Some(lack)),
            ProbeOutcome::Held => {
                state.claims.forget(peer);
                return Ok(());
            }
            ProbeOutcome::Wrong => {
                state.claims.refute(peer.clone(), tip);
                return Ok(());
            }
        };
        self.note_seals_of(&mut state, &run)?;
        let (beyond, reached) = (run.beyond, run.tip());
        match (
            state.keep(&run, self.context.bridge.as_ref())?,
            lack,
            beyond,
        ) {
            (Inserted::Parked(block), ..) => state.claims.parked(peer.clone(), tip, block),
            (_, Some(lack), _) => {
                self.probe_again(&mut state, peer, tip, lack);
                state.claims.reached(peer, reached);
            }
            // Its author has too many others that nobody delivers.
            (Inserted::Crowded, ..) => self.probe_again(&mut state, peer, tip, Lack::Answer),
            (_, None, Beyond::Nothing | Beyond::Unvoted) => state.claims.forget(peer),
            (Inserted::Whole, None, Beyond::Claimed) => {
                state.claims.partial(peer.clone(), tip, reached);
            }
            // It showed us our own chain, or ours went on meanwhile: the claim is as open as before.
            (Inserted::Stored, None, Beyond::Claimed) => {
                self.probe_again(&mut state, peer, tip, Lack::Answer);
            }
        }
        Ok(())
    }

    fn probe_again(&self, state: &mut State<B>, peer: &PeerId, tip: BlockId<B>, lack: Lack) {
        let pauses = Pauses {
            first: self.context.settings.limits.backoff_first,
            longest: self.slot().saturating_mul(4),
        };
        let now = self.context.clock.now();
        state
            .claims
            .unanswered(peer.clone(), tip, lack, now, pauses);
    }

    /// A probe may end after its peer has left: what it found out about that peer must not stay.
    fn forget_if_gone(&self, peer: &PeerId) {
        let is_gone = self.context.peers.table().get(peer).is_none();
        if is_gone {
            self.state().claims.forget(peer);
        }
    }
}

impl<B: BlockT> State<B> {
    /// Keeps a verified run, as far as it is not stored.
    pub(super) fn keep(
        &mut self,
        run: &VerifiedTip<B>,
        chain: &dyn Bridge<B>,
    ) -> Result<Inserted<B>, BridgeError> {
        let attested = self.attestations.uncontradicted();
        let attested: Vec<_> = attested.map(|attestation| attestation.tip.best).collect();
        self.tips.insert(run, chain, &attested)
    }

    /// How far a peer showed the chain of `tip`, which no window reaches, if what it showed is held.
    pub(super) fn shown(&self, tip: &BlockId<B>) -> Option<BlockId<B>> {
        let end = self.claims.partial_run(tip)?;
        self.tips.holding(&end).map(|_| end)
    }
}
