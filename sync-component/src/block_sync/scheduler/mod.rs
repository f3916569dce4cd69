//! Which blocks to ask of whom, and when. Plain data: events and the time go in, requests come out.
//!
//! Every block of the job is in exactly one place at any time: never asked for (above the frontier), a [gap](gaps), under way
//! in a request, being checked, waiting for import, or imported. Only the lowest request may run twice at once: when it is
//! late, a second peer is asked for the same blocks. The first of the two answers that holds half of them ends the other.

mod answers;
mod bounds;
#[cfg(feature = "test-kit")]
mod driven;
mod gaps;
mod measure;
mod pace;
mod suppliers;
#[cfg(test)]
mod tests;

pub(super) use answers::{Failure, Goods, Worth};
pub(super) use bounds::{Bounds, Room};
#[cfg(feature = "test-kit")]
pub use driven::schedule;
pub(super) use suppliers::Standing;

use crate::ports::{MonoTime, PeerId};
use gaps::{Gap, Gaps, Try};
use pace::Pace;
use std::{collections::BTreeMap, time::Duration};
use suppliers::{Need, Suppliers};

/// Blocks in a row, by height.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    /// Height of the first.
    pub(super) start: u64,
    /// How many; at least one.
    pub(super) count: u64,
}

impl Span {
    /// The height above the last.
    pub(super) fn end(self) -> u64 {
        self.start.saturating_add(self.count)
    }
}

/// One request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FlightId(u64);

/// A request that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ask {
    /// Names it in what is told of it later.
    pub(super) id: FlightId,
    /// Whom to ask.
    pub(super) peer: PeerId,
    /// For what.
    pub(super) span: Span,
    /// How long to wait.
    pub(super) within: Duration,
}

#[derive(Clone, Debug)]
struct Flight {
    peer: PeerId,
    gap: Gap,
    since: MonoTime,
    /// The other request for the same blocks.
    twin: Option<FlightId>,
    stage: Stage,
}

/// How far a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    UnderWay,
    /// Its answer, of so many bytes, is being decoded and checked.
    Checking {
        took: Duration,
        bytes: usize,
    },
}

/// Blocks that wait for import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    count: u64,
    bytes: usize,
}

/// Why nothing more can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stuck {
    /// The lowest block that nobody delivers.
    pub(super) at: u64,
    /// Attempts that failed.
    pub(super) attempts: u32,
    /// Peers that were asked.
    pub(super) peers: usize,
    /// How many of them were busy.
    pub(super) busy: usize,
}

/// The I/O-free core of `pipelined`.
#[derive(Debug)]
pub(super) struct Scheduler {
    bounds: Bounds,
    /// Blocks below it are imported, or with the importer.
    head: u64,
    /// The lowest block that was never asked for.
    frontier: u64,
    /// The height above the last block that is known.
    end: u64,
    /// How many blocks the first import must hold: those of a branch that must become better in one step.
    at_once: u64,
    gaps: Gaps,
    flights: BTreeMap<FlightId, Flight>,
    pieces: BTreeMap<u64, Piece>,
    suppliers: Suppliers,
    pace: Pace,
    flown: u64,
}

/// What a session learnt of the peers and of the import, for the next one.
#[derive(Debug, Default)]
pub(super) struct Experience {
    suppliers: Suppliers,
    pace: Pace,
}

impl Scheduler {
    /// With what an earlier session learnt.
    pub(super) fn knowing(self, Experience { suppliers, pace }: Experience) -> Self {
        Self {
            suppliers,
            pace,
            ..self
        }
    }

    /// What it learnt. It is over.
    pub(super) fn learnt(&mut self) -> Experience {
        Experience {
            suppliers: std::mem::take(&mut self.suppliers).at_rest(),
            pace: std::mem::take(&mut self.pace),
        }
    }

    /// All blocks from `start` up to below `end` are wanted.
    pub(super) fn new(start: u64, end: u64, bounds: Bounds) -> Self {
        Self {
            bounds,
            head: start,
            frontier: start,
            end: end.max(start),
            at_once: 0,
            gaps: Gaps::default(),
            flights: BTreeMap::new(),
            pieces: BTreeMap::new(),
            suppliers: Suppliers::default(),
            pace: Pace::default(),
            flown: 0,
        }
    }

    /// The first import holds this many blocks at least.
    pub(super) fn with_first_import_of(self, at_once: u64) -> Self {
        Self { at_once, ..self }
    }

    /// How many blocks the next import must hold.
    pub(super) fn at_once(&self) -> u64 {
        self.at_once
    }

    /// Blocks up to below `end` are wanted; never fewer than before.
    pub(super) fn extend(&mut self, end: u64) {
        self.end = self.end.max(end);
    }

    /// These blocks are there already, from an earlier session. Only before anything else is asked for, and in rising order.
    pub(super) fn have(&mut self, span: Span, bytes: usize) {
        if span.start < self.frontier || span.end() > self.end {
            return;
        }
        if span.start > self.frontier {
            let count = span.start - self.frontier;
            self.gaps.put(self.frontier, Gap::new(count));
        }
        self.frontier = span.end();
        let count = span.count;
        self.pieces.insert(span.start, Piece { count, bytes });
    }

    /// Who is connected now, and where each stands.
    pub(super) fn suppliers(&mut self, standings: impl IntoIterator<Item = (PeerId, Standing)>) {
        self.suppliers.update(standings);
    }

    /// Blocks below it are imported, or with the importer.
    pub(super) fn head(&self) -> u64 {
        self.head
    }

    /// Whether every known block is imported, or with the importer.
    pub(super) fn is_done(&self) -> bool {
        self.head == self.end
    }

    /// How much waits for import.
    pub(super) fn waiting(&self) -> Room {
        let mut room = Room::default();
        for piece in self.pieces.values() {
            room.add(piece.count, piece.bytes);
        }
        for flight in self.flights.values() {
            if let Stage::Checking { bytes, .. } = flight.stage {
                room.add(flight.gap.count, bytes);
            }
        }
        room
    }

    /// What to do now.
    pub(super) fn poll(&mut self, now: MonoTime) -> Vec<Ask> {
        self.forgive();
        let mut asks: Vec<_> = self.hedge(now).into_iter().collect();
        // Each gap is looked at once: the suppliers of those that found none do not come back within one call.
        let mut from = 0;
        let lowest = self.lowest_missing();
        while self.under_way().count() < self.bounds.flights {
            let Some((start, gap)) = self.next_wanted(from) else {
                break;
            };
            from = start.saturating_add(1);
            let wanted = self.bounds.items(&gap, &self.pace);
            let need = if start == lowest {
                Need::Lowest
            } else {
                Need::More
            };
            let longest = self.bounds.longest_load();
            let what = (start, wanted);
            let chosen = self.suppliers.choose(what, &gap, need, longest, now);
            let Some((peer, count)) = chosen else {
                continue;
            };
            let taken = self.take(start, gap, count);
            from = start.saturating_add(count);
            let id = self.depart(peer.clone(), (start, taken), None, now);
            asks.push(self.ask(id, peer, Span { start, count }));
        }
        asks
    }

    /// When all who may have the lowest missing block were asked, those that were silent may be asked once more: an answer may be lost.
    /// So may those that sent little while somebody else was to send all. Whoever lost a single answer does not wait for that if the others are
    /// all mute. Once the attempts are used up, strangers may have done that: so may only who delivered before and lost a single answer.
    fn forgive(&mut self) {
        let missing = self.lowest_missing();
        let attempts = self.bounds.attempts.get();
        let Some(gap) = self.gaps.get_mut(missing) else {
            return;
        };
        let may_serve = self.suppliers.may_serve(missing, gap);
        if gap.failures() >= attempts {
            if !may_serve && gap.failures() < self.bounds.most_failures() {
                self.suppliers.forgive_proven(gap);
            }
        } else if may_serve {
            self.suppliers.forgive_one_silence(missing, gap);
        } else {
            gap.forgive();
        }
    }

    /// The lowest gap from `from` on; above all gaps what was never asked for; as far as there is room. What the next import
    /// waits for, its first block or all of a branch, is asked for without room, too, or nothing would ever move.
    fn next_wanted(&self, from: u64) -> Option<(u64, Gap)> {
        let at_once = self.head.saturating_add(self.at_once);
        let has_bytes = |start: u64| {
            let (waiting, coming) = (self.waiting().bytes, self.in_flight());
            start == self.head
                || start < at_once
                || self.bounds.has_bytes(waiting, coming, &self.pace)
        };
        if let Some((start, gap)) = self.gaps.at_or_above(from) {
            return has_bytes(start).then(|| (start, gap.clone()));
        }
        let left = self.end.saturating_sub(self.frontier);
        if left == 0 || from > self.frontier {
            return None;
        }
        let ahead = self.frontier.saturating_sub(self.head);
        let reach = self.bounds.reach(&self.pace).max(self.at_once);
        let room = if ahead == 0 {
            left
        } else {
            reach.saturating_sub(ahead).min(left)
        };
        (room > 0 && has_bytes(self.frontier)).then(|| (self.frontier, Gap::new(room)))
    }

    fn under_way(&self) -> impl Iterator<Item = (&FlightId, &Flight)> {
        let all = self.flights.iter();
        all.filter(|(_, flight)| flight.stage == Stage::UnderWay)
    }

    fn in_flight(&self) -> u64 {
        self.under_way().map(|(_, flight)| flight.gap.count).sum()
    }

    /// Takes the first `count` blocks at `start` out of the gap there, or out of what was never asked for.
    fn take(&mut self, start: u64, gap: Gap, count: u64) -> Gap {
        let (first, rest) = gap.split(count);
        let above = start.saturating_add(count);
        if self.gaps.remove(start).is_none() {
            self.frontier = above;
        } else if let Some(rest) = rest {
            self.gaps.put(above, rest);
        }
        first
    }

    fn depart(
        &mut self,
        peer: PeerId,
        (start, gap): (u64, Gap),
        twin: Option<FlightId>,
        now: MonoTime,
    ) -> FlightId {
        let id = FlightId(self.flown);
        self.flown = self.flown.wrapping_add(1);
        self.suppliers.asked(&peer, gap.count);
        let gap = gap.from(start);
        let flight = Flight {
            peer,
            gap,
            since: now,
            twin,
            stage: Stage::UnderWay,
        };
        self.flights.insert(id, flight);
        id
    }

    fn ask(&self, id: FlightId, peer: PeerId, span: Span) -> Ask {
        let usual = self.suppliers.expected(&peer, span.count);
        let within = self.bounds.patience(usual, self.suppliers.doubts(&peer));
        Ask {
            id,
            peer,
            span,
            within,
        }
    }

    /// Asks a second peer for the lowest missing blocks when the first one is late.
    fn hedge(&mut self, now: MonoTime) -> Option<Ask> {
        let (id, flight) = self.lowest_flight()?;
        let late = self.pace.late_after();
        if flight.twin.is_some() || now.since(flight.since) < late {
            return None;
        }
        let gap = flight.gap.clone();
        let (start, count) = (gap.start, gap.count);
        let mut elsewhere = gap.clone();
        elsewhere.tried(flight.peer.clone(), Try::Late);
        let suppliers = &self.suppliers;
        suppliers.forgive_one_silence(start, &mut elsewhere);
        let (second, longest) = (Need::Second, self.bounds.longest_load());
        let (peer, _) = suppliers.choose((start, count), &elsewhere, second, longest, now)?;
        // Somebody better has a pause just now.
        if suppliers.is_mute(&peer) && !suppliers.only_mute_may_serve(start, &elsewhere) {
            return None;
        }
        let twin = self.depart(peer.clone(), (start, gap), Some(id), now);
        if let Some(flight) = self.flights.get_mut(&id) {
            flight.twin = Some(twin);
        }
        Some(self.ask(twin, peer, Span { start, count }))
    }

    /// The request for the lowest missing block, if that is under way.
    fn lowest_flight(&self) -> Option<(FlightId, &Flight)> {
        let (id, flight) = self
            .under_way()
            .min_by_key(|(id, flight)| (flight.gap.start, **id))?;
        let missing = self.lowest_missing();
        (flight.gap.start == missing).then_some((*id, flight))
    }

    /// The lowest block that has not arrived.
    fn lowest_missing(&self) -> u64 {
        let flying = self.under_way().map(|(_, flight)| flight.gap.start).min();
        let gap = self.gaps.at_or_above(0).map(|(start, _)| start);
        let lowest = flying.into_iter().chain(gap).min();
        lowest.unwrap_or(self.frontier)
    }

    /// The blocks from the head on that may be imported now, as far as `most` allows, but all that must be imported at once;
    /// `None` if they are not there yet.
    pub(super) fn importable(&self, most: Room) -> Option<Span> {
        let least = self.at_once.max(1);
        let mut taken = Room::default();
        let mut at = self.head;
        while let Some(piece) = self.pieces.get(&at) {
            let mut with = taken;
            with.add(piece.count, piece.bytes);
            if taken.blocks >= least && !with.fits(most) {
                break;
            }
            taken = with;
            at = at.saturating_add(piece.count);
        }
        (taken.blocks >= least).then_some(Span {
            start: self.head,
            count: taken.blocks,
        })
    }

    /// The importer took these blocks, which [`Scheduler::importable`] named.
    pub(super) fn importing(&mut self, span: Span) {
        self.pieces
            .retain(|start, _| *start < span.start || *start >= span.end());
        self.head = span.end();
    }

    /// It imported this many blocks in this time.
    pub(super) fn imported(&mut self, blocks: u64, took: Duration) {
        self.at_once = 0;
        self.pace.imported(blocks, took);
    }

    /// How many blocks to import at once.
    pub(super) fn batch(&self) -> Room {
        self.bounds.batch(&self.pace)
    }

    /// Why the lowest missing block will not come, if it will not. Only meaningful while nothing can be imported.
    /// Nor before all that is under way has come: it is good whatever becomes of that block.
    pub(super) fn stuck(&self) -> Option<Stuck> {
        if !self.flights.is_empty() {
            return None;
        }
        let missing = self.lowest_missing();
        let at = self
            .gaps
            .at_or_above(0)
            .filter(|(start, _)| *start == missing);
        let fresh = Gap::new(1);
        let gap = match at {
            Some((_, gap)) => gap,
            None if missing == self.frontier && self.frontier < self.end => &fresh,
            None => return None,
        };
        let tried_enough = gap.failures() >= self.bounds.attempts.get();
        let hopeless = if tried_enough {
            !self.suppliers.proven_may_serve(missing, gap)
        } else {
            !self.suppliers.may_serve(missing, gap)
        };
        hopeless.then(|| Stuck {
            at: missing,
            attempts: gap.failures(),
            peers: gap.asked(),
            busy: gap.busy(),
        })
    }

    /// When to look again if nothing happens before.
    pub(super) fn wake_at(&self, now: MonoTime) -> Option<MonoTime> {
        let hedge = self
            .lowest_flight()
            .filter(|(_, flight)| flight.twin.is_none())
            .map(|(_, flight)| flight.since.plus(self.pace.late_after()))
            .filter(|at| *at > now);
        let pause = self.suppliers.next_pause_end(now);
        hedge.into_iter().chain(pause).min()
    }
}
