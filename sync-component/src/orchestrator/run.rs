//! The loop behind the manager: the only place that starts anything.

use super::{
    Fetching, NetworkSyncManager, SyncEvent, announcer::Announcer, gate::look_ahead,
    inbound::announce_reply, manager::Queues, sessions::Sessions,
};
use crate::{
    block_id::BlockId,
    error::NetworkError,
    height_sync::Judgement,
    peers::{Offence, Span, observe},
    ports::{
        BridgeError, ChainEvent, JobLost, MonoTime, NetworkEvent, PeerId, Protocol, SignerError,
        Vote, VoteStanding, heavy,
    },
    serving::Told,
    status::Duty,
    wire::{Activity, AnnounceReply, Announcement, Attestation, Roles},
};
use futures::{
    FutureExt, StreamExt,
    future::{BoxFuture, Either, select},
    stream::FuturesUnordered,
};
use sp_runtime::traits::Block as BlockT;
use std::{sync::PoisonError, time::Duration};
use tokio::sync::{broadcast, mpsc};

/// At most so many announcements to one peer are under way at once. 1, and a single late answer delays all news of a slot;
/// many, and a peer that never answers is sent as many for nothing in each slot.
const ANNOUNCEMENTS_UNDER_WAY: u32 = 6;

/// A task of the loop that ended.
enum Done<'a, B: BlockT> {
    Asked,
    Probed,
    Announced(PeerId),
    /// It takes long; whatever is next for this peer does not wait for it.
    AnnouncedSlowly(PeerId, BoxFuture<'a, ()>),
    LateAnswer,
    VoteTold(Vote<B>, Result<(), NetworkError>),
    Attested(Result<Result<Attestation<B>, SignerError>, JobLost>),
}

struct Loop<'a, B: BlockT> {
    manager: &'a NetworkSyncManager<B>,
    tasks: FuturesUnordered<BoxFuture<'a, Done<'a, B>>>,
    sessions: Sessions<'a, B>,
    announcer: Announcer<B>,
    vote: Vote<B>,
    telling_vote: Option<Vote<B>>,
    /// Attestations of our own that are being signed: the next ones wait, so that a later one never has the lower counter.
    signing: usize,
    /// Until when peers were observed.
    observed: MonoTime,
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
        sessions: Sessions::new(manager),
        announcer: Announcer::new(),
        vote: VoteStanding::NotWithUs.into(),
        telling_vote: None,
        signing: 0,
        observed: manager.started,
    };
    let tick = (manager.height.slot() / 4).clamp(Duration::from_millis(50), Duration::from_secs(1));
    let mut next_tick = context.clock.sleep(tick);
    loop {
        // Biased, so that a simulated run repeats. Peers come last: nothing that they send can starve the rest.
        tokio::select! {
            biased;
            event = chain.recv() => state.chain_event(event),
            Some(end) = state.sessions.end() => state.sessions.ended(end),
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
                manager.board.tell(SyncEvent::PeerBanned { peer });
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
        #[cfg(feature = "test-kit")]
        state.measure();
    }
}

impl<'a, B: BlockT> Loop<'a, B> {
    /// Says how much is held that peers can grow (invariant I6).
    #[cfg(feature = "test-kit")]
    fn measure(&self) {
        let (told, waiting) = self.announcer.footprint();
        let sizes = super::manager::LoopSizes {
            told,
            waiting,
            missing: self.sessions.missing(),
        };
        let held = self.manager.loop_sizes.lock();
        *held.unwrap_or_else(PoisonError::into_inner) = sizes;
    }

    fn network_event(&mut self, event: NetworkEvent) {
        let manager = self.manager;
        let context = &manager.context;
        match event {
            NetworkEvent::Connected(peer) => {
                context
                    .peers
                    .table()
                    .connected(peer.clone(), context.clock.now());
                // Its record may have taken the place of a ban.
                context.peers.lift_expired_bans();
                manager.height.ask_one(peer);
                // A clearance that stands was given without it.
                manager.height.touch();
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
                let attestations = match protocol {
                    Protocol::Status => manager.height.attestations(),
                    _ => Vec::new(),
                };
                let told = Told {
                    activity: manager.activity(),
                    attestations,
                };
                manager
                    .inbound
                    .serve(context, told, &peer, protocol, body, reply);
            }
        }
    }

    fn announced(&self, peer: &PeerId, body: &[u8]) -> AnnounceReply {
        let manager = self.manager;
        let now = manager.context.clock.now();
        let authorities = manager.height.authorities();
        let announcement: Announcement<B> =
            match manager
                .inbound
                .announcement(peer, body, now, manager.height.slot(), authorities)
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
        let best = manager.context.bridge.best().height();
        manager
            .board
            .block_arrived(best, manager.context.clock.now());
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
        let peers = match manager.activity() {
            Activity::Syncing => Vec::new(),
            Activity::Serving | Activity::Stalled => self.uninformed(&BlockId::of(&header)),
        };
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

    /// Tells `peer`. An answer that takes long is waited for all the same, but holds up no news: one late message would cost
    /// the peer all of a slot's.
    fn announce(&self, peer: PeerId, announcement: Announcement<B>) {
        let manager = self.manager;
        let context = &manager.context;
        let slot = manager.height.slot();
        let patience = slot / ANNOUNCEMENTS_UNDER_WAY;
        let told = {
            let peer = peer.clone();
            async move {
                let peers = &context.peers;
                peers.announce(&peer, &announcement, slot).await;
            }
            .boxed()
        };
        let announced = async move {
            match select(told, context.clock.sleep(patience)).await {
                Either::Left(_) => Done::Announced(peer),
                Either::Right(((), told)) => Done::AnnouncedSlowly(peer, told),
            }
        };
        self.tasks.push(announced.boxed());
    }

    fn task_done(&mut self, done: Done<'a, B>) {
        match done {
            Done::Asked | Done::Probed | Done::LateAnswer => {}
            Done::Announced(peer) => self.announce_next(&peer),
            Done::AnnouncedSlowly(peer, answer) => {
                self.tasks.push(answer.map(|()| Done::LateAnswer).boxed());
                self.announce_next(&peer);
            }
            Done::Attested(result) => {
                self.signing = self.signing.saturating_sub(1);
                match result {
                    Ok(Ok(attestation)) => {
                        self.manager.board.signed(Duty::Attestation);
                        self.manager.height.attested(attestation);
                    }
                    Ok(Err(error)) => self.not_attested(&error),
                    Err(error) => self.not_attested(&error),
                }
            }
            Done::VoteTold(vote, result) => {
                self.telling_vote = None;
                match result {
                    Ok(()) => {
                        self.vote = vote;
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

    fn announce_next(&mut self, peer: &PeerId) {
        if let Some((peer, newer)) = self.announcer.told(peer) {
            self.announce(peer, newer);
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
        self.observe_peers(poll);
        self.sessions.watchdog();
        self.reconsider();
    }

    /// Once per `poll`, after which each peer that is there has spoken again.
    fn observe_peers(&mut self, poll: Duration) {
        let context = &self.manager.context;
        let now = context.clock.now();
        // Whoever only resyncs has no chain to compare with.
        if now.since(self.observed) < poll || self.manager.fetching == Fetching::Tier3 {
            return;
        }
        let span = Span {
            last: self.observed,
            now,
            fresh: poll.saturating_mul(2),
        };
        self.observed = now;
        let consensus = self.manager.board.consensus();
        let max_reorg = context.settings.tier2.max_reorg;
        let mut table = context.peers.table();
        note_local(observe(
            &mut table,
            context.bridge.as_ref(),
            consensus,
            max_reorg,
            span,
        ));
    }

    /// Has our keys attest what we hold, where that is due.
    fn attest(&mut self) {
        let manager = self.manager;
        // Whoever only resyncs holds no chain that could be attested.
        if manager.fetching == Fetching::Tier3 || self.signing > 0 {
            return;
        }
        let due = match manager.height.due_attestations(manager.activity()) {
            Ok(due) => due,
            Err(error) => return note_local(Err(error)),
        };
        for due in due {
            let executor = manager.context.executor.as_ref();
            self.signing += 1;
            let signed = heavy(executor, move || due.sign());
            self.tasks.push(signed.map(Done::Attested).boxed());
        }
    }

    fn not_attested(&self, error: &dyn std::error::Error) {
        tracing::error!("no attestation was signed: {error}");
        let board = &self.manager.board;
        board.not_signed(Duty::Attestation, error.to_string());
    }

    /// Passes on what is new of the authorities, and reports what they must not have signed.
    fn pass_on(&mut self) {
        let manager = self.manager;
        let (news, equivocations) = manager.height.take_news();
        for found in equivocations {
            tracing::warn!("{found}");
            manager.context.observer.equivocation_found(found.kind());
            manager.board.tell(SyncEvent::Equivocation(found));
        }
        if news.is_empty() {
            return;
        }
        let peers: Vec<_> = {
            let table = manager.context.peers.table();
            table.iter().map(|(peer, _)| peer.clone()).collect()
        };
        let bridge = manager.context.bridge.as_ref();
        for news in news {
            let best = || bridge.header(bridge.best().hash).ok().flatten();
            for (peer, announcement) in self.announcer.pass_on(news, best, peers.iter().cloned()) {
                self.announce(peer, announcement);
            }
        }
    }

    /// Looks at the view again and does what follows from it.
    fn reconsider(&mut self) {
        let manager = self.manager;
        self.attest();
        self.pass_on();
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
        // Of a session that has just begun, too: it may be over before anything else happens.
        if let Some(extension) = manager.height.take_due_extension() {
            let more = manager.height.run_extension(extension);
            self.tasks.push(
                more.map(|result| note_fault(result.map_err(NetworkError::from)))
                    .boxed(),
            );
        }
        if manager.inbound.roles() == Roles::Authority
            && let Err(error) = look_ahead(manager)
        {
            tracing::error!(%error, "the view could not be judged for the next slot");
        }
    }

    fn follow(&mut self, judgement: &Judgement<B>) {
        self.manager.board.judged(&self.manager.context, judgement);
        if self.manager.fetching == Fetching::Tier3 {
            return;
        }
        self.tell_vote(judgement.vote());
        self.sessions.start(judgement);
    }

    /// Tells the fork choice when the vote has changed; one call at a time.
    fn tell_vote(&mut self, vote: Vote<B>) {
        if self.telling_vote.is_some() || self.vote == vote {
            return;
        }
        self.telling_vote = Some(vote);
        let context = &self.manager.context;
        let bridge = std::sync::Arc::clone(&context.bridge);
        let told = async move {
            let result = heavy(context.executor.as_ref(), move || bridge.set_vote(vote)).await;
            let result = result
                .map_err(NetworkError::from)
                .and_then(|told| told.map_err(NetworkError::from));
            Done::VoteTold(vote, result)
        };
        self.tasks.push(told.boxed());
    }
}

/// Notes a fault of our own; no peer is charged, and the next round tries again.
pub(super) fn note_local(result: Result<(), BridgeError>) {
    if let Err(error) = result {
        tracing::error!(%error, "the store failed");
    }
}

fn note_fault<'a, B: BlockT>(result: Result<(), NetworkError>) -> Done<'a, B> {
    if let Err(error) = result {
        tracing::error!(%error, "a probe failed for a reason of our own");
    }
    Done::Probed
}
