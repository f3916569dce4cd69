//! The loop behind the manager: the only place that starts anything.

use super::{
    NetworkSyncManager, SyncEvent, announcer::Announcer, inbound::announce_reply, manager::Queues,
};
use crate::{
    block_id::BlockId,
    block_sync::{Backoff, FetchError},
    error::{Blame, NetworkError},
    headers::VerifiedTip,
    height_sync::{Judgement, Waiting},
    peers::Offence,
    ports::{
        BridgeError, ChainEvent, MonoTime, NetworkEvent, PeerId, Protocol, VoteStanding, heavy,
    },
    settings::JoinWindows,
    status::{CriticalReason, SyncStatus, Verdict},
    wire::{Activity, AnnounceReply, Announcement},
};
use futures::{
    FutureExt, StreamExt,
    future::{BoxFuture, OptionFuture},
    stream::FuturesUnordered,
};
use sp_runtime::traits::Block as BlockT;
use std::{panic::AssertUnwindSafe, sync::PoisonError, time::Duration};
use tokio::sync::{broadcast, mpsc};

/// A task of the loop that ended.
enum Done {
    Asked,
    Probed,
    Announced(PeerId),
    VoteTold(VoteStanding, Result<(), NetworkError>),
}

/// How a session of Tier 2 ended.
enum SessionEnd<B: BlockT> {
    Reached(BlockId<B>),
    Failed(FetchError<B>),
    Panicked,
}

struct Loop<'a, B: BlockT> {
    manager: &'a NetworkSyncManager<B>,
    tasks: FuturesUnordered<BoxFuture<'a, Done>>,
    session: Option<BoxFuture<'a, SessionEnd<B>>>,
    /// What the session under way fetches.
    target: Option<VerifiedTip<B>>,
    /// The tip that the last session failed to fetch: others come first.
    failed: Option<BlockId<B>>,
    /// Since when there is something to fetch and a probe runs that may change what.
    undecided_since: Option<MonoTime>,
    /// Our height when the last session started.
    session_from: u64,
    session_not_before: MonoTime,
    backoff: Backoff,
    announcer: Announcer<B>,
    standing: VoteStanding,
    telling_vote: Option<VoteStanding>,
}

pub(super) async fn run<B: BlockT>(
    manager: &NetworkSyncManager<B>,
    mut events: mpsc::Receiver<NetworkEvent>,
) {
    let queues = manager
        .queues
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    let Some(Queues {
        mut asks,
        mut banned,
    }) = queues
    else {
        tracing::error!("the sync loop was started twice; the second start does nothing");
        return;
    };
    let context = &manager.context;
    let mut chain = context.bridge.events();
    let mut changes = manager.height.changes();
    let mut state = Loop {
        manager,
        tasks: FuturesUnordered::new(),
        session: None,
        target: None,
        failed: None,
        undecided_since: None,
        session_from: 0,
        session_not_before: manager.started,
        backoff: Backoff::new(&context.settings.limits, context.randomness.seed()),
        announcer: Announcer::new(),
        standing: VoteStanding::NotWithUs,
        telling_vote: None,
    };
    let tick = (manager.height.slot() / 4).clamp(Duration::from_millis(50), Duration::from_secs(1));
    let mut next_tick = context.clock.sleep(tick);
    loop {
        let session: OptionFuture<_> = state.session.as_mut().into();
        // Biased, so that a simulated run repeats. Peers come last: nothing that they send can starve the rest.
        tokio::select! {
            biased;
            event = chain.recv() => state.chain_event(event),
            Some(end) = session => state.session_ended(end),
            Some(done) = state.tasks.next() => state.task_done(done),
            () = &mut next_tick => {
                next_tick = context.clock.sleep(tick);
                state.tick();
            }
            Some(peer) = asks.recv() => {
                state.tasks.push(manager.height.ask_peer(peer).map(|()| Done::Asked).boxed());
            }
            Some(peer) = banned.recv() => {
                manager.height.disconnected(&peer);
                manager.board.tell(SyncEvent::PeerBanned { peer, duration: context.peers.ban_duration() });
            }
            Ok(()) = changes.changed() => {
                changes.borrow_and_update();
                state.reconsider();
            }
            event = events.recv() => match event {
                Some(event) => state.network_event(event),
                None => return,
            },
        }
    }
}

impl<B: BlockT> Loop<'_, B> {
    fn network_event(&mut self, event: NetworkEvent) {
        let manager = self.manager;
        let context = &manager.context;
        match event {
            NetworkEvent::Connected(peer) => {
                context
                    .peers
                    .table()
                    .connected(peer.clone(), context.clock.now());
                manager.height.ask_one(peer);
            }
            NetworkEvent::Disconnected(peer) => manager.height.disconnected(&peer),
            NetworkEvent::Request {
                peer,
                protocol: Protocol::Announce,
                body,
                reply,
            } => {
                let answer = self.announced(&peer, &body);
                // The peer may be gone by now; then nobody needs the reply.
                let _ = reply.send(announce_reply(answer));
            }
            NetworkEvent::Request {
                peer,
                protocol,
                body,
                reply,
            } => {
                manager
                    .inbound
                    .serve(context, manager.activity(), &peer, protocol, body, reply);
            }
        }
    }

    fn announced(&self, peer: &PeerId, body: &[u8]) -> AnnounceReply {
        let manager = self.manager;
        let now = manager.context.clock.now();
        let announcement: Announcement<B> =
            match manager
                .inbound
                .announcement(peer, body, now, manager.height.slot())
            {
                Ok(announcement) => announcement,
                Err(answer) => {
                    if matches!(answer, AnnounceReply::Refused(_)) {
                        manager.context.peers.charge(peer, Offence::ProvablyWrong);
                    }
                    return answer;
                }
            };
        note_local(manager.height.announced(peer, &announcement));
        AnnounceReply::Taken
    }

    fn chain_event(&mut self, event: Result<ChainEvent<B>, broadcast::error::RecvError>) {
        let manager = self.manager;
        manager.board.block_arrived(manager.context.clock.now());
        let header = match event {
            Ok(event) => Some(event.header),
            // We lagged behind: what counts is where the chain is now.
            Err(_) => manager
                .context
                .bridge
                .header(manager.context.bridge.best().hash)
                .unwrap_or_default(),
        };
        note_local(manager.height.chain_changed(header.as_ref()));
        let Some(header) = header else { return };
        // While far behind, nobody can use our news, and there would be thousands of them.
        if manager.activity() == Activity::Syncing {
            return;
        }
        let peers = self.uninformed(&BlockId::of(&header));
        for (peer, announcement) in self.announcer.new_best(header, peers) {
            self.announce(peer, announcement);
        }
    }

    /// Peers that did not themselves tell us of `best`.
    fn uninformed(&self, best: &BlockId<B>) -> Vec<PeerId> {
        let table = self.manager.context.peers.table();
        let knows = |tip: &BlockId<B>| tip == best;
        table
            .iter()
            .filter(|(_, entry)| {
                !entry
                    .sighting
                    .as_ref()
                    .is_some_and(|told| knows(&told.standing.best))
            })
            .map(|(peer, _)| peer.clone())
            .collect()
    }

    fn announce(&self, peer: PeerId, announcement: Announcement<B>) {
        let manager = self.manager;
        self.tasks.push(
            async move {
                let within = manager.height.slot();
                manager
                    .context
                    .peers
                    .announce(&peer, &announcement, within)
                    .await;
                Done::Announced(peer)
            }
            .boxed(),
        );
    }

    fn task_done(&mut self, done: Done) {
        match done {
            Done::Asked | Done::Probed => {}
            Done::Announced(peer) => {
                if let Some(newer) = self.announcer.told(&peer) {
                    self.announce(peer, newer);
                }
            }
            Done::VoteTold(standing, result) => {
                self.telling_vote = None;
                match result {
                    Ok(()) => {
                        self.standing = standing;
                        self.manager.height.touch();
                    }
                    // The next tick tries again.
                    Err(error) => {
                        tracing::error!(%error, "the fork choice could not be told of the vote");
                    }
                }
            }
        }
    }

    fn tick(&mut self) {
        let manager = self.manager;
        let poll = manager
            .height
            .slot()
            .saturating_mul(manager.context.settings.limits.poll_slots);
        let now = manager.context.clock.now();
        manager.context.peers.table().fill_places(now);
        manager.height.ask(poll);
        manager.context.peers.lift_expired_bans();
        self.watchdog();
        self.reconsider();
    }

    /// What a restart would cure, this cures: a session without progress is dropped, and a new one starts.
    fn watchdog(&mut self) {
        let manager = self.manager;
        let patience = Duration::from_secs(30).max(manager.height.slot().saturating_mul(10));
        let now = manager.context.clock.now();
        let stuck = manager.board.session_stuck_for(now).map(|stuck| {
            let last = manager.context.peers.last_delivery();
            last.map_or(stuck, |at| stuck.min(now.since(at)))
        });
        if self.session.is_some() && stuck.is_some_and(|stuck| stuck > patience) {
            tracing::warn!(
                seconds = patience.as_secs(),
                "no progress: all requests are made anew, with other peers first"
            );
            self.session = None;
            self.target = None;
            manager.board.session_ended();
        }
    }

    /// Looks at the view again and does what follows from it.
    fn reconsider(&mut self) {
        let manager = self.manager;
        match manager.height.take_due_probes() {
            Ok(due) => {
                for (peer, tip) in due {
                    let probe = manager.height.run_probe(peer, tip);
                    self.tasks.push(
                        probe
                            .map(|result| note_fault(result.map_err(NetworkError::from)))
                            .boxed(),
                    );
                }
            }
            Err(error) => note_local(Err(error)),
        }
        match manager.height.judge(manager.height.horizon()) {
            Ok(judgement) => self.follow(&judgement),
            Err(error) => note_local(Err(error)),
        }
    }

    fn follow(&mut self, judgement: &Judgement<B>) {
        self.manager.board.judged(&self.manager.context, judgement);
        self.tell_vote(judgement.standing());
        self.start_session(judgement);
    }

    /// Tells the fork choice when the vote has changed; one call at a time.
    fn tell_vote(&mut self, standing: VoteStanding) {
        if self.telling_vote.is_some() || self.standing == standing {
            return;
        }
        self.telling_vote = Some(standing);
        let context = &self.manager.context;
        let bridge = std::sync::Arc::clone(&context.bridge);
        let told = async move {
            let result = heavy(context.executor.as_ref(), move || bridge.set_vote(standing)).await;
            let result = result
                .map_err(NetworkError::from)
                .and_then(|told| told.map_err(NetworkError::from));
            Done::VoteTold(standing, result)
        };
        self.tasks.push(told.boxed());
    }

    /// Starts a session if there is a verified tip to fetch and none is under way.
    fn start_session(&mut self, judgement: &Judgement<B>) {
        let manager = self.manager;
        let context = &manager.context;
        let now = context.clock.now();
        self.drop_session_off_course(judgement);
        if self.session.is_some() || now < self.session_not_before {
            return;
        }
        // What a first probe is about to show may be the better target; it is waited for as long as a round would.
        if judgement.waiting == Waiting::Decided || judgement.rivals.is_empty() {
            self.undecided_since = None;
        } else {
            let share = manager
                .height
                .slot()
                .mul_f64(context.settings.tier1.slot_share);
            if now.since(*self.undecided_since.get_or_insert(now)) < share {
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
        self.session_from = from;
        tracing::debug!(from, to, target = %job.target(), "catching up");
        let session = AssertUnwindSafe(manager.blocks.run(job))
            .catch_unwind()
            .map(|end| match end {
                Ok(Ok(reached)) => SessionEnd::Reached(reached),
                Ok(Err(error)) => SessionEnd::Failed(error),
                Err(_) => SessionEnd::Panicked,
            });
        self.session = Some(session.boxed());
    }

    /// Ends the session under way if what is to be followed now is another chain than the one it fetches.
    fn drop_session_off_course(&mut self, judgement: &Judgement<B>) {
        let off_course = self
            .target
            .as_ref()
            .zip(judgement.target.as_ref())
            .is_some_and(|(fetching, wanted)| fetching.conflicts_with(wanted));
        if self.session.is_some() && off_course {
            tracing::debug!("the session under way fetches another chain than the one to follow");
            self.session = None;
            self.target = None;
            self.manager.board.session_ended();
        }
    }

    fn session_ended(&mut self, end: SessionEnd<B>) {
        let manager = self.manager;
        self.session = None;
        manager.board.session_ended();
        let now = manager.context.clock.now();
        let target = self.target.take();
        self.failed = target.as_ref().map(VerifiedTip::tip);
        match end {
            SessionEnd::Reached(best) => {
                self.failed = None;
                self.backoff.worked();
                self.session_not_before = now;
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
                    FetchError::NotDelivered { busy: 0, .. } => {
                        // While blocks arrive nothing is withheld.
                        let best = manager.context.bridge.best();
                        let nothing_came = best.height() <= self.session_from;
                        let above = target
                            .filter(|target| nothing_came && target.tip().number > best.number);
                        if let Some(target) = above {
                            note_local(manager.height.withheld(&target));
                        }
                    }
                    _ => {}
                }
                // What was imported counts: the next failure is a first one.
                if manager.context.bridge.best().height() > self.session_from {
                    self.backoff.worked();
                }
                let pause = self.backoff.failed();
                self.session_not_before = now.plus(pause);
                if error.blame() == Blame::Local {
                    tracing::error!(%error, "catching up failed");
                } else {
                    tracing::warn!(%error, "catching up failed; it is tried again");
                }
                manager.board.tell(SyncEvent::CatchUpFailed(error.into()));
            }
            SessionEnd::Panicked => {
                self.session_not_before = now.plus(self.backoff.failed());
                tracing::error!(
                    "a sync session panicked; it is started again, please report the panic above"
                );
                manager.board.tell(SyncEvent::CatchUpPanicked);
            }
        }
        manager.height.touch();
    }
}

/// Notes a fault of our own; no peer is charged, and the next round tries again.
fn note_local(result: Result<(), BridgeError>) {
    if let Err(error) = result {
        tracing::error!(%error, "the store failed");
    }
}

fn note_fault(result: Result<(), NetworkError>) -> Done {
    if let Err(error) = result {
        tracing::error!(%error, "a probe failed for a reason of our own");
    }
    Done::Probed
}

/// The verified tip to fetch now: the one that holds us up, else the highest of the others; of these whatever just failed
/// comes last, so that a tip that nobody delivers does not keep the others waiting.
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
    let rivals = &judgement.rivals;
    let other = || rivals.iter().find(|tip| Some(tip.tip()) != failed);
    judgement
        .target
        .as_ref()
        .or_else(other)
        .or_else(|| rivals.first())
}
