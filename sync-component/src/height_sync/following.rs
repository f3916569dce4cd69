//! A chain that is longer than a window: its headers are verified ahead of its blocks, so that fetching never waits for them.

use super::{HeightSyncManager, manager::State};
use crate::{
    block_id::BlockId,
    error::LocalFault,
    headers::{
        Beyond, ClaimState, Claimant, Claimants, Extended, Inserted, Lagging, Skeleton,
        VerifiedTip, extend,
    },
    ports::{BridgeError, MonoTime, PeerId},
};
use sp_runtime::traits::Block as BlockT;
use std::{collections::BTreeSet, time::Duration};

/// What is being fetched, and who is asked for more of its headers.
#[derive(Debug)]
pub(super) struct Followed<B: BlockT> {
    /// The end of the run, as far as it was verified when it was last looked at.
    end: Option<BlockId<B>>,
    /// Who is being asked.
    asked: Option<PeerId>,
    /// Who did not bring what it was asked for.
    lagging: Lagging,
    not_before: Option<MonoTime>,
    /// Lent to the extension under way.
    skeleton: Skeleton<B>,
}

impl<B: BlockT> Default for Followed<B> {
    fn default() -> Self {
        Self {
            end: None,
            asked: None,
            lagging: Lagging::default(),
            not_before: None,
            skeleton: Skeleton::default(),
        }
    }
}

/// More headers of a run that may be asked for now.
#[derive(Debug)]
pub(crate) struct Extension<B: BlockT> {
    claimants: Claimants<B>,
    run: VerifiedTip<B>,
    most: u64,
    skeleton: Skeleton<B>,
}

impl<B: BlockT> State<B> {
    /// Whether a verified run is being fetched.
    pub(super) fn is_following(&self) -> bool {
        let end = self.followed.end.as_ref();
        end.is_some_and(|end| self.tips.holding(end).is_some())
    }
}

impl<B: BlockT> HeightSyncManager<B> {
    /// The run that ends in `end`, or goes on above it, is being fetched from now on; returns it as it is now.
    pub(crate) fn follow(&self, end: &BlockId<B>) -> Option<VerifiedTip<B>> {
        let mut state = self.state();
        let run = state.tips.holding(end).cloned();
        state.followed.end = run.as_ref().map(VerifiedTip::tip);
        run
    }

    /// Nothing is being fetched.
    pub(crate) fn follow_nothing(&self) {
        self.state().followed.end = None;
    }

    /// What to ask for, if more headers of the run that is being fetched are known to exist and there is room for them.
    pub(crate) fn take_due_extension(&self) -> Option<Extension<B>> {
        let now = self.context.clock.now();
        let mut state = self.state();
        let followed = &state.followed;
        let end = followed.end?;
        if followed.asked.is_some() || followed.not_before.is_some_and(|at| at > now) {
            return None;
        }
        let run = state.tips.holding(&end)?.clone();
        let limits = &self.context.settings.limits;
        let room = u64::from(limits.headers_ahead).checked_sub(run.headers().len() as u64)?;
        if run.beyond == Beyond::Nothing {
            return None;
        }
        let claimants = self.claimants(&state, &run)?;
        let each = u64::from(limits.headers_per_request).max(1);
        let most = claimants.stride(each, limits.headers_ahead.into());
        if room < most {
            return None;
        }
        state.followed.asked = Some(claimants.first.clone());
        Some(Extension {
            claimants,
            run,
            most,
            skeleton: std::mem::take(&mut state.followed.skeleton),
        })
    }

    /// Who claims a chain that goes on above `run`, the quickest first.
    fn claimants(&self, state: &State<B>, run: &VerifiedTip<B>) -> Option<Claimants<B>> {
        let table = self.context.peers.table();
        let followed = &state.followed;
        let claims = table.iter().filter_map(|(peer, entry)| {
            let tip = entry.sighting.as_ref()?.standing.best;
            let claim = state.claims.get(peer)?;
            let holds =
                matches!(claim.state, ClaimState::Partial { run: reached } if run.contains(&reached));
            let latency = table.record(peer).and_then(|record| record.latency);
            (holds && tip.number > run.tip().number).then_some(Claimant { peer, tip, latency })
        });
        let mut claims: Vec<_> = claims.collect();
        // Whose hashes are known need not be asked for them.
        claims.sort_by_key(|claim| (!followed.skeleton.is_of(claim.peer), claim.latency));
        Claimants::of(&claims, &followed.lagging, self.longest_answer())
    }

    /// How long an answer may take whatever it is about.
    pub(super) fn longest_answer(&self) -> Duration {
        let timeout = self.context.settings.tier1.timeout;
        timeout.min(self.slot().saturating_mul(2))
    }

    /// Asks for it.
    pub(crate) async fn run_extension(&self, extension: Extension<B>) -> Result<(), LocalFault> {
        let Extension {
            claimants,
            run,
            most,
            mut skeleton,
        } = extension;
        let result = extend(&self.context, &claimants, &run, most, &mut skeleton).await;
        let mut state = self.state();
        state.followed.asked = None;
        state.followed.skeleton = skeleton;
        let grown = result.and_then(
            |Extended {
                 run: longer,
                 lacking,
             }| {
                self.note_lagging(&mut state, lacking);
                let claim = (&claimants.first, claimants.tip);
                self.keep_extended(&mut state, claim, &run, &longer)?;
                Ok(longer.tip() != run.tip())
            },
        );
        let pause = self.context.settings.limits.backoff_first;
        let paused = !matches!(grown, Ok(true));
        state.followed.not_before = paused.then(|| self.context.clock.now().plus(pause));
        drop(state);
        self.touch();
        grown.map(drop)
    }

    fn note_lagging(&self, state: &mut State<B>, lacking: BTreeSet<PeerId>) {
        if lacking.is_empty() {
            return;
        }
        let lagging = &mut state.followed.lagging;
        lagging.note(lacking);
        let table = self.context.peers.table();
        lagging.retain(|peer| table.get(peer).is_some());
    }

    /// Keeps a run that `peer`, who claims `tip`, made longer.
    fn keep_extended(
        &self,
        state: &mut State<B>,
        (peer, tip): (&PeerId, BlockId<B>),
        run: &VerifiedTip<B>,
        longer: &VerifiedTip<B>,
    ) -> Result<(), BridgeError> {
        let new = longer.above(&run.tip()).unwrap_or_default();
        if new.is_empty() {
            return Ok(());
        }
        self.note_seals(state, run.base, new)?;
        let end = longer.tip();
        match state.tips.insert(longer, self.context.bridge.as_ref())? {
            Inserted::Parked(block) => state.claims.parked(peer.clone(), tip, block),
            // What it was has gone too, so it is looked at anew.
            Inserted::Crowded => {}
            Inserted::Whole | Inserted::Stored => {
                state.claims.partial(peer.clone(), tip, end);
                state.claims.holds_up_to(&tip, end);
                state.followed.end = Some(end);
            }
        }
        Ok(())
    }
}
