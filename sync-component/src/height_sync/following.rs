//! A chain that is longer than a window: its headers are verified ahead of its blocks, so that fetching never waits for them.

use super::{HeightSyncManager, manager::State};
use crate::{
    block_id::BlockId,
    error::LocalFault,
    headers::{
        Beyond, Claim, ClaimState, Claimant, Claimants, Extended, Fetched, Inserted, Lagging,
        Skeleton, VerifiedTip, extend_by, fetch,
    },
    ports::{BridgeError, MonoTime, PeerId},
};
use futures::future::{OptionFuture, join};
use sp_runtime::traits::Block as BlockT;
use std::{collections::BTreeSet, time::Duration};

/// Answers that are verified and kept at a time while little else is known. Fewer: the run is copied more often; more: blocks wait longer
/// for the first of their headers.
const FIRST_PARTS: usize = 4;

/// Why more headers of a run are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Its blocks are being fetched.
    Fetching,
    /// None of them is, before more of it is known.
    Deciding,
}

/// What is being fetched, and who is asked for more of its headers.
#[derive(Debug)]
pub(super) struct Followed<B: BlockT> {
    /// The end of the run, as far as it was verified when it was last looked at.
    end: Option<BlockId<B>>,
    purpose: Purpose,
    /// Who is being asked.
    asked: Option<PeerId>,
    /// Who did not bring what it was asked for.
    lagging: Lagging,
    not_before: Option<MonoTime>,
    /// Lent to the extension under way.
    skeleton: Skeleton<B>,
    /// Headers above `end` that came while those below them were verified.
    ahead: Option<Fetched<B>>,
}

impl<B: BlockT> Default for Followed<B> {
    fn default() -> Self {
        Self {
            end: None,
            purpose: Purpose::Fetching,
            asked: None,
            lagging: Lagging::default(),
            not_before: None,
            skeleton: Skeleton::default(),
            ahead: None,
        }
    }
}

/// More headers of a run that may be asked for now.
#[derive(Debug)]
pub(crate) struct Extension<B: BlockT> {
    claimants: Claimants<B>,
    run: VerifiedTip<B>,
    most: u64,
    /// How many more may be fetched beyond these meanwhile: whole answers.
    room: u64,
    skeleton: Skeleton<B>,
    ahead: Option<Fetched<B>>,
}

impl<B: BlockT> State<B> {
    /// Whether more of a verified run is asked for.
    pub(super) fn is_following(&self) -> bool {
        let end = self.followed.end.as_ref();
        end.is_some_and(|end| self.tips.holding(end).is_some())
    }

    /// Whether its blocks are.
    pub(super) fn is_fetching(&self) -> bool {
        self.followed.purpose == Purpose::Fetching && self.is_following()
    }
}

impl<B: BlockT> HeightSyncManager<B> {
    /// More headers of the run that ends in `end`, or goes on above it, are asked for from now on; returns it as it is now.
    pub(crate) fn follow(&self, end: &BlockId<B>, purpose: Purpose) -> Option<VerifiedTip<B>> {
        let mut state = self.state();
        let run = state.tips.holding(end).cloned();
        let followed = &mut state.followed;
        (followed.end, followed.purpose) = (run.as_ref().map(VerifiedTip::tip), purpose);
        run
    }

    /// Nothing is being fetched.
    pub(crate) fn follow_nothing(&self) {
        let followed = &mut self.state().followed;
        (followed.end, followed.ahead) = (None, None);
    }

    /// What to ask for, if more headers of the run that is being fetched are known to exist and there is room for them.
    pub(crate) fn take_due_extension(&self) -> Option<Extension<B>> {
        let now = self.context.clock.now();
        let mut state = self.state();
        let followed = &mut state.followed;
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
        let followed = &mut state.followed;
        let ahead = followed.ahead.take();
        let ahead = ahead.filter(|ahead| ahead.is_of(&claimants, &run.tip()));
        // What has come has its room already.
        let taken = ahead.as_ref().map_or(most, |ahead| ahead.wanted);
        if ahead.is_none() && room < most {
            return None;
        }
        followed.asked = Some(claimants.first.clone());
        let room = if claimants.are_far() {
            room.saturating_sub(taken)
        } else {
            0
        };
        Some(Extension {
            ahead,
            claimants,
            run,
            most,
            room: room - room % each,
            skeleton: std::mem::take(&mut followed.skeleton),
        })
    }

    /// A probe learnt hashes of a long chain. Those of the one that is being fetched, if there is one, are worth more.
    pub(super) fn note_skeleton(&self, skeleton: Skeleton<B>) {
        let mut state = self.state();
        if !state.is_following() && state.followed.asked.is_none() {
            state.followed.skeleton = skeleton;
        }
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
        let now = self.context.clock.now();
        Claimants::of(&claims, &followed.lagging, self.longest_answer(), now)
    }

    /// How long an answer may take whatever it is about.
    pub(super) fn longest_answer(&self) -> Duration {
        let timeout = self.context.settings.tier1.timeout;
        timeout.min(self.slot().saturating_mul(2))
    }

    /// Asks for it. While what came is verified the next ones are asked for, so that neither waits for the other.
    pub(crate) async fn run_extension(&self, extension: Extension<B>) -> Result<(), LocalFault> {
        let Extension {
            claimants,
            run,
            most,
            room,
            mut skeleton,
            ahead,
        } = extension;
        let context = &self.context;
        let fetched = match ahead {
            Some(ahead) => Ok(ahead),
            None => fetch(context, &claimants, run.tip(), most, &mut skeleton).await,
        };
        let (grown, ahead) = match fetched {
            Ok(fetched) => {
                let wanted = fetched.wanted;
                let next = fetched.end(&skeleton).filter(|_| room > 0);
                let most = most.min(room);
                let more = OptionFuture::from(
                    next.map(|next| fetch(context, &claimants, next, most, &mut skeleton)),
                );
                let (came, ahead) = join(self.verify(&claimants, &run, fetched), more).await;
                let came = came.and_then(|came| {
                    skeleton.brought(came, wanted);
                    Ok((came > 0, ahead.transpose()?.filter(|_| came == wanted)))
                });
                match came {
                    Ok((grown, ahead)) => (Ok(grown), ahead),
                    Err(fault) => (Err(fault), None),
                }
            }
            Err(fault) => (Err(fault), None),
        };
        let mut state = self.state();
        let pause = context.settings.limits.backoff_first;
        let paused = !matches!(grown, Ok(true));
        let is_following = state.is_following();
        let followed = &mut state.followed;
        followed.asked = None;
        followed.skeleton = skeleton;
        followed.ahead = ahead.filter(|_| is_following);
        followed.not_before = paused.then(|| context.clock.now().plus(pause));
        drop(state);
        self.touch();
        grown.map(drop)
    }

    /// Verifies what came above `run` and keeps it at once; how many headers hold. Where it is most of what is known, as when a session
    /// begins, a part of it at a time: its blocks can be asked for so much sooner.
    async fn verify(
        &self,
        claimants: &Claimants<B>,
        run: &VerifiedTip<B>,
        mut fetched: Fetched<B>,
    ) -> Result<u64, LocalFault> {
        let (mut run, mut came) = (run.clone(), 0);
        loop {
            let is_most = fetched.wanted > run.headers().len() as u64;
            let first = is_most.then(|| fetched.first(FIRST_PARTS)).flatten();
            let (part, left) = match first {
                Some(part) => (part, Some(fetched)),
                None => (fetched, None),
            };
            let wanted = part.wanted;
            let longer = self.verify_part(claimants, &run, part).await?;
            let more = longer.tip().height().saturating_sub(run.tip().height());
            came += more;
            match left {
                Some(left) if more == wanted => (run, fetched) = (longer, left),
                _ => return Ok(came),
            }
        }
    }

    async fn verify_part(
        &self,
        claimants: &Claimants<B>,
        run: &VerifiedTip<B>,
        part: Fetched<B>,
    ) -> Result<VerifiedTip<B>, LocalFault> {
        let Extended {
            run: longer,
            lacking,
        } = extend_by(&self.context, run, part).await?;
        let mut state = self.state();
        self.note_lagging(&mut state, lacking);
        self.keep_extended(&mut state, claimants, run, &longer)?;
        drop(state);
        self.touch();
        Ok(longer)
    }

    fn note_lagging(&self, state: &mut State<B>, lacking: BTreeSet<PeerId>) {
        if lacking.is_empty() {
            return;
        }
        let lagging = &mut state.followed.lagging;
        lagging.note(lacking, self.context.clock.now());
        let table = self.context.peers.table();
        lagging.retain(|peer| table.get(peer).is_some());
    }

    /// Keeps a run that the `claimants` made longer.
    fn keep_extended(
        &self,
        state: &mut State<B>,
        claimants: &Claimants<B>,
        run: &VerifiedTip<B>,
        longer: &VerifiedTip<B>,
    ) -> Result<(), BridgeError> {
        let new = longer.above(&run.tip()).unwrap_or_default();
        if new.is_empty() {
            return Ok(());
        }
        self.note_seals(state, run.base, new)?;
        let (peer, tip, end) = (&claimants.first, claimants.tip, longer.tip());
        match state.keep(longer, self.context.bridge.as_ref())? {
            Inserted::Parked(block) => state.claims.parked(peer.clone(), tip, block),
            // What it was has gone too, so it is looked at anew.
            Inserted::Crowded => {}
            Inserted::Whole | Inserted::Stored => {
                state.claims.partial(peer.clone(), tip, end);
                state.claims.holds_up_to(&tip, end);
                // Their tips may have moved on since they were probed, and one may be on another chain by now.
                for other in &claimants.others {
                    let shown = state.claims.get(other).and_then(Claim::shown);
                    if shown.is_some_and(|shown| longer.contains(&shown)) {
                        state.claims.partial(other.clone(), tip, end);
                    }
                }
                // Nothing may be fetched any more, or another chain.
                if state.followed.end == Some(run.tip()) {
                    state.followed.end = Some(end);
                }
            }
        }
        Ok(())
    }
}
