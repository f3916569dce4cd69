use futures::task::AtomicWaker;
use libp2p::PeerId;
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    task::Waker,
};

/// Why a connection was denied.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("peer {peer} is refused: it is banned, or not wanted for now")]
pub struct RefusedPeer {
    /// The peer.
    pub peer: PeerId,
}

/// The peers that are refused. Shared between the handle, which may not wait, and the behaviour.
#[derive(Debug)]
pub(super) struct Refusals {
    cap: usize,
    lists: Mutex<Lists>,
    waker: AtomicWaker,
}

#[derive(Debug, Default)]
struct Lists {
    /// In the order of refusal.
    refused: VecDeque<PeerId>,
    /// Those of them whose connections are yet to be closed.
    to_close: VecDeque<PeerId>,
}

impl Refusals {
    pub(super) fn new(cap: usize) -> Self {
        Self {
            cap: cap.max(1),
            lists: Mutex::default(),
            waker: AtomicWaker::new(),
        }
    }

    /// Refuses `peer` from now on. When the list is full, the peer refused longest ago makes room.
    pub(super) fn add(&self, peer: PeerId) {
        let mut lists = self.lists();
        if !lists.refused.contains(&peer) {
            if lists.refused.len() >= self.cap
                && let Some(oldest) = lists.refused.pop_front()
            {
                lists.to_close.retain(|other| *other != oldest);
            }
            lists.refused.push_back(peer);
        }
        if !lists.to_close.contains(&peer) {
            lists.to_close.push_back(peer);
        }
        drop(lists);
        self.waker.wake();
    }

    pub(super) fn remove(&self, peer: &PeerId) {
        let mut lists = self.lists();
        lists.refused.retain(|other| other != peer);
        lists.to_close.retain(|other| other != peer);
    }

    pub(super) fn check(&self, peer: PeerId) -> Result<(), RefusedPeer> {
        if self.lists().refused.contains(&peer) {
            Err(RefusedPeer { peer })
        } else {
            Ok(())
        }
    }

    /// The next peer whose connections are to be closed; wakes `waker` when there is a new one.
    pub(super) fn next_to_close(&self, waker: &Waker) -> Option<PeerId> {
        self.waker.register(waker);
        self.lists().to_close.pop_front()
    }

    fn lists(&self) -> MutexGuard<'_, Lists> {
        // Every change leaves the lists whole, so a panic elsewhere while the lock was held does no harm.
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
