use crate::{
    height_sync::AttestationNews,
    ports::PeerId,
    wire::{AnnouncedPlace, Announcement, Attestation},
};
use sp_core::sr25519;
use sp_runtime::traits::Block as BlockT;
use std::{
    collections::{BTreeMap, VecDeque},
    mem,
};

/// Which peer is being told of which best block, and of which attestations: one announcement per peer at a time, then the
/// newest block, with one attestation after the other. An attestation that waits gives way to a newer one of its authority,
/// so a slow peer's queue is never longer than there are authorities.
#[derive(Debug)]
pub(super) struct Announcer<B: BlockT> {
    newest: Option<B::Header>,
    peers: BTreeMap<PeerId, Told<B>>,
}

/// What a peer is told.
#[derive(Debug)]
struct Told<B: BlockT> {
    announcement: Announcing,
    block: Pending,
    /// Attestations that it has still to be told of, the oldest first.
    waiting: VecDeque<Attestation<B>>,
}

/// Whether an announcement to a peer is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Announcing {
    Nothing,
    UnderWay,
}

/// Whether a peer has still to be told of the newest best block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pending {
    Told,
    ToBeTold,
}

impl<B: BlockT> Default for Told<B> {
    fn default() -> Self {
        Self {
            announcement: Announcing::Nothing,
            block: Pending::Told,
            waiting: VecDeque::new(),
        }
    }
}

/// An announcement to send now.
pub(super) type Send<B> = (PeerId, Announcement<B>);

impl<B: BlockT> Announcer<B> {
    pub(super) fn new() -> Self {
        Self {
            newest: None,
            peers: BTreeMap::new(),
        }
    }

    /// We have a new best block: whatever is sent from now on names it, also an attestation that is only passed on. Returns the
    /// announcements to send now to those of `peers` that are not being told already; the others get it afterwards.
    pub(super) fn new_best(
        &mut self,
        header: B::Header,
        peers: impl IntoIterator<Item = PeerId>,
    ) -> Vec<Send<B>> {
        self.newest = Some(header);
        let mut sends = Vec::new();
        for peer in peers {
            self.peers.entry(peer.clone()).or_default().block = Pending::ToBeTold;
            sends.extend(self.next(&peer));
        }
        sends
    }

    /// `news` is to reach all of `peers` but the one that brought it. `best` is our best block, for those that nothing was
    /// announced to yet.
    pub(super) fn pass_on(
        &mut self,
        news: AttestationNews<B>,
        best: impl FnOnce() -> Option<B::Header>,
        peers: impl IntoIterator<Item = PeerId>,
    ) -> Vec<Send<B>> {
        if self.newest.is_none() {
            self.newest = best();
        }
        let AttestationNews { attestation, from } = news;
        let mut sends = Vec::new();
        for peer in peers {
            if Some(&peer) == from.as_ref() {
                continue;
            }
            let told = self.peers.entry(peer.clone()).or_default();
            told.wait(attestation.clone());
            sends.extend(self.next(&peer));
        }
        sends
    }

    /// `peer` was told, or did not listen. Returns the next announcement if there is one.
    pub(super) fn told(&mut self, peer: &PeerId) -> Option<Send<B>> {
        self.peers.get_mut(peer)?.announcement = Announcing::Nothing;
        let next = self.next(peer);
        if next.is_none() {
            self.peers.remove(peer);
        }
        next
    }

    /// Peers that are being told, and the most attestations that wait for one of them.
    #[cfg(feature = "test-kit")]
    pub(super) fn footprint(&self) -> (usize, usize) {
        let waiting = self.peers.values().map(|told| told.waiting.len());
        (self.peers.len(), waiting.max().unwrap_or(0))
    }

    fn next(&mut self, peer: &PeerId) -> Option<Send<B>> {
        let header = self.newest.clone()?;
        let told = self.peers.get_mut(peer)?;
        if told.announcement == Announcing::UnderWay {
            return None;
        }
        let attestation = told.waiting.pop_front();
        let block = mem::replace(&mut told.block, Pending::Told);
        if attestation.is_none() && block == Pending::Told {
            return None;
        }
        told.announcement = Announcing::UnderWay;
        let announcement = Announcement {
            header,
            place: AnnouncedPlace::Best,
            attestation,
        };
        Some((peer.clone(), announcement))
    }
}

impl<B: BlockT> Told<B> {
    fn wait(&mut self, attestation: Attestation<B>) {
        let authority: sr25519::Public = attestation.authority;
        self.waiting
            .retain(|waiting| waiting.authority != authority);
        self.waiting.push_back(attestation);
    }
}
