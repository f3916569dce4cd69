use super::{
    ResyncError, Source, SourceFault, Voucher,
    asking::Patience,
    end::End,
    error::LONGEST_PAUSE,
    flow::{Flow, Least},
};
use crate::{
    block_id::{BlockId, height},
    context::SyncContext,
    peers::PeerEntry,
    ports::{MonoTime, PeerId},
};
use sp_runtime::traits::Block as BlockT;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

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

/// How many times the time that it wasted a source that failed comes after the others. Lower: one that fails each time costs a
/// larger part of the run; higher: one that failed by chance is missed for longer.
const RESTS_FOR: u32 = 8;

/// Most doublings of that while it brings nothing: a day after a fault that cost 10 s.
const MOST_DOUBLINGS: u32 = 10;

/// How often a source failed while the chain did not come beyond a height.
#[derive(Clone, Copy, Debug, Default)]
struct InVain {
    times: u32,
    up_to: u64,
}

impl InVain {
    /// How often, where the chain is at `reached` by now.
    fn times_at(self, reached: u64) -> u32 {
        if reached <= self.up_to { self.times } else { 0 }
    }

    /// Once more, at `reached`. It counts anew where the chain comes `further` than where it did so first.
    fn again(self, reached: u64, further: u64) -> Self {
        match self.times_at(reached) {
            0 => Self {
                times: 1,
                up_to: reached.saturating_add(further),
            },
            times => Self {
                times: times.saturating_add(1),
                ..self
            },
        }
    }
}

/// How a source failed lately.
#[derive(Clone, Copy, Debug)]
struct Failing {
    /// How often in a row since it brought anything.
    in_a_row: u32,
    /// How often while the chain came hardly any further.
    lately: InVain,
    /// How often while the chain did not come half the way to what it claims.
    on_the_way: InVain,
    /// It wants, or is, to be left alone until then.
    not_before: MonoTime,
    /// Others are asked first until then.
    rests_until: MonoTime,
}

/// How fast a source was when it was followed last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// Nothing to complain about.
    Fair,
    /// So little came that the source is to give way to others.
    Slow,
}

impl Pace {
    /// By how that ended.
    pub(super) fn of<T, B: BlockT>(ended: &Result<T, End<B>>) -> Self {
        match ended {
            Err(End::Fault(SourceFault::Slow { .. })) => Self::Slow,
            _ => Self::Fair,
        }
    }
}

/// What sources are followed for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Aim {
    /// The end of their chains, of which so many blocks or headers are there.
    ChainAbove(u64),
    /// Something that each has or has not.
    Piece,
}

/// Which source shows the way next, and what became of those that did.
///
/// One that fails costs a part of the run: for some times as long as it wasted, and longer each time in a row, others
/// are asked first. So neither a lost answer nor a bad line puts a source behind the others for good.
pub(super) struct Guides<'a, B: BlockT> {
    context: &'a SyncContext<B>,
    sources: &'a [Source],
    /// Those that were given up.
    faults: BTreeMap<PeerId, SourceFault<B>>,
    failing: BTreeMap<PeerId, Failing>,
    flows: BTreeMap<PeerId, Flow>,
    /// When the present one was first asked.
    followed_since: MonoTime,
    /// The most of the time since then that a fault of it can have wasted.
    wasted_at_most: Duration,
}

impl<'a, B: BlockT> Guides<'a, B> {
    /// Of these sources, none of which failed yet.
    pub(super) fn of(context: &'a SyncContext<B>, sources: &'a [Source]) -> Self {
        Self {
            context,
            sources,
            faults: BTreeMap::new(),
            failing: BTreeMap::new(),
            flows: BTreeMap::new(),
            followed_since: context.clock.now(),
            wasted_at_most: Duration::MAX,
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

    /// Whom to follow next. Where chains are followed, whoever claims to be more than `tier1_max_gap` further comes before those that do
    /// not, until it failed too often on half of the way there: a chain that is short is not the end while a longer one may come, and a
    /// claim alone holds nothing up. Then of those that answer, and of
    /// those that do not rest, the one of the lowest rank, which its height may count in, among equals the one that stands first in the
    /// order; else the one whose rest ends first. Where all that are left are away, one may come back within `tier1_timeout_secs`.
    pub(super) async fn next<R: Ord>(
        &mut self,
        aim: Aim,
        rank: impl Fn(&PeerId, u64) -> R,
    ) -> Option<PeerId> {
        let clock = Arc::clone(&self.context.clock);
        let until = clock.now().plus(self.context.settings.tier1.timeout);
        loop {
            let now = clock.now();
            let mut sources = self.sources.iter();
            let is_any_left = sources.any(|source| self.is_left(&source.peer));
            let pause = match self.best(now, aim, &rank) {
                Some((guide, pause)) if pause.is_zero() => {
                    self.begins();
                    return Some(guide);
                }
                Some((_, pause)) => pause,
                None if is_any_left && now < until => LOOK_FOR_SOURCES,
                None => return None,
            };
            clock.sleep(pause).await;
        }
    }

    /// The present one is asked from now on.
    pub(super) fn begins(&mut self) {
        self.followed_since = self.context.clock.now();
        self.wasted_at_most = Duration::MAX;
    }

    /// The one to follow, and for how long to wait before.
    fn best<R: Ord>(
        &self,
        now: MonoTime,
        aim: Aim,
        rank: impl Fn(&PeerId, u64) -> R,
    ) -> Option<(PeerId, Duration)> {
        let comes_later = |peer: &PeerId, height: u64| match aim {
            Aim::ChainAbove(reached) => !self.may_lead_far(peer, height, reached),
            Aim::Piece => false,
        };
        let table = self.context.peers.table();
        let sources = self.sources.iter().enumerate();
        let claims = sources.filter_map(|(place, Source { peer, .. })| {
            let entry = table.get(peer).filter(|_| self.is_left(peer))?;
            let height = claimed(entry);
            let failing = self.failing.get(peer);
            let rests = failing.map(|failing| failing.rests_until);
            let rests = rests.filter(|until| *until > now);
            let place = (
                comes_later(peer, height),
                is_mute(entry),
                rests,
                rank(peer, height),
                place,
            );
            Some((place, peer))
        });
        let (_, guide) = claims.min()?;
        let failing = self.failing.get(guide);
        let pause = failing.map_or(Duration::ZERO, |failing| failing.not_before.since(now));
        Some((guide.clone(), pause.min(LONGEST_PAUSE)))
    }

    /// Whether `peer`, which claims that height, may be so much further than what is there.
    fn may_lead_far(&self, peer: &PeerId, height: u64, reached: u64) -> bool {
        let settings = &self.context.settings;
        let failing = self.failing.get(peer);
        let failed = failing.map_or(0, |failing| failing.on_the_way.times_at(reached));
        let is_doubtful = failed >= settings.tier2.max_retries.get();
        height > reached.saturating_add(settings.tier1.max_gap) && !is_doubtful
    }

    /// `guide` has nothing above what is there. Whether that is the end: another one may lead much further. Whoever claims more than it
    /// turned out to have failed.
    pub(super) fn is_end(&mut self, guide: &PeerId, reached: u64) -> bool {
        let leads_far = |peer: &PeerId| {
            self.is_left(peer) && self.may_lead_far(peer, self.claimed_by(peer), reached)
        };
        let mut sources = self.sources.iter().map(|source| &source.peer);
        if !sources.any(|peer| peer != guide && leads_far(peer)) {
            return true;
        }
        if leads_far(guide) {
            self.failed(guide.clone(), reached, SourceFault::Unproven);
        }
        false
    }

    /// How high the chain of `peer` is, as it says; 0 if it is away.
    fn claimed_by(&self, peer: &PeerId) -> u64 {
        let table = self.context.peers.table();
        table.get(peer).map_or(0, claimed)
    }

    /// How much `peer` brought; to be given back with [`Guides::keep`].
    pub(super) fn flow(&self, peer: &PeerId) -> Flow {
        self.flows.get(peer).copied().unwrap_or_default()
    }

    /// How much `guide` has brought by now.
    pub(super) fn keep(&mut self, guide: &PeerId, flow: Flow) {
        self.flows.insert(guide.clone(), flow);
    }

    /// When a source is slow that gives so many blocks or headers in an answer. Where nobody else answers there is nobody to give way to.
    pub(super) fn least(&self, each: u32) -> Least {
        let count = match self.patience() {
            Patience::OthersLeft => each.into(),
            Patience::NobodyElse => 0,
        };
        let within = self.context.settings.tier1.timeout;
        Least { count, within }
    }

    /// How long `guide` is given for a short answer: some times as long as it usually takes, twice as long after each failure.
    /// `tier1_timeout_secs` at most, and where nobody knows what is usual.
    pub(super) fn within(&self, guide: &PeerId) -> Duration {
        let longest = self.context.settings.tier1.timeout;
        let table = self.context.peers.table();
        let usual = table.record(guide).and_then(|record| record.latency);
        usual.map_or(longest, |usual| {
            let patience = usual.saturating_mul(PATIENCE).max(SHORTEST_PATIENCE);
            let failed = self.failing.get(guide);
            let doubled = 2_u32.saturating_pow(failed.map_or(0, |failing| failing.in_a_row));
            patience.saturating_mul(doubled).min(longest)
        })
    }

    /// While `guide` was followed the chain came up to `reached`. Who was given up for what may have passed, or served nothing so low, may
    /// have what follows now.
    pub(super) fn progressed(&mut self, guide: &PeerId, reached: u64, pace: Pace) {
        if pace == Pace::Fair {
            let now = self.context.clock.now();
            if let Some(failing) = self.failing.get_mut(guide) {
                failing.in_a_row = 0;
                failing.rests_until = now;
            }
            self.wasted_at_most = self.context.settings.tier2.timeout_per_block;
        }
        let next = reached.saturating_add(1);
        let failing = &self.failing;
        self.faults.retain(|peer, fault| match fault {
            SourceFault::BeginsAbove { lowest, .. } => height::<B>(*lowest) > next,
            // Where each new slot lets one more block in, waiting for what lies in the future would never end.
            fault if !fault.may_pass() || fault.is_of_the_future() => true,
            _ => failing
                .get(peer)
                .is_some_and(|failing| failing.lately.times_at(reached) > 0),
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

    /// Following `guide` failed where the chain came up to `reached`. It is followed again after a pause if that may pass, and given up if
    /// it failed too often while the chain came hardly any further; who is busy withholds nothing and is given as long as the last one.
    /// Where each new slot lets one more block in, waiting for what lies in the future would never end.
    pub(super) fn failed(&mut self, guide: PeerId, reached: u64, fault: SourceFault<B>) {
        let settings = &self.context.settings;
        let is_last = self.patience() == Patience::NobodyElse;
        let most = if is_last || fault.is_busy() {
            LAST_ATTEMPTS
        } else {
            settings.tier2.max_retries.get()
        };
        let now = self.context.clock.now();
        let wasted = now.since(self.followed_since).min(self.wasted_at_most);
        let before = self.failing.get(&guide);
        let in_a_row = before.map_or(0, |failing| failing.in_a_row);
        // A few blocks now and then, or what it brought slowly, make no new beginning.
        let further = match fault {
            SourceFault::Slow { .. } => settings.limits.headers_per_request.into(),
            _ => settings.tier1.max_gap,
        };
        let half = self.claimed_by(&guide).saturating_sub(reached) / 2;
        let (lately, on_the_way) = before.map_or_else(Default::default, |failing| {
            (failing.lately, failing.on_the_way)
        });
        let pause = fault.pause().unwrap_or(settings.limits.backoff_first);
        let rests = wasted.saturating_mul(RESTS_FOR << in_a_row.min(MOST_DOUBLINGS));
        let failing = Failing {
            in_a_row: in_a_row.saturating_add(1),
            lately: lately.again(reached, further),
            on_the_way: on_the_way.again(reached, half.max(settings.tier1.max_gap)),
            not_before: now.plus(pause),
            rests_until: now.plus(rests.max(pause)),
        };
        self.failing.insert(guide.clone(), failing);
        if fault.may_pass() && !fault.is_of_the_future() && failing.lately.times < most {
            tracing::debug!(peer = %guide, %fault, "following the source failed; it is tried again");
        } else {
            tracing::warn!(peer = %guide, %fault, "the source failed; the others continue");
            self.faults.insert(guide, fault);
        }
    }

    /// Something else is wanted now: those are followed again whose fault was of that, or may have passed.
    pub(super) fn forgive(&mut self) {
        self.failing.clear();
        self.faults
            .retain(|_, fault| !fault.may_pass() && !matches!(fault, SourceFault::NoState { .. }));
    }

    /// Nobody is left. That is the end of the chain as far as our clock lets it in, if what a source has above that is so little that the
    /// voters may have it, too.
    pub(super) fn end(self, reached: BlockId<B>) -> Result<BlockId<B>, ResyncError<B>> {
        let highest = reached
            .height()
            .saturating_add(self.context.settings.tier1.max_gap);
        let is_near = |peer| (1..=highest).contains(&self.claimed_by(peer));
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

/// How high its chain is, as it says; 0 if it said nothing.
fn claimed<B: BlockT>(entry: &PeerEntry<B>) -> u64 {
    let told = entry.sighting.as_ref();
    told.map_or(0, |told| told.standing.best.height())
}

/// Whether a peer left the last question for its status without an answer.
fn is_mute<B: BlockT>(entry: &PeerEntry<B>) -> bool {
    entry.failed_at.is_some()
}
