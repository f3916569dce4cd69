use crate::ports::PeerId;
use std::collections::VecDeque;

/// Work of one kind, of which only some is done at once; the rest waits. No I/O.
///
/// Whoever waits gets its turn peer by peer, so that one that asks for much delays the others by one piece of work each, not by all
/// that it asked for. Nothing is refused here: how much may wait, [`Meter`](super::Meter) decides.
#[derive(Debug)]
pub struct Turns<J> {
    at_once: usize,
    under_way: usize,
    /// Those whose work waits, the next one first; none without work.
    waiting: VecDeque<(PeerId, VecDeque<J>)>,
}

impl<J> Turns<J> {
    /// Work of which `at_once` pieces are done at once; at least one.
    pub fn new(at_once: usize) -> Self {
        Self {
            at_once: at_once.max(1),
            under_way: 0,
            waiting: VecDeque::new(),
        }
    }

    /// Work for `peer`. What is returned is to be done now, and [`Turns::ended`] called when it is.
    pub fn offer(&mut self, peer: &PeerId, work: J) -> Option<J> {
        if self.under_way < self.at_once {
            self.under_way += 1;
            return Some(work);
        }
        let mut waiting = self.waiting.iter_mut();
        match waiting.find(|(other, _)| other == peer) {
            Some((_, works)) => works.push_back(work),
            None => self
                .waiting
                .push_back((peer.clone(), VecDeque::from([work]))),
        }
        None
    }

    /// A piece of work has ended, well or not. What is returned is to be done now in its place.
    pub fn ended(&mut self) -> Option<J> {
        let next = self.next();
        if next.is_none() {
            self.under_way = self.under_way.saturating_sub(1);
        }
        next
    }

    fn next(&mut self) -> Option<J> {
        let (peer, mut works) = self.waiting.pop_front()?;
        let work = works.pop_front();
        if !works.is_empty() {
            self.waiting.push_back((peer, works));
        }
        work
    }
}
