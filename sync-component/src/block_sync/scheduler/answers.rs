//! What becomes of requests: answers, what they are worth, and silence.

use super::{
    Flight, FlightId, Piece, Scheduler, Stage,
    gaps::{Gap, Try},
};
use crate::ports::{MonoTime, PeerId};
use std::time::Duration;

/// Why a request brought nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::block_sync) enum Failure {
    /// No answer in time, or the connection broke.
    Silent,
    /// An answer that is of no use, and that cost its sender what it deserved.
    Useless,
    /// It was not even sent: too many requests of ours to that peer.
    Unsent,
}

/// What an answer was worth, once decoded and checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::block_sync) enum Worth {
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

/// What came of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::block_sync) struct Outcome {
    pub(in crate::block_sync) goods: Goods,
    /// The other request for the same blocks: nobody waits for its answer any more.
    pub(in crate::block_sync) overtaken: Option<FlightId>,
}

/// What becomes of the blocks of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::block_sync) enum Goods {
    /// They wait for import.
    Wanted,
    /// There are none, or somebody else was quicker.
    Unwanted,
}

impl Scheduler {
    /// The answer's bytes are here; what they are worth is told with [`Scheduler::checked`].
    pub(in crate::block_sync) fn arrived(&mut self, id: FlightId, bytes: usize, now: MonoTime) {
        let Some(flight) = self.flights.get_mut(&id) else {
            return;
        };
        let took = now.since(flight.since);
        flight.stage = Stage::Checking { took, bytes };
        self.suppliers.answered(&flight.peer, flight.gap.count);
    }

    /// What the answer was worth, and the bytes of its good blocks. Those that are not good are asked for elsewhere.
    pub(in crate::block_sync) fn checked(
        &mut self,
        id: FlightId,
        worth: Worth,
        bytes: usize,
        now: MonoTime,
    ) -> Outcome {
        let nothing = Outcome {
            goods: Goods::Unwanted,
            overtaken: None,
        };
        let Some(Flight {
            peer,
            mut gap,
            twin,
            stage: Stage::Checking { took, .. },
            ..
        }) = self.flights.remove(&id)
        else {
            return nothing;
        };
        let (good, tried) = match worth {
            Worth::Good(0) | Worth::NotFound => (0, Some(Try::Lacks)),
            Worth::Good(good) => (good, None),
            Worth::ThenWrong(good) => (good, Some(Try::Failed)),
            Worth::Busy(_) => (0, Some(Try::Busy)),
            Worth::Useless => (0, Some(Try::Failed)),
        };
        match worth {
            Worth::NotFound | Worth::Good(0) => self.suppliers.lacks(&peer, gap.start, now),
            Worth::Busy(pause) => self.suppliers.busy(&peer, pause, now),
            Worth::Useless => self.suppliers.silent(&peer, gap.count, now),
            Worth::Good(_) | Worth::ThenWrong(_) => {}
        }
        let good = good.min(gap.count);
        if good == 0 {
            self.wanted_still(gap, twin, peer, tried.unwrap_or(Try::Failed));
            return nothing;
        }
        let is_short = self.is_short(good, bytes, &gap);
        if is_short && twin.is_some_and(|twin| self.flights.contains_key(&twin)) {
            self.wanted_still(gap, twin, peer, tried.unwrap_or(Try::Short));
            return nothing;
        }
        self.suppliers.delivered(&peer, good, took);
        if !is_short {
            self.pace.answered_after(took);
        }
        self.pace.block_bytes(bytes, good);
        self.pieces.insert(gap.start, Piece { count: good, bytes });
        if let Some(mut rest) = gap.take_rest(good) {
            // Whoever sends less than somebody else was about to must not be the one that is asked for the rest.
            if let Some(tried) = tried.or(twin.map(|_| Try::Lacks)) {
                rest.tried(peer, tried);
            }
            self.gaps.put(rest.start, rest);
        }
        Outcome {
            goods: Goods::Wanted,
            overtaken: self.drop_twin(id, twin, now),
        }
    }

    /// Whether an answer holds little of what was asked for, and is no full one: whoever sends that is quicker than others only because it
    /// sends less.
    fn is_short(&self, good: u64, bytes: usize, gap: &Gap) -> bool {
        good < gap.count.div_ceil(2) && bytes < self.bounds.reply_bytes / 2
    }

    /// The other request for the blocks that `id` brought is over. Returns it if it is under way.
    fn drop_twin(
        &mut self,
        id: FlightId,
        twin: Option<FlightId>,
        now: MonoTime,
    ) -> Option<FlightId> {
        let (twin, flight) = self.flights.remove_entry(&twin?)?;
        if flight.stage != Stage::UnderWay {
            return None;
        }
        // The second one had less time, so that it is not slow.
        if twin < id {
            self.suppliers.outrun(&flight.peer, flight.gap.count, now);
        } else {
            self.suppliers.answered(&flight.peer, flight.gap.count);
        }
        Some(twin)
    }

    /// `peer` brought nothing of `gap`. While the other request for it goes on, nothing is missing.
    fn wanted_still(&mut self, mut gap: Gap, twin: Option<FlightId>, peer: PeerId, tried: Try) {
        if let Some(twin) = twin.and_then(|twin| self.flights.get_mut(&twin)) {
            twin.twin = None;
            twin.gap.tried(peer, tried);
            return;
        }
        gap.tried(peer, tried);
        self.gaps.put(gap.start, gap);
    }

    /// The request brought nothing.
    pub(in crate::block_sync) fn failed(&mut self, id: FlightId, failure: Failure, now: MonoTime) {
        let Some(Flight {
            peer, gap, twin, ..
        }) = self.flights.remove(&id)
        else {
            return;
        };
        self.suppliers.answered(&peer, gap.count);
        let tried = match failure {
            Failure::Silent => {
                self.suppliers.silent(&peer, gap.count, now);
                Try::Silent
            }
            Failure::Useless => {
                self.suppliers.silent(&peer, gap.count, now);
                Try::Failed
            }
            Failure::Unsent => {
                self.suppliers.busy(&peer, self.bounds.pause, now);
                Try::Busy
            }
        };
        self.wanted_still(gap, twin, peer, tried);
    }
}
