//! Sessions of Tier 2: when one starts, what it fetches, and what its end means.

use super::{NetworkSyncManager, SyncEvent, run::note_local};
use crate::{
    block_id::BlockId,
    block_sync::{Backoff, FetchError},
    error::Blame,
    headers::VerifiedTip,
    height_sync::{Judgement, Waiting},
    ports::{MonoTime, Presence},
    settings::JoinWindows,
    status::{CriticalReason, SyncStatus, Verdict},
};
use futures::{
    FutureExt,
    future::{BoxFuture, OptionFuture},
};
use sp_runtime::traits::Block as BlockT;
use std::{collections::BTreeMap, panic::AssertUnwindSafe, time::Duration};

/// How a session ended.
pub(super) enum SessionEnd<B: BlockT> {
    Reached(BlockId<B>),
    Failed(FetchError<B>),
    Panicked,
}

/// What asking for the next block of a tip came to since anything arrived.
struct InVain {
    /// How many peers were asked.
    asked: usize,
    /// Since when.
    since: MonoTime,
}

/// The session under way, if there is one, and what the next one starts from.
pub(super) struct Sessions<'a, B: BlockT> {
    manager: &'a NetworkSyncManager<B>,
    current: Option<BoxFuture<'a, SessionEnd<B>>>,
    /// What the session under way fetches.
    target: Option<VerifiedTip<B>>,
    /// The tip that the last session failed to fetch: others come first.
    failed: Option<BlockId<B>>,
    in_vain: BTreeMap<BlockId<B>, InVain>,
    /// The tip that was last said to be withheld.
    told_withheld: Option<BlockId<B>>,
    /// Since when there is something to fetch and a probe runs that may change what.
    undecided_since: Option<MonoTime>,
    /// Our height when the last session started.
    from: u64,
    not_before: MonoTime,
    backoff: Backoff,
}

impl<'a, B: BlockT> Sessions<'a, B> {
    /// None yet.
    pub(super) fn new(manager: &'a NetworkSyncManager<B>) -> Self {
        let context = &manager.context;
        Self {
            manager,
            current: None,
            target: None,
            failed: None,
            in_vain: BTreeMap::new(),
            told_withheld: None,
            undecided_since: None,
            from: 0,
            not_before: manager.started,
            backoff: Backoff::new(&context.settings.limits, context.randomness.seed()),
        }
    }

    /// The end of the session under way, which then goes to [`Sessions::ended`].
    pub(super) fn end(&mut self) -> OptionFuture<&mut BoxFuture<'a, SessionEnd<B>>> {
        self.current.as_mut().into()
    }

    /// What a restart would cure, this cures: a session without progress is dropped, and a new one starts.
    pub(super) fn watchdog(&mut self) {
        let manager = self.manager;
        let patience = Duration::from_secs(30).max(manager.height.slot().saturating_mul(10));
        let stuck = self.stuck_for();
        self.note_withheld(stuck);
        if self.current.is_some() && stuck.is_some_and(|stuck| stuck > patience) {
            tracing::warn!(
                seconds = patience.as_secs(),
                "no progress: all requests are made anew, with other peers first"
            );
            self.current = None;
            self.target = None;
            manager.board.session_ended(&manager.context);
        }
    }

    /// For how long the session under way has brought nothing.
    fn stuck_for(&self) -> Option<Duration> {
        let manager = self.manager;
        let now = manager.context.clock.now();
        let stuck = manager.board.session_stuck_for(now)?;
        let last = manager.context.peers.last_delivery();
        Some(last.map_or(stuck, |at| stuck.min(now.since(at))))
    }

    /// Who sealed a tip whose first missing block nobody delivers within a slot's share is suspect, long before the request for
    /// it times out: until then it would cost everybody their slots.
    fn note_withheld(&mut self, stuck: Option<Duration>) {
        let manager = self.manager;
        let is_late = stuck.is_some_and(|stuck| stuck >= manager.height.slot_share());
        let Some(target) = self.target.as_ref().filter(|_| self.current.is_some()) else {
            return;
        };
        if is_late && self.told_withheld != Some(target.tip()) {
            self.told_withheld = Some(target.tip());
            note_local(manager.height.withheld(target));
        }
    }

    /// Starts a session if there is a verified tip to fetch and none is under way.
    pub(super) fn start(&mut self, judgement: &Judgement<B>) {
        let manager = self.manager;
        let context = &manager.context;
        let now = context.clock.now();
        self.drop_off_course(judgement);
        if self.current.is_some() || now < self.not_before {
            return;
        }
        // What a first probe is about to show may be the better target; it is waited for as long as a round would.
        if judgement.waiting == Waiting::Decided || judgement.rivals.is_empty() {
            self.undecided_since = None;
        } else {
            let waited = now.since(*self.undecided_since.get_or_insert(now));
            if waited < manager.height.slot_share() {
                return;
            }
        }
        let windows = context.settings.tier2.join_windows;
        let Some(target) = fetchable(judgement, windows, self.failed) else {
            return;
        };
        let job = manager.blocks.job(target);
        self.target = Some(target.clone());
        let (from, to) = (context.bridge.best().height(), job.target().height());
        manager.board.session_started(from, to, now);
        self.from = from;
        tracing::debug!(from, to, target = %job.target(), "catching up");
        let session = AssertUnwindSafe(manager.blocks.run(job))
            .catch_unwind()
            .map(|end| match end {
                Ok(Ok(reached)) => SessionEnd::Reached(reached),
                Ok(Err(error)) => SessionEnd::Failed(error),
                Err(_) => SessionEnd::Panicked,
            });
        self.current = Some(session.boxed());
    }

    /// Ends the session under way if what is to be followed now is another chain than the one it fetches.
    fn drop_off_course(&mut self, judgement: &Judgement<B>) {
        let fetching = self.target.as_ref().filter(|_| self.current.is_some());
        let off_course =
            fetching
                .zip(judgement.target.as_ref())
                .is_some_and(|(fetching, wanted)| {
                    fetching.conflicts_with(wanted) || self.is_passed(fetching, wanted)
                });
        if off_course {
            tracing::debug!("the session under way fetches another chain than the one to follow");
            self.current = None;
            self.target = None;
            self.manager.board.session_ended(&self.manager.context);
        }
    }

    /// Whether `wanted` begins at or above the height at which `fetching` ends, with another block there: whoever withholds a
    /// block must not keep us from those that follow the one in its place.
    fn is_passed(&self, fetching: &VerifiedTip<B>, wanted: &VerifiedTip<B>) -> bool {
        let bridge = &self.manager.context.bridge;
        wanted.base.number >= fetching.tip().number
            // Once it is stored the session ends by itself.
            && bridge
                .presence(fetching.tip().hash)
                .is_ok_and(|place| place == Presence::Absent)
    }

    pub(super) fn ended(&mut self, end: SessionEnd<B>) {
        let manager = self.manager;
        self.current = None;
        manager.board.session_ended(&manager.context);
        let now = manager.context.clock.now();
        let target = self.target.take();
        self.failed = target.as_ref().map(VerifiedTip::tip);
        match end {
            SessionEnd::Reached(best) => {
                self.failed = None;
                self.backoff.worked();
                self.not_before = now;
                // What the fork choice did not take changed no best block, so no event said that it is stored now: it would be
                // fetched again and again.
                note_local(manager.height.chain_changed(None));
                manager.board.tell(SyncEvent::CaughtUp { best });
                // The target may have moved meanwhile.
                manager.height.ask(Duration::ZERO);
            }
            SessionEnd::Failed(error) => {
                match &error {
                    FetchError::Unplaceable { id, delivery, .. } => {
                        manager.height.park(*id, *delivery);
                    }
                    FetchError::Overtaken { .. } => note_local(manager.height.chain_changed(None)),
                    FetchError::NotDelivered { busy: 0, peers, .. } => {
                        if let Some(target) = &target {
                            self.not_delivered(target, *peers);
                        }
                    }
                    _ => {}
                }
                // What was imported counts: the next failure is a first one.
                if manager.context.bridge.best().height() > self.from {
                    self.backoff.worked();
                }
                let pause = self.backoff.failed();
                self.not_before = now.plus(pause);
                if error.blame() == Blame::Local {
                    tracing::error!(%error, "catching up failed");
                } else {
                    tracing::warn!(%error, "catching up failed; it is tried again");
                }
                manager.board.tell(SyncEvent::CatchUpFailed(error.into()));
            }
            SessionEnd::Panicked => {
                self.not_before = now.plus(self.backoff.failed());
                tracing::error!(
                    "a sync session panicked; it is started again, please report the panic above"
                );
                manager.board.tell(SyncEvent::CatchUpPanicked);
            }
        }
        manager.height.touch();
    }

    /// A session ended because none of the `asked` peers delivered the next block of `target`.
    fn not_delivered(&mut self, target: &VerifiedTip<B>, asked: usize) {
        let best = self.manager.context.bridge.best();
        // While blocks arrive nothing is withheld.
        if best.height() > self.from || target.tip().number <= best.number {
            self.in_vain.clear();
            return;
        }
        let height = &self.manager.height;
        let now = self.manager.context.clock.now();
        self.in_vain.retain(|tip, _| height.is_verified(tip));
        let in_vain = self.in_vain.entry(target.tip()).or_insert(InVain {
            asked: 0,
            since: now,
        });
        in_vain.asked = in_vain.asked.saturating_add(asked);
        // A single lost answer is an accident. Where nobody is left to ask, none comes: its author left with the body.
        if in_vain.asked >= 2 || now.since(in_vain.since) >= height.slot_share() {
            note_local(height.withheld(target));
        }
        // Whoever has it may be away for a while.
        let slots = self.manager.context.settings.limits.stalled_slots;
        if now.since(in_vain.since) >= height.slot().saturating_mul(slots) {
            height.forget_if_unclaimed(&target.tip(), in_vain.since);
        }
    }
}

/// The verified tip to fetch now: the one that holds us up, else the highest of the others; whatever just failed comes
/// last, so that a tip that nobody delivers does not keep the others waiting.
fn fetchable<B: BlockT>(
    judgement: &Judgement<B>,
    windows: JoinWindows,
    failed: Option<BlockId<B>>,
) -> Option<&VerifiedTip<B>> {
    let too_far = matches!(
        &judgement.verdict,
        Verdict::Known(SyncStatus::Critical(CriticalReason::Gap { .. }))
    );
    if too_far && windows == JoinWindows::Operator {
        return None;
    }
    let candidates = || judgement.target.iter().chain(&judgement.rivals);
    candidates()
        .find(|tip| Some(tip.tip()) != failed)
        .or_else(|| candidates().next())
}
