//! Whom to ask: what each peer has, how fast it is, how much it is trusted with at once.

use super::{
    gaps::Gap,
    measure::{real, real_size, whole},
};
use crate::{
    peers::Proof,
    ports::{MonoTime, PeerId},
};
use std::{collections::BTreeMap, time::Duration};

/// Requests to a new peer at once.
const FIRST_WIDTH: u32 = 3;

/// Most requests to one peer at once. Fewer: the line to a distant peer stands still between answers; more: a peer that falls
/// silent holds more blocks up. Also bounded by `requests_per_peer`.
const MOST_WIDTH: u32 = 10;

/// Blocks that are asked of a peer of which nothing is known, and nothing of any other: so many for each [`FIRST_LATENCY`] of the way to
/// it. Fewer: more round trips until anything is known; more: the lowest blocks wait longer for a stranger that turns out to be slow.
const FIRST_ITEMS: u64 = 16;

/// What a way is measured in when a peer is asked for the first time. Over a long way a small request is answered hardly sooner.
const FIRST_LATENCY: Duration = Duration::from_micros(12_500);

/// Most blocks of such a request: a way may be long because the line is slow.
const MOST_FIRST_ITEMS: u64 = 128;

/// Blocks per second that a peer is taken to send while nothing is known of any. Only compared with itself: whoever has less
/// to do comes first.
const UNKNOWN_RATE: f64 = 16.0;

/// How much is asked for at once: what a peer sends in this time, or in [`TARGET_LATENCIES`] times what it takes to answer at all.
const TARGET: Duration = Duration::from_millis(250);

/// Lower: over a long way requests grow slowly, and most of the time is the way's; higher: more is asked for of a peer than comes soon.
const TARGET_LATENCIES: u32 = 4;

/// No longer than this, however long the way is: it may be long because of what we asked for.
const MOST_TARGET: Duration = Duration::from_secs(1);

/// The usual time to answer of a peer of which nothing is known.
const UNKNOWN_LATENCY: Duration = Duration::from_millis(200);

/// Weight of the newest measurement of a peer's rate. An answer that came sooner than it was to come counts whole, if it was a better
/// one: it shows that more could have been asked for, and over a long way every step counts.
const NEWEST_WEIGHT: f64 = 0.2;

/// For how long a peer is not asked for what it said it does not have.
const LACK_PAUSE: Duration = Duration::from_millis(500);

/// For how long a peer that was silent is not asked again. Shorter: one that is mute for good is asked more often in vain; longer:
/// where it is the only one that has a block, that is fetched so much later once it answers again.
const SILENT_PAUSE: Duration = Duration::from_millis(500);

/// How often the pause doubles for a peer that never delivered, and that others overtake. Fewer: a mute peer gets more of the lowest
/// blocks, and each time they wait for a second request; more: a peer that was only slow for a while stays out longer.
const PAUSE_DOUBLES: u32 = 4;

/// Where a peer says that it stands, and what is known of it otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::block_sync) struct Standing {
    /// Its tip.
    pub(in crate::block_sync) best: u64,
    /// The lowest block that it serves.
    pub(in crate::block_sync) lowest: u64,
    /// The highest block that it showed to be on the chain that is fetched. Claims cost nothing: whoever showed more is asked
    /// first.
    pub(in crate::block_sync) shown: Option<u64>,
    /// Moving average of the round trips of small messages.
    pub(in crate::block_sync) latency: Option<Duration>,
    /// Whether it ever delivered blocks.
    pub(in crate::block_sync) proof: Proof,
    /// How many requests for blocks it left without an answer in a row, in earlier sessions too.
    pub(in crate::block_sync) undelivered: u32,
    /// `requests_per_peer`.
    pub(in crate::block_sync) most_requests: u32,
}

#[derive(Debug)]
struct Supplier {
    standing: Standing,
    /// Requests under way, and the blocks that they ask for.
    requests: u32,
    items: u64,
    /// How many requests may be under way: one more for each success, half after a silence.
    width: u32,
    refill: Refill,
    /// Blocks per second.
    rate: Option<f64>,
    /// It is asked for no more blocks at once: half as many after a silence, twice as many once it delivered so many. A line may carry less
    /// in the time that an answer has than anything else lets suppose.
    most: u64,
    /// Silences in a row.
    doubts: u32,
    not_before: Option<MonoTime>,
    /// It does not have blocks from here on, until then.
    lacks: Option<(u64, MonoTime)>,
}

/// Between the marks nothing changes: requests are made in strides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refill {
    /// Up to the high watermark, the width.
    Filling,
    /// Down to the low one, three quarters of it.
    Draining,
}

impl Supplier {
    fn new(standing: Standing) -> Self {
        let is_doubtful = standing.undelivered > 0;
        Self {
            standing,
            requests: 0,
            items: 0,
            width: if is_doubtful { 1 } else { FIRST_WIDTH },
            refill: Refill::Filling,
            rate: None,
            most: u64::MAX,
            doubts: standing.undelivered,
            not_before: None,
            lacks: None,
        }
    }

    /// Silent more than once in a row: a single answer may have got lost.
    fn is_mute(&self) -> bool {
        self.doubts > 1
    }

    /// Whether it ever delivered blocks, in this session or before.
    fn is_proven(&self) -> bool {
        self.rate.is_some() || self.standing.proof == Proof::Delivered
    }

    fn high(&self) -> u32 {
        self.width.min(self.standing.most_requests).max(1)
    }

    /// Whether it claims to have the block at `height`.
    fn claims(&self, height: u64) -> bool {
        self.standing.best >= height && self.standing.lowest <= height
    }

    /// Whether it said a moment ago that it does not.
    fn denies(&self, height: u64, now: MonoTime) -> bool {
        self.lacks
            .is_some_and(|(from, until)| height >= from && until > now)
    }

    fn is_free(&self, need: Need, now: MonoTime) -> bool {
        let paused = self.not_before.is_some_and(|until| until > now);
        let has_room = match need {
            Need::More | Need::Lowest => {
                self.requests < self.high() && self.refill == Refill::Filling
            }
            Need::Second => self.requests < self.standing.most_requests.max(1),
        };
        !paused && has_room
    }

    fn settle(&mut self) {
        if self.requests >= self.high() {
            self.refill = Refill::Draining;
        } else if self.requests <= self.high().saturating_mul(3) / 4 {
            self.refill = Refill::Filling;
        }
    }

    fn latency(&self) -> Duration {
        self.standing.latency.unwrap_or(UNKNOWN_LATENCY)
    }

    /// In what time it sends this many blocks.
    fn sends(&self, blocks: u64) -> Duration {
        let seconds = self.rate.map_or(0.0, |rate| real(blocks) / rate.max(1e-3));
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }

    /// Whether so many blocks more come from it within `longest`. Whoever has nothing to do is asked in any case.
    fn bears(&self, more: u64, longest: Duration) -> bool {
        let all = self.sends(self.items.saturating_add(more));
        self.requests == 0 || self.latency().saturating_add(all) <= longest
    }

    /// How many blocks come from it within `longest`; at least one.
    fn sends_within(&self, longest: Duration) -> u64 {
        let time = longest.saturating_sub(self.latency()).as_secs_f64();
        let blocks = self.rate.map_or(u64::MAX, |rate| whole(rate * time));
        blocks.max(1)
    }
}

/// What a peer is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// The next request, of as many as it can bear. Untried peers get their share of these.
    More,
    /// The lowest missing blocks, which all others wait for: who delivered before is asked before the untried.
    Lowest,
    /// The lowest missing blocks, which somebody else is late with: between its watermarks, too.
    Second,
}

/// All connected peers.
#[derive(Debug, Default)]
pub(super) struct Suppliers(BTreeMap<PeerId, Supplier>);

impl Suppliers {
    pub(super) fn update(&mut self, standings: impl IntoIterator<Item = (PeerId, Standing)>) {
        let mut before = std::mem::take(&mut self.0);
        for (peer, standing) in standings {
            let supplier = match before.remove(&peer) {
                Some(mut known) => {
                    if known.standing.best < standing.best {
                        known.lacks = None;
                    }
                    known.standing = standing;
                    known
                }
                None => Supplier::new(standing),
            };
            self.0.insert(peer, supplier);
        }
    }

    /// What was measured of them is kept, and nothing is under way.
    pub(super) fn at_rest(mut self) -> Self {
        for supplier in self.0.values_mut() {
            (supplier.requests, supplier.items) = (0, 0);
            supplier.refill = Refill::Filling;
        }
        self
    }

    /// Who should be asked for the blocks from `start` on, and for how many of at most `wanted`: whoever has them and delivers
    /// them soonest, those first who showed that they have them. Nobody is asked for more than it delivers within `longest`.
    pub(super) fn choose(
        &self,
        (start, wanted): (u64, u64),
        gap: &Gap,
        need: Need,
        longest: Duration,
        now: MonoTime,
    ) -> Option<(PeerId, u64)> {
        let mean = self.mean_rate();
        // A second request must be for the same blocks as the first.
        let last = match need {
            Need::Second => start.saturating_add(wanted).saturating_sub(1),
            Need::More | Need::Lowest => start,
        };
        let free = self.0.iter().filter(|(peer, supplier)| {
            supplier.is_free(need, now)
                && supplier.claims(start)
                && supplier.claims(last)
                && !supplier.denies(start, now)
                && gap.may_ask(peer)
                && (need == Need::Second || supplier.bears(1, longest))
        });
        let key = |supplier: &Supplier| {
            let shown = supplier.standing.shown.is_some_and(|shown| shown >= start);
            let rate = supplier.rate.or(mean).unwrap_or(UNKNOWN_RATE).max(1.0);
            let time = supplier.latency().as_secs_f64()
                + real(supplier.items.saturating_add(wanted)) / rate;
            let demerits = match need {
                Need::More => supplier.doubts.min(1),
                Need::Lowest | Need::Second => supplier.standing.proof.demerits(supplier.doubts),
            };
            (
                !shown,
                demerits,
                Duration::try_from_secs_f64(time).unwrap_or(Duration::MAX),
            )
        };
        let (peer, supplier) = free.min_by_key(|(_, supplier)| key(supplier))?;
        let has = supplier
            .standing
            .best
            .saturating_sub(start)
            .saturating_add(1);
        let count = match need {
            Need::Second => wanted,
            Need::More | Need::Lowest => {
                let most = items(supplier, mean).min(supplier.sends_within(longest));
                wanted.min(most).min(has)
            }
        };
        Some((peer.clone(), count))
    }

    /// Whether anybody may still deliver the block at `height`, now or after a pause.
    pub(super) fn may_serve(&self, height: u64, gap: &Gap) -> bool {
        self.0
            .iter()
            .any(|(peer, supplier)| supplier.claims(height) && gap.may_ask(peer))
    }

    /// Whether anybody may still deliver it who delivered before and is not mute.
    pub(super) fn proven_may_serve(&self, height: u64, gap: &Gap) -> bool {
        let mut left = self
            .0
            .iter()
            .filter(|(peer, supplier)| supplier.claims(height) && gap.may_ask(peer));
        left.any(|(_, supplier)| supplier.is_proven() && !supplier.is_mute())
    }

    /// Whoever delivered before and lost a single answer may be asked again.
    pub(super) fn forgive_proven(&self, gap: &mut Gap) {
        gap.forgive_if(|peer| {
            let known = self.0.get(peer);
            known.is_some_and(|supplier| supplier.is_proven() && !supplier.is_mute())
        });
    }

    /// Whether all who may still deliver it are mute.
    pub(super) fn only_mute_may_serve(&self, height: u64, gap: &Gap) -> bool {
        let mut left = self
            .0
            .iter()
            .filter(|(peer, supplier)| supplier.claims(height) && gap.may_ask(peer));
        left.all(|(_, supplier)| supplier.is_mute())
    }

    /// If all who may still deliver it are mute, whoever lost a single answer may be asked again before them: block by block each of them
    /// would cost a time-out.
    pub(super) fn forgive_one_silence(&self, height: u64, gap: &mut Gap) {
        if self.only_mute_may_serve(height, gap) {
            gap.forgive_if(|peer| !self.is_mute(peer));
        }
    }

    /// Whether `peer` was silent more than once in a row.
    pub(super) fn is_mute(&self, peer: &PeerId) -> bool {
        self.0.get(peer).is_none_or(Supplier::is_mute)
    }

    /// The mean of the measured rates.
    fn mean_rate(&self) -> Option<f64> {
        let rates: Vec<f64> = self.0.values().filter_map(|one| one.rate).collect();
        (!rates.is_empty()).then(|| rates.iter().sum::<f64>() / real_size(rates.len()))
    }

    /// The time in which `peer` usually answers a request for `count` blocks that comes after those under way.
    pub(super) fn expected(&self, peer: &PeerId, count: u64) -> Duration {
        let Some(supplier) = self.0.get(peer) else {
            return UNKNOWN_LATENCY;
        };
        let sending = supplier.sends(supplier.items.max(count));
        supplier.latency().saturating_add(sending)
    }

    /// How often `peer` was silent in a row.
    pub(super) fn doubts(&self, peer: &PeerId) -> u32 {
        self.0.get(peer).map_or(0, |supplier| supplier.doubts)
    }

    pub(super) fn asked(&mut self, peer: &PeerId, items: u64) {
        if let Some(supplier) = self.0.get_mut(peer) {
            supplier.requests = supplier.requests.saturating_add(1);
            supplier.items = supplier.items.saturating_add(items);
            supplier.settle();
        }
    }

    /// A request of `peer` is no longer under way.
    pub(super) fn answered(&mut self, peer: &PeerId, items: u64) {
        if let Some(supplier) = self.0.get_mut(peer) {
            supplier.requests = supplier.requests.saturating_sub(1);
            supplier.items = supplier.items.saturating_sub(items);
            supplier.settle();
        }
    }

    /// Another peer was quicker although it was asked later: `peer` gets less to do, and after the second time in a row nothing for a
    /// while if it never delivered anything.
    pub(super) fn outrun(&mut self, peer: &PeerId, items: u64, now: MonoTime) {
        self.answered(peer, items);
        if let Some(supplier) = self.0.get_mut(peer) {
            if supplier.rate.is_none()
                && let Some(again) = supplier.doubts.checked_sub(1)
            {
                let pause = SILENT_PAUSE.saturating_mul(1 << again.min(PAUSE_DOUBLES));
                supplier.not_before = supplier.not_before.max(Some(now.plus(pause)));
            }
            supplier.doubts = supplier.doubts.saturating_add(1);
            supplier.width = (supplier.width / 2).max(1);
            supplier.rate = supplier.rate.map(|rate| rate / 2.0);
            supplier.settle();
        }
    }

    /// Good blocks came from `peer`, this long after they were asked for.
    pub(super) fn delivered(&mut self, peer: &PeerId, items: u64, took: Duration) {
        let mean = self.mean_rate();
        if let Some(supplier) = self.0.get_mut(peer) {
            supplier.doubts = 0;
            supplier.width = supplier.width.saturating_add(1).min(MOST_WIDTH);
            let new = real(items) / took.as_secs_f64().max(1e-4);
            let old = supplier.rate.or(mean).unwrap_or(new);
            let weight = if new > old && took < target(supplier) {
                1.0
            } else {
                NEWEST_WEIGHT
            };
            supplier.rate = Some(old + (new - old) * weight);
            if items >= supplier.most {
                supplier.most = supplier.most.saturating_mul(2);
            }
            supplier.settle();
        }
    }

    /// `peer` left a request for so many blocks without an answer.
    pub(super) fn silent(&mut self, peer: &PeerId, items: u64, now: MonoTime) {
        if let Some(supplier) = self.0.get_mut(peer) {
            supplier.doubts = supplier.doubts.saturating_add(1);
            supplier.width = (supplier.width / 2).max(1);
            supplier.most = (supplier.most.min(items) / 2).max(1);
            supplier.not_before = Some(now.plus(SILENT_PAUSE));
            supplier.settle();
        }
    }

    pub(super) fn busy(&mut self, peer: &PeerId, pause: Duration, now: MonoTime) {
        if let Some(supplier) = self.0.get_mut(peer) {
            let until = now.plus(pause.clamp(Duration::from_millis(50), Duration::from_secs(10)));
            supplier.not_before = supplier.not_before.max(Some(until));
        }
    }

    /// `peer` does not have the block at `start`.
    pub(super) fn lacks(&mut self, peer: &PeerId, start: u64, now: MonoTime) {
        if let Some(supplier) = self.0.get_mut(peer) {
            let from = supplier.lacks.map_or(start, |(from, _)| from.min(start));
            supplier.lacks = Some((from, now.plus(LACK_PAUSE)));
        }
    }

    /// When the next pause of a peer ends.
    pub(super) fn next_pause_end(&self, now: MonoTime) -> Option<MonoTime> {
        let ends = self.0.values().flat_map(|supplier| {
            let lack = supplier.lacks.map(|(_, until)| until);
            supplier.not_before.into_iter().chain(lack)
        });
        ends.filter(|end| *end > now).min()
    }
}

/// How many blocks `supplier` is asked for at once.
fn items(supplier: &Supplier, mean: Option<f64>) -> u64 {
    let usual = supplier.rate.or(mean).map_or_else(
        || first_items(supplier.standing.latency),
        |rate| 1 + whole(1.01 * rate * target(supplier).as_secs_f64()),
    );
    usual.min(supplier.most)
}

/// How many blocks a peer is asked for at once while nothing is known but its way.
fn first_items(latency: Option<Duration>) -> u64 {
    let ways = latency.map_or(0, |latency| latency.as_nanos() / FIRST_LATENCY.as_nanos());
    let ways = u64::try_from(ways).unwrap_or(u64::MAX).max(1);
    FIRST_ITEMS.saturating_mul(ways).min(MOST_FIRST_ITEMS)
}

/// How long what `supplier` is asked for at once should take.
fn target(supplier: &Supplier) -> Duration {
    let ways = supplier.latency().saturating_mul(TARGET_LATENCIES);
    ways.clamp(TARGET, MOST_TARGET)
}
