use crate::{
    ports::{Executor, PeerId},
    serving::Turns,
};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// The making of one reply.
pub(super) type Answer = Box<dyn FnOnce() + Send>;

/// Proofs of states, made few at once (`state_proofs_at_once`): they are the dearest replies, and whoever answers them all at once
/// has no cores left for statuses and for its own chain. Those that wait are bounded by the meter, as all requests are.
#[derive(Clone)]
pub(super) struct Proofs {
    turns: Arc<Mutex<Turns<Answer>>>,
    executor: Arc<dyn Executor>,
}

impl fmt::Debug for Proofs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proofs").finish_non_exhaustive()
    }
}

impl Proofs {
    pub(super) fn new(at_once: usize, executor: Arc<dyn Executor>) -> Self {
        Self {
            turns: Arc::new(Mutex::new(Turns::new(at_once))),
            executor,
        }
    }

    /// Makes a reply for `peer` when its turn comes.
    pub(super) fn make(&self, peer: &PeerId, answer: Answer) {
        let now = self.change(|turns| turns.offer(peer, answer));
        if let Some(answer) = now {
            Turn(self.clone()).take(answer);
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Turns<Answer>) -> T) -> T {
        // Every change leaves it whole, so a panic elsewhere does not spoil it.
        change(&mut self.turns.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A turn. When it is dropped, also by a job that panics or is never run, the next one begins.
struct Turn(Proofs);

impl Turn {
    fn take(self, answer: Answer) {
        let executor = Arc::clone(&self.0.executor);
        executor.spawn_heavy(Box::new(move || {
            let _turn = self;
            answer();
        }));
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let next = self.0.change(Turns::ended);
        if let Some(answer) = next {
            Self(self.0.clone()).take(answer);
        }
    }
}
