use super::{PeerReport, SyncEvent, speed::Speed};
use crate::{
    block_id::{BlockId, number},
    context::SyncContext,
    error::NetworkError,
    headers::{Beyond, VerifiedTip},
    height_sync::Judgement,
    peers::Sighting,
    ports::{MonoTime, PeerId, UnixMillis},
    status::{CriticalReason, Duty, Note, Progress, StatusReport, SyncStatus, Tier, Verdict},
    wire::Activity,
};
use sp_runtime::traits::Block as BlockT;
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::broadcast;

/// How many events a slow listener may lag behind before it misses the oldest.
const EVENT_BUFFER: usize = 256;

/// The one status object, and the events around it.
#[derive(Debug)]
pub(super) struct Board<B: BlockT> {
    state: Mutex<State<B>>,
    events: broadcast::Sender<SyncEvent<B>>,
}

#[derive(Debug)]
struct State<B: BlockT> {
    verdict: Verdict<B>,
    judged_at: MonoTime,
    target: Option<BlockId<B>>,
    consensus: Option<BlockId<B>>,
    voters: usize,
    with_us: usize,
    round: u64,
    notes: Vec<Note<B>>,
    /// What we could not sign when it was last due, and why.
    not_signed: BTreeMap<Duty, String>,
    session: Option<Session>,
    last_block_at: MonoTime,
    /// Where the last fork that was told of leaves our chain.
    fork_at: Option<BlockId<B>>,
}

/// A session of Tier 2 that is under way.
#[derive(Clone, Debug)]
struct Session {
    since: MonoTime,
    from: u64,
    extent: Extent,
    progressed_at: MonoTime,
    speed: Speed,
    /// How many bytes of blocks had come before it.
    bytes_before: u64,
}

/// How far a session goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// To this height, where the chain ends.
    To(u64),
    /// The chain goes on above what is verified of it, for all that is claimed.
    Open,
}

impl Extent {
    /// Of a session that fetches `run` and what is verified above it meanwhile.
    pub(super) fn of<B: BlockT>(run: &VerifiedTip<B>) -> Self {
        match run.beyond {
            Beyond::Claimed => Self::Open,
            Beyond::Nothing | Beyond::Unvoted => Self::To(run.tip().height()),
        }
    }
}

impl<B: BlockT> Board<B> {
    pub(super) fn new(now: MonoTime) -> Self {
        let state = State {
            verdict: Verdict::Unverified(NetworkError::NotAskedYet),
            judged_at: now,
            target: None,
            consensus: None,
            voters: 0,
            with_us: 0,
            round: 0,
            notes: Vec::new(),
            not_signed: BTreeMap::new(),
            session: None,
            last_block_at: now,
            fork_at: None,
        };
        Self {
            state: Mutex::new(state),
            events: broadcast::Sender::new(EVENT_BUFFER),
        }
    }

    fn state(&self) -> MutexGuard<'_, State<B>> {
        // Every change leaves the state whole, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<SyncEvent<B>> {
        self.events.subscribe()
    }

    pub(super) fn tell(&self, event: SyncEvent<B>) {
        // Nobody has to listen.
        let _ = self.events.send(event);
    }

    /// Puts up a new judgement.
    pub(super) fn judged(&self, context: &SyncContext<B>, judgement: &Judgement<B>) {
        let now = context.clock.now();
        let (changed, forked) = {
            let mut state = self.state();
            let fork_at = fork_of(&judgement.verdict);
            let forked = fork_at.is_some() && fork_at != state.fork_at;
            // A fork that is out of sight for a moment is not a new one.
            state.fork_at = fork_at.or(state.fork_at);
            let changed = !same(&state.verdict, &judgement.verdict);
            state.verdict = judgement.verdict.clone();
            state.judged_at = now;
            state.target = judgement.target.as_ref().map(VerifiedTip::tip);
            state.consensus = judgement.tally.consensus;
            state.voters = judgement.tally.electors;
            state.with_us = judgement.tally.electors_with_us();
            state.round = state.round.wrapping_add(1);
            state.notes.clone_from(&judgement.notes);
            (changed, forked)
        };
        if forked {
            context.observer.fork_detected();
        }
        if changed {
            self.tell(SyncEvent::StatusChanged(Box::new(self.report(context))));
        }
    }

    /// What was due could not be signed.
    pub(super) fn not_signed(&self, duty: Duty, why: String) {
        self.state().not_signed.insert(duty, why.clone());
        self.tell(SyncEvent::NotSigned { duty, why });
    }

    /// What was due is signed.
    pub(super) fn signed(&self, duty: Duty) {
        self.state().not_signed.remove(&duty);
    }

    /// A new best block, at this height.
    pub(super) fn block_arrived(&self, best: u64, now: MonoTime) {
        let mut state = self.state();
        state.last_block_at = now;
        if let Some(session) = &mut state.session {
            session.progressed_at = now;
            session.speed.reached(best, now);
        }
    }

    pub(super) fn session_started(&self, context: &SyncContext<B>, from: u64, extent: Extent) {
        let now = context.clock.now();
        let bytes_before = context.peers.deliveries().bytes();
        self.state().session = Some(Session {
            since: now,
            from,
            extent,
            progressed_at: now,
            speed: Speed::begin(from, now),
            bytes_before,
        });
    }

    /// The session under way goes on so far.
    pub(super) fn session_goes_on(&self, extent: Extent) {
        if let Some(session) = &mut self.state().session {
            session.extent = extent;
        }
    }

    pub(super) fn session_ended(&self, context: &SyncContext<B>) {
        let ended = self.state().session.take();
        if let Some(session) = ended {
            let took = context.clock.now().since(session.since);
            context.observer.tier_ended(Tier::CatchUp, took);
        }
    }

    /// For how long the session under way has brought nothing.
    pub(super) fn session_stuck_for(&self, now: MonoTime) -> Option<Duration> {
        self.state()
            .session
            .as_ref()
            .map(|session| now.since(session.progressed_at))
    }

    /// The consensus block as last judged.
    pub(super) fn consensus(&self) -> Option<BlockId<B>> {
        self.state().consensus
    }

    pub(super) fn verdict(&self) -> Verdict<B> {
        self.state().verdict.clone()
    }

    pub(super) fn report(&self, context: &SyncContext<B>) -> StatusReport<B> {
        let (best, finalized) = (context.bridge.best(), context.bridge.finalized());
        let peers = context.peers.table().len();
        let now = context.clock.now();
        let time_notes = self.time_notes(context, now);
        let bytes = context.peers.deliveries().bytes();
        let state = self.state();
        let not_signed = state.not_signed.iter().map(|(duty, why)| Note::NotSigned {
            duty: *duty,
            why: why.clone(),
        });
        StatusReport {
            verdict: state.verdict.clone(),
            best,
            finalized,
            target: state.target,
            consensus: state.consensus,
            peers,
            voters: state.voters,
            with_us: state.with_us,
            round: state.round,
            age: now.since(state.judged_at),
            tier: if state.session.is_some() {
                Tier::CatchUp
            } else {
                Tier::HeightCheck
            },
            progress: state
                .session
                .as_ref()
                .map(|session| session.progress(best.height(), peers, bytes, now)),
            notes: (state.notes.iter().cloned())
                .chain(not_signed)
                .chain(time_notes)
                .collect(),
        }
    }

    /// Conditions that the clock alone shows; they never change the status.
    fn time_notes(&self, context: &SyncContext<B>, now: MonoTime) -> Vec<Note<B>> {
        let slot = context.bridge.slot_duration();
        let limit = u64::from(context.settings.limits.stalled_slots);
        let quiet = now.since(self.state().last_block_at);
        let slots = u64::try_from(quiet.as_millis()).unwrap_or(u64::MAX) / slot.as_millis().max(1);
        let mut notes = Vec::new();
        if slots >= limit {
            notes.push(Note::Stalled { slots });
        }
        if let Some(missed_slots) =
            slots_since_tip(context, context.clock.wall()).filter(|missed| *missed > limit)
        {
            notes.push(Note::BehindSchedule { missed_slots });
        }
        notes
    }

    /// Whether a verified target that holds us up lies more than `tier1_max_gap` above our best block.
    pub(super) fn is_far_behind(&self, context: &SyncContext<B>) -> bool {
        let best = context.bridge.best().height();
        let most = context.settings.tier1.max_gap;
        let target = self.state().target;
        target.is_some_and(|target| target.height().saturating_sub(best) > most)
    }

    /// What this node tells its peers of itself (SPEC section 0, *voter*).
    pub(super) fn activity(&self, context: &SyncContext<B>) -> Activity {
        let slot = context.bridge.slot_duration().as_duration();
        let far_behind = self.is_far_behind(context);
        let quiet = context.clock.now().since(self.state().last_block_at);
        if far_behind && quiet <= slot.saturating_mul(10) {
            Activity::Syncing
        } else if quiet >= slot.saturating_mul(context.settings.limits.stalled_slots) {
            Activity::Stalled
        } else {
            Activity::Serving
        }
    }
}

impl Session {
    /// With so many `bytes` of blocks all in all.
    fn progress(&self, best: u64, peers: usize, bytes: u64, now: MonoTime) -> Progress {
        let total = match self.extent {
            Extent::To(end) => Some(end.saturating_sub(self.from)),
            Extent::Open => None,
        };
        let done = best.saturating_sub(self.from);
        let done = total.map_or(done, |total| done.min(total));
        let rate = self.speed.per_second(now);
        let eta = rate.zip(total).and_then(|(rate, total)| {
            #[expect(clippy::cast_precision_loss, reason = "shown to people, in seconds")]
            let left = (total - done) as f64;
            Duration::try_from_secs_f64(left / rate).ok()
        });
        Progress {
            done,
            total,
            rate,
            eta,
            peers,
            bytes: bytes.saturating_sub(self.bytes_before),
        }
    }
}

/// Slots between our best block's and now; `None` at genesis, which has no slot.
fn slots_since_tip<B: BlockT>(context: &SyncContext<B>, now: UnixMillis) -> Option<u64> {
    let bridge = &context.bridge;
    let header = bridge.header(bridge.best().hash).ok()??;
    let slot = u64::from(bridge.slot_of(&header).ok()?);
    Some((now.0 / bridge.slot_duration().as_millis().max(1)).saturating_sub(slot))
}

/// Where the fork leaves our chain, if the verdict is one.
fn fork_of<B: BlockT>(verdict: &Verdict<B>) -> Option<BlockId<B>> {
    match verdict {
        Verdict::Known(SyncStatus::Critical(CriticalReason::Fork { ancestor, .. })) => {
            Some(*ancestor)
        }
        _ => None,
    }
}

pub(super) fn same<B: BlockT>(a: &Verdict<B>, b: &Verdict<B>) -> bool {
    match (a, b) {
        (Verdict::Known(a), Verdict::Known(b)) => a == b,
        (
            Verdict::Unverified(NetworkError::NoConsensusReached(a)),
            Verdict::Unverified(NetworkError::NoConsensusReached(b)),
        ) => {
            std::mem::discriminant(a) == std::mem::discriminant(b)
                // Waiting does not end it any more.
                && a.apart().is_some() == b.apart().is_some()
        }
        (Verdict::Unverified(a), Verdict::Unverified(b)) => {
            std::mem::discriminant(a) == std::mem::discriminant(b)
        }
        _ => false,
    }
}

/// Peers of our chain that have said where they stand.
pub(super) fn peer_reports<B: BlockT>(context: &SyncContext<B>) -> Vec<PeerReport<B>> {
    let now = context.clock.now();
    // The store is read afterwards: whoever waits for the table does not wait for a disk.
    let told: Vec<_> = {
        let table = context.peers.table();
        let told = table
            .iter()
            .filter_map(|(peer, entry)| Some((peer.clone(), entry.sighting.clone()?)));
        told.collect()
    };
    let report = |(peer, sighting): (PeerId, Sighting<B>)| PeerReport {
        peer,
        roles: sighting.roles,
        best: sighting.standing.best,
        activity: sighting.standing.activity,
        agrees: agrees(context, &sighting),
        age: now.since(sighting.at),
    };
    told.into_iter().map(report).collect()
}

/// Whether the peer holds our block at the lower of its height and ours, as far as it told its hash there.
fn agrees<B: BlockT>(context: &SyncContext<B>, sighting: &Sighting<B>) -> Option<bool> {
    let ours = context.bridge.best();
    let height = ours.height().min(sighting.standing.best.height());
    let theirs = sighting.hash_at(height)?;
    // A store that does not read is reported by whoever needs it.
    let held = context.bridge.canonical_hash(number::<B>(height)).ok()?;
    Some(held == Some(theirs))
}

/// The verdict as the design's `get_sync_status` gives it.
pub(super) fn status_of<B: BlockT>(verdict: Verdict<B>) -> Result<SyncStatus<B>, NetworkError> {
    match verdict {
        Verdict::Known(status) => Ok(status),
        Verdict::Unverified(reason) => Err(reason),
    }
}
