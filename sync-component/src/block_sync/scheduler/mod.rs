//! Which blocks to ask of whom, and when. Plain data: events and the time go in, requests come out.
//!
//! Every block of the job is in exactly one place at any time: never asked for (above the frontier), a [gap](gaps), under way
//! in a request, being checked, waiting for import, or imported. Only the lowest request may run twice at once: when it is
//! late, a second peer is asked for the same blocks.

mod bounds;
mod gaps;
mod measure;
mod pace;
mod suppliers;
#[cfg(test)]
mod tests;

pub(super) use bounds::{Bounds, Room};
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

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// Ask a peer for blocks.
    Ask {
        /// Names the request in what is told of it later.
        id: FlightId,
        /// Whom.
        peer: PeerId,
        /// For what.
        span: Span,
        /// How long to wait.
        within: Duration,
    },
    /// Another peer was quicker: nobody waits for this answer any more.
    Drop(FlightId),
}

/// Why a request brought nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// No answer in time, or the connection broke.
    Silent,
    /// An answer that is of no use, and that cost its sender what it deserved.
    Useless,
    /// It was not even sent: too many requests of ours to that peer.
    Unsent,
}

/// What an answer was worth, once decoded and checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worth {
    /// This many blocks from the start of the span, all good. The rest of the span was not in it.
    Good(u64),
    /// This many good blocks, and then one whose body is wrong: its sender was charged.
    ThenWrong(u64),
    /// The peer does not have the first block of the span.
    NotFound,
    /// It is busy for this long.
    Busy(Duration),
    /// It answers and is of no use.
    Useless,
}

#[derive(Clone, Debug)]
struct Flight {
    peer: PeerId,
    gap: Gap,
    since: MonoTime,
    /// The other request for the same blocks.
    twin: Option<FlightId>,
}

/// An answer whose blocks are being decoded and checked.
#[derive(Clone, Debug)]
struct Checking {
    peer: PeerId,
    gap: Gap,
    took: Duration,
    bytes: usize,
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
    gaps: Gaps,
    flights: BTreeMap<FlightId, Flight>,
    checking: BTreeMap<FlightId, Checking>,
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
            gaps: Gaps::default(),
            flights: BTreeMap::new(),
            checking: BTreeMap::new(),
            pieces: BTreeMap::new(),
            suppliers: Suppliers::default(),
            pace: Pace::default(),
            flown: 0,
        }
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
        for checking in self.checking.values() {
            room.add(checking.gap.count, checking.bytes);
        }
        room
    }

    /// What to do now.
    pub(super) fn poll(&mut self, now: MonoTime) -> Vec<Command> {
        let mut commands = Vec::new();
        self.hedge(now, &mut commands);
        // Each gap is looked at once: the suppliers of those that found none do not come back within one call.
        let mut from = 0;
        let lowest = self.lowest_missing();
        while self.flights.len() < self.bounds.flights {
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
            let Some((peer, count)) = self.suppliers.choose(start, wanted, &gap, need, now) else {
                continue;
            };
            let taken = self.take(start, gap, count);
            from = start.saturating_add(count);
            let id = self.depart(peer.clone(), (start, taken), None, now);
            commands.push(self.ask(id, peer, Span { start, count }));
        }
        commands
    }

    /// The lowest gap from `from` on; above all gaps what was never asked for, as far as there is room.
    fn next_wanted(&self, from: u64) -> Option<(u64, Gap)> {
        if let Some((start, gap)) = self.gaps.at_or_above(from) {
            return Some((start, gap.clone()));
        }
        let left = self.end.saturating_sub(self.frontier);
        if left == 0 || from > self.frontier {
            return None;
        }
        let ahead = self.frontier.saturating_sub(self.head);
        let reach = self.bounds.reach(&self.pace);
        // The lowest missing block is always asked for, or nothing would ever move.
        let room = if ahead == 0 {
            left
        } else {
            reach.saturating_sub(ahead).min(left)
        };
        let has_bytes = ahead == 0
            || self
                .bounds
                .has_bytes(self.waiting().bytes, self.in_flight(), &self.pace);
        (room > 0 && has_bytes).then(|| (self.frontier, Gap::new(room)))
    }

    fn in_flight(&self) -> u64 {
        self.flights
            .values()
            .map(|flight| flight.gap.count)
            .sum::<u64>()
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
        };
        self.flights.insert(id, flight);
        id
    }

    fn ask(&self, id: FlightId, peer: PeerId, span: Span) -> Command {
        let usual = self.suppliers.expected(&peer, span.count);
        let within = self.bounds.patience(usual, self.suppliers.doubts(&peer));
        Command::Ask {
            id,
            peer,
            span,
            within,
        }
    }

    /// Asks a second peer for the lowest missing blocks when the first one is late.
    fn hedge(&mut self, now: MonoTime, commands: &mut Vec<Command>) {
        let Some((id, flight)) = self.lowest_flight() else {
            return;
        };
        let late = self.pace.late_after();
        if flight.twin.is_some() || now.since(flight.since) < late {
            return;
        }
        let gap = flight.gap.clone();
        let (start, count) = (gap.start, gap.count);
        let mut elsewhere = gap.clone();
        elsewhere.tried(flight.peer.clone(), Try::Late);
        // Whoever has all of it: two requests for different blocks would not be the same request twice.
        let Some((peer, _)) = self
            .suppliers
            .choose(start, count, &elsewhere, Need::Second, now)
            .filter(|(_, able)| *able == count)
        else {
            return;
        };
        let twin = self.depart(peer.clone(), (start, gap), Some(id), now);
        if let Some(flight) = self.flights.get_mut(&id) {
            flight.twin = Some(twin);
        }
        commands.push(self.ask(twin, peer, Span { start, count }));
    }

    /// The request for the lowest missing block, if that is under way.
    fn lowest_flight(&self) -> Option<(FlightId, &Flight)> {
        let (id, flight) = self
            .flights
            .iter()
            .min_by_key(|(id, flight)| (flight.gap.start, **id))?;
        let missing = self.lowest_missing();
        (flight.gap.start == missing).then_some((*id, flight))
    }

    /// The lowest block that has not arrived.
    fn lowest_missing(&self) -> u64 {
        let flying = self.flights.values().map(|flight| flight.gap.start).min();
        let gap = self.gaps.at_or_above(0).map(|(start, _)| start);
        let lowest = flying.into_iter().chain(gap).min();
        lowest.unwrap_or(self.frontier)
    }

    /// The answer's bytes are here; what they are worth is told with [`Scheduler::checked`]. Returns what to do at once.
    pub(super) fn arrived(&mut self, id: FlightId, bytes: usize, now: MonoTime) -> Vec<Command> {
        let Some(flight) = self.flights.remove(&id) else {
            return Vec::new();
        };
        let took = now.since(flight.since);
        self.pace.answered_after(took);
        self.suppliers.answered(&flight.peer, flight.gap.count);
        let dropped = self.drop_twin(flight.twin, flight.since, now);
        let checking = Checking {
            peer: flight.peer,
            gap: flight.gap,
            took,
            bytes,
        };
        self.checking.insert(id, checking);
        dropped
    }

    /// Somebody answered a request of `since`; nobody waits for its twin any more.
    fn drop_twin(
        &mut self,
        twin: Option<FlightId>,
        since: MonoTime,
        now: MonoTime,
    ) -> Vec<Command> {
        let Some((id, late)) = twin.and_then(|id| Some((id, self.flights.remove(&id)?))) else {
            return Vec::new();
        };
        if late.since < since {
            self.suppliers.outrun(&late.peer, late.gap.count, now);
        } else {
            // The second one had less time, so that it is not slow.
            self.suppliers.answered(&late.peer, late.gap.count);
        }
        vec![Command::Drop(id)]
    }

    /// What the answer was worth. The blocks that are not good are asked for elsewhere.
    pub(super) fn checked(&mut self, id: FlightId, worth: Worth, now: MonoTime) {
        let Some(Checking {
            peer,
            mut gap,
            took,
            bytes,
        }) = self.checking.remove(&id)
        else {
            return;
        };
        let (good, tried) = match worth {
            Worth::Good(0) | Worth::NotFound => (0, Some(Try::Lacks)),
            Worth::Good(good) => (good, None),
            Worth::ThenWrong(good) => (good, Some(Try::Failed)),
            Worth::Busy(_) => (0, Some(Try::Busy)),
            Worth::Useless => (0, Some(Try::Failed)),
        };
        let good = good.min(gap.count);
        match worth {
            Worth::NotFound => self.suppliers.lacks(&peer, gap.start, now),
            Worth::Busy(pause) => self.suppliers.busy(&peer, pause, now),
            _ if good > 0 => self.suppliers.delivered(&peer, good, took),
            _ => {}
        }
        let start = gap.start;
        if good > 0 {
            self.pace.block_bytes(bytes, good);
            let piece = Piece { count: good, bytes };
            self.pieces.insert(start, piece);
        }
        let Some(mut rest) = gap.take_rest(good) else {
            return;
        };
        if let Some(tried) = tried {
            rest.tried(peer, tried);
        }
        self.gaps.put(start.saturating_add(good), rest);
    }

    /// The request brought nothing.
    pub(super) fn failed(&mut self, id: FlightId, failure: Failure, now: MonoTime) {
        let Some(mut flight) = self.flights.remove(&id) else {
            return;
        };
        let peer = flight.peer;
        self.suppliers.answered(&peer, flight.gap.count);
        match failure {
            Failure::Silent => self.suppliers.silent(&peer, now),
            Failure::Unsent => self.suppliers.busy(&peer, self.bounds.pause, now),
            Failure::Useless => {}
        }
        let tried = match failure {
            Failure::Silent | Failure::Useless => Try::Failed,
            Failure::Unsent => Try::Busy,
        };
        // While its twin flies nothing is missing.
        if let Some(twin) = flight.twin.and_then(|twin| self.flights.get_mut(&twin)) {
            twin.twin = None;
            twin.gap.tried(peer, tried);
            return;
        }
        flight.gap.tried(peer, tried);
        self.gaps.put(flight.gap.start, flight.gap);
    }

    /// The blocks from the head on that may be imported now, as far as `most` allows, but `least` at least; `None` if they are not
    /// there yet.
    pub(super) fn importable(&self, least: u64, most: Room) -> Option<Span> {
        let mut taken = Room::default();
        let mut at = self.head;
        while let Some(piece) = self.pieces.get(&at) {
            let mut with = taken;
            with.add(piece.count, piece.bytes);
            if taken.blocks >= least.max(1) && !with.fits(most) {
                break;
            }
            taken = with;
            at = at.saturating_add(piece.count);
        }
        let enough = taken.blocks >= least.max(1);
        enough.then_some(Span {
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
        self.pace.imported(blocks, took);
    }

    /// How many blocks to import at once.
    pub(super) fn batch(&self) -> Room {
        self.bounds.batch(&self.pace)
    }

    /// Why the lowest missing block will not come, if it will not. Only meaningful while nothing can be imported.
    pub(super) fn stuck(&self) -> Option<Stuck> {
        let missing = self.lowest_missing();
        if self
            .checking
            .values()
            .any(|checking| checking.gap.start <= missing)
        {
            return None;
        }
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
        let hopeless =
            gap.failures() >= self.bounds.attempts.get() || !self.suppliers.may_serve(missing, gap);
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
