//! Sessions of Tier 2: when one starts, what it fetches, and what its end means.

mod course;

use super::{
    NetworkSyncManager, SyncEvent,
    board::Extent,
    hold_up::HoldUp,
    missing::{MissingBlocks, Moment, Patience, Worth},
    run::note_local,
};
use crate::{
    block_id::BlockId,
    block_sync::{Backoff, FetchError},
    error::Blame,
    headers::{Beyond, VerifiedTip},
    height_sync::{Judgement, Purpose, Waiting},
    ports::MonoTime,
    settings::JoinWindows,
    status::{CriticalReason, SyncStatus, Verdict},
};
use futures::{
    FutureExt,
    future::{BoxFuture, OptionFuture},
};
use sp_runtime::traits::Block as BlockT;
use std::{panic::AssertUnwindSafe, time::Duration};
use tokio::sync::watch;

/// So many blocks of a chain that no gate can have cleared must come in each slot, or they are withheld. Fewer: whoever deals them out so
/// slowly holds up everybody for longer; more: over a slow line the chain of an author that was forced looks withheld.
const OWN_BLOCKS_PER_SLOT: u32 = 128;

/// The same where a few are taken at a time, and enough voters have to hold them before the next are asked for. Fewer: whoever deals them
/// out holds up everybody for longer; more: over a slow network that loses messages the chain of an author that was forced looks
/// withheld, and is left behind.
const OWN_BLOCKS_PER_SLOT_IN_PARTS: u32 = 60;

/// How a session ended.
pub(super) enum SessionEnd<B: BlockT> {
    Reached(BlockId<B>),
    Failed(FetchError<B>),
    Panicked,
}

/// The session under way, if there is one, and what the next one starts from.
pub(super) struct Sessions<'a, B: BlockT> {
    manager: &'a NetworkSyncManager<B>,
    current: Option<BoxFuture<'a, SessionEnd<B>>>,
    /// What the session under way fetches.
    target: Option<VerifiedTip<B>>,
    /// The first block of it that not all take now: it is our turn to go ahead, or was when it began.
    ahead: Option<BlockId<B>>,
    /// How it learns of what was verified since it began.
    onward: watch::Sender<Option<VerifiedTip<B>>>,
    /// What was asked for and has not come.
    missing: MissingBlocks<B>,
    /// For how long chains of few have held us up.
    hold_up: HoldUp,
    /// Since when there is something to fetch and a probe runs that may change what.
    undecided_since: Option<MonoTime>,
    /// After a fault of our own no session starts before this; after others only none for the same tip.
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
            ahead: None,
            onward: watch::Sender::new(None),
            missing: MissingBlocks::new(),
            hold_up: HoldUp::default(),
            undecided_since: None,
            not_before: manager.started,
            backoff: Backoff::new(&context.settings.limits, context.randomness.seed()),
        }
    }

    /// The end of the session under way, which then goes to [`Sessions::ended`].
    pub(super) fn end(&mut self) -> OptionFuture<&mut BoxFuture<'a, SessionEnd<B>>> {
        self.current.as_mut().into()
    }

    /// How many blocks are missing.
    #[cfg(feature = "test-kit")]
    pub(super) fn missing(&self) -> usize {
        self.missing.len()
    }

    /// What a restart would cure, this cures: a session without progress is dropped, and a new one starts.
    pub(super) fn watchdog(&mut self) {
        let manager = self.manager;
        let patience = Duration::from_secs(30).max(manager.height.slot().saturating_mul(10));
        let stuck = self.stuck_for();
        if self.current.is_some() && stuck.is_some_and(|stuck| stuck > patience) {
            tracing::warn!(
                seconds = patience.as_secs(),
                "no progress: all requests are made anew, with other peers first"
            );
            self.give_up();
        }
    }

    /// Nothing came of `target`: the next session for it waits. What is missing of it; `None` if nothing is.
    fn pause(&mut self, target: &VerifiedTip<B>) -> Option<VerifiedTip<B>> {
        let height = &self.manager.height;
        // What is missing of it now; what was imported counts, so that the failure may be a first one.
        let left = height.verified(&target.tip())?;
        self.asked(&left);
        self.missing.failed(&left, height.slot(), self.now().at);
        Some(left)
    }

    /// Drops the session under way, of which nothing came.
    fn give_up(&mut self) {
        if let Some(target) = self.target.clone() {
            self.pause(&target);
        }
        self.stop();
    }

    /// For how long the session under way has brought nothing.
    fn stuck_for(&self) -> Option<Duration> {
        let manager = self.manager;
        let now = manager.context.clock.now();
        let stuck = manager.board.session_stuck_for(now)?;
        let deliveries = manager.context.peers.deliveries();
        // However long an import takes, other peers would not make it shorter.
        if deliveries.is_importing() {
            return None;
        }
        let last = deliveries.last();
        Some(last.map_or(stuck, |at| stuck.min(now.since(at))))
    }

    fn now(&self) -> Moment {
        let context = &self.manager.context;
        let at = context.clock.now();
        Moment {
            at,
            imported_for: context.peers.deliveries().imported_for(at),
        }
    }

    /// The first block of `run` is asked for from now on.
    fn asked(&mut self, run: &VerifiedTip<B>) {
        let (context, now) = (&self.manager.context, self.now());
        let limits = &context.settings.limits;
        let pauses = || Backoff::new(limits, context.randomness.seed());
        // The parts of a chain are paid for together.
        let memory = match run.beyond {
            Beyond::Unvoted => self.manager.height.slot(),
            Beyond::Nothing | Beyond::Claimed => Duration::ZERO,
        };
        let worth = self.worth(run);
        self.missing.asked(run, worth, memory, now, pauses);
    }

    /// Who sealed a tip whose first missing block was asked for, and that nobody delivers within a slot's share, is suspect, long
    /// before the request for it times out: until then it would cost everybody their slots.
    fn note_withheld(&mut self, judgement: &Judgement<B>) {
        let manager = self.manager;
        let height = &manager.height;
        let now = self.now();
        let best = manager.context.bridge.best();
        self.missing
            .keep(best, now, |block| height.is_verified(block));
        let deliveries = manager.context.peers.deliveries();
        let arrived = deliveries.take_highest();
        // A store that fails, or a line that is down, is nobody's fault but ours.
        if now.at < self.not_before || manager.context.peers.table().is_empty() {
            self.missing.excuse(now);
            self.hold_up.excuse(now);
            return;
        }
        let first = judgement
            .target
            .as_ref()
            .and_then(|target| target.ids().first());
        let is_being_fetched = self
            .target
            .as_ref()
            .zip(first)
            .is_some_and(|(fetching, block)| fetching.contains(block));
        if let Some(target) = &judgement.target
            && self.current.is_some()
            && is_being_fetched
        {
            self.asked(target);
        }
        let patience = Patience {
            share: height.slot_share(),
            busy: height.slot(),
        };
        let busy = deliveries.last_busy();
        let mut is_put_off = false;
        for run in judgement.target.iter().chain(&judgement.rivals) {
            if let Some((block, at)) = arrived {
                self.missing.arrived(run, &block, Moment { at, ..now });
            }
            if self.missing.is_withheld(run, busy, patience, now) {
                note_local(height.withheld(run));
                let is_busy = busy.is_some_and(|at| now.at.since(at) < patience.busy);
                let is_fetched = self
                    .target
                    .as_ref()
                    .is_some_and(|target| !target.conflicts_with(run));
                is_put_off |= is_busy && is_fetched;
            }
        }
        if is_put_off {
            self.leave_to_others(judgement);
        }
        self.note_hold_up(judgement, now);
    }

    /// A chain of few that holds us up for longer than its author would be suspect is worth no more waiting.
    fn note_hold_up(&mut self, judgement: &Judgement<B>, now: Moment) {
        let height = &self.manager.height;
        let Some(target) = &judgement.target else {
            return;
        };
        match height.round_of_few(target) {
            Ok(Some(round)) if self.hold_up.is_too_long(round, height.slot(), now) => {
                note_local(height.withheld(target));
            }
            Ok(_) => {}
            Err(error) => note_local(Err(error)),
        }
    }

    /// Ends the session under way, whose peers put it off, if another chain waits to be fetched. "Busy" is no failure, and whoever
    /// says so again and again would keep everything else from being fetched.
    fn leave_to_others(&mut self, judgement: &Judgement<B>) {
        let now = self.manager.context.clock.now();
        let Some(fetching) = self.target.as_ref().filter(|_| self.current.is_some()) else {
            return;
        };
        let mut others = judgement.target.iter().chain(&judgement.rivals);
        if others.any(|run| run.conflicts_with(fetching) && self.missing.may_start(run, now)) {
            tracing::debug!("the session under way is put off, and gives way to another");
            self.give_up();
        }
    }

    /// What a block of `run` is worth that arrives. One who dealt out a chain of its own block by block would hold up everybody for as
    /// long as it has blocks, if each of them bought a slot's share.
    fn worth(&self, run: &VerifiedTip<B>) -> Worth {
        let height = &self.manager.height;
        match height.is_of_no_gate(run) {
            Ok(true) => {
                let each_slot = match run.beyond {
                    Beyond::Unvoted => OWN_BLOCKS_PER_SLOT_IN_PARTS,
                    Beyond::Nothing | Beyond::Claimed => OWN_BLOCKS_PER_SLOT,
                };
                Worth::Each(height.slot() / each_slot)
            }
            Ok(false) => Worth::AllTime,
            Err(error) => {
                note_local(Err(error));
                Worth::AllTime
            }
        }
    }

    /// Starts a session if there is a verified tip to fetch and none is under way.
    pub(super) fn start(&mut self, judgement: &Judgement<B>) {
        let manager = self.manager;
        let context = &manager.context;
        let now = context.clock.now();
        self.note_withheld(judgement);
        self.drop_off_course(judgement);
        self.go_on(judgement);
        if self.current.is_some() || now < self.not_before {
            return;
        }
        // What a first probe is about to show may be the better target; it is waited for as long as a round would.
        let first = judgement.target.as_ref().or(judgement.rivals.first());
        let settled = first.is_some_and(|tip| judgement.is_settled_on(tip));
        if judgement.waiting == Waiting::Decided || judgement.rivals.is_empty() || settled {
            self.undecided_since = None;
        } else {
            let waited = now.since(*self.undecided_since.get_or_insert(now));
            if waited < self.patience(judgement) {
                return;
            }
        }
        let windows = context.settings.tier2.join_windows;
        let may_start = |run: &VerifiedTip<B>| self.missing.may_start(run, now);
        let Some(target) = fetchable(judgement, windows, may_start) else {
            return self.look_further(judgement);
        };
        self.asked(target);
        // The next one waits for itself.
        self.undecided_since = None;
        let mut job = manager.blocks.job(target);
        let mut extent = Extent::To(job.target().height());
        if windows == JoinWindows::Successive && target.beyond != Beyond::Unvoted {
            extent = Extent::of(target);
            self.onward.send_replace(Some(target.clone()));
            job = job.going_on(self.onward.subscribe());
            manager.height.follow(&target.tip(), Purpose::Fetching);
            if target.beyond == Beyond::Claimed {
                // More of its headers are due from now on.
                manager.height.touch();
            }
        }
        self.target = Some(target.clone());
        self.ahead = judgement.goes_ahead(target);
        let from = context.bridge.best().height();
        manager.board.session_started(context, from, extent);
        tracing::debug!(from, target = %job.target(), "catching up");
        let session = AssertUnwindSafe(manager.blocks.run(job))
            .catch_unwind()
            .map(|end| match end {
                Ok(Ok(reached)) => SessionEnd::Reached(reached),
                Ok(Err(error)) => SessionEnd::Failed(error),
                Err(_) => SessionEnd::Panicked,
            });
        self.current = Some(session.boxed());
    }

    /// How long to wait for what probes may show. A few blocks can be taken back again; but whoever is far behind and follows a
    /// chain that fewer have than are still being probed may be on a dead fork before it hears of the living one.
    fn patience(&self, judgement: &Judgement<B>) -> Duration {
        let settings = &self.manager.context.settings;
        let usual = self.manager.height.slot_share();
        let lasting = |tip: &VerifiedTip<B>| {
            tip.headers().len() as u64 > settings.tier2.max_reorg
                && judgement.probing > judgement.voters_on(tip)
        };
        match judgement.target.as_ref().or(judgement.rivals.first()) {
            Some(tip) if lasting(tip) => settings.tier1.timeout.max(usual),
            _ => usual,
        }
    }

    /// Tells the session under way what was verified of its chain since, as far as that is to be followed: windows in a row, without a
    /// pause between them.
    fn go_on(&mut self, judgement: &Judgement<B>) {
        let manager = self.manager;
        if self.current.is_none()
            || manager.context.settings.tier2.join_windows == JoinWindows::Operator
        {
            return;
        }
        let target = self.target.as_ref();
        let Some(target) = target.filter(|target| target.beyond != Beyond::Unvoted) else {
            return;
        };
        let end = target.tip();
        manager.height.follow(&end, Purpose::Fetching);
        let mut worthy = judgement.target.iter().chain(&judgement.rivals);
        let Some(run) = worthy.find(|run| run.contains(&end)) else {
            return;
        };
        if run.tip() != end {
            manager.board.session_goes_on(Extent::of(run));
            self.onward.send_replace(Some(run.clone()));
            self.target = Some(run.clone());
            self.ahead = self.ahead.or(judgement.goes_ahead(run));
        }
    }

    /// Nothing is to be fetched now. Of a window of which no more is taken before more of its chain is known, more is asked for.
    fn look_further(&self, judgement: &Judgement<B>) {
        let windows = judgement.kept_back.iter().map(|kept| &kept.run);
        let windows = windows.filter(|run| run.beyond == Beyond::Claimed);
        let settings = &self.manager.context.settings;
        if settings.tier2.join_windows == JoinWindows::Successive
            && let Some(run) = windows.max_by_key(|run| run.tip().number)
        {
            let height = &self.manager.height;
            height.follow(&run.tip(), Purpose::Deciding);
        }
    }

    /// Drops the session under way.
    fn stop(&mut self) {
        self.is_over();
        if let Some(target) = self.target.take() {
            self.ends_being_ahead(&target);
        }
    }

    /// There is no session under way any more.
    fn is_over(&mut self) {
        self.current = None;
        let height = &self.manager.height;
        height.follow_nothing();
        self.manager.board.session_ended(&self.manager.context);
        // What it stored and the fork choice did not take changed no best block, so no event told of it: it would be fetched again and again.
        note_local(height.chain_changed(None));
    }

    /// The session for `target` is over. If it went ahead, nobody asks for what is left of it until it is somebody's turn again.
    fn ends_being_ahead(&mut self, target: &VerifiedTip<B>) {
        if self.ahead.take().is_some()
            && let Some(left) = self.manager.height.verified(&target.tip())
        {
            self.missing.put_off(&left);
        }
    }

    pub(super) fn ended(&mut self, end: SessionEnd<B>) {
        let manager = self.manager;
        self.is_over();
        let now = manager.context.clock.now();
        let target = self.target.take();
        match end {
            SessionEnd::Reached(best) => {
                self.backoff.worked();
                self.not_before = now;
                manager.board.tell(SyncEvent::CaughtUp { best });
                // The target may have moved meanwhile.
                manager.height.ask(Duration::ZERO);
            }
            SessionEnd::Failed(error) => {
                if let Some(target) = &target {
                    self.failed(target, &error);
                }
                if error.blame() == Blame::Local {
                    self.not_before = now.plus(self.backoff.failed());
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
        if let Some(target) = target {
            self.ends_being_ahead(&target);
        }
        manager.height.touch();
    }

    /// The session for `target` failed.
    fn failed(&mut self, target: &VerifiedTip<B>, error: &FetchError<B>) {
        let height = &self.manager.height;
        if let FetchError::Unplaceable { id, delivery, .. } = error {
            note_local(height.invalid(target, id));
            height.park(*id, *delivery);
        }
        let Some(left) = self.pause(target) else {
            return;
        };
        let height = &self.manager.height;
        let now = self.now().at;
        // Whoever has it may be away for a while.
        let slots = self.manager.context.settings.limits.stalled_slots;
        let long = height.slot().saturating_mul(slots);
        if matches!(
            error,
            FetchError::NotDelivered { .. } | FetchError::BeginAbove { .. }
        ) && let Some(since) = self.missing.asked_since(&left)
            && now.since(since) >= long
        {
            height.forget_if_unclaimed(&target.tip());
        }
    }
}

/// The verified tip to fetch now: the one that holds us up, else the highest of the others; whatever has just failed has to wait,
/// so that a tip that nobody delivers does not keep the others waiting.
fn fetchable<B: BlockT>(
    judgement: &Judgement<B>,
    windows: JoinWindows,
    may_start: impl Fn(&VerifiedTip<B>) -> bool,
) -> Option<&VerifiedTip<B>> {
    let too_far = matches!(
        &judgement.verdict,
        Verdict::Known(SyncStatus::Critical(CriticalReason::Gap { .. }))
    );
    if too_far && windows == JoinWindows::Operator {
        return None;
    }
    let mut candidates = judgement.target.iter().chain(&judgement.rivals);
    candidates.find(|tip| may_start(tip))
}
