use crate::{
    block_id::BlockId,
    ports::PeerId,
    wire::{AnnouncedPlace, Announcement},
};
use sp_runtime::traits::Block as BlockT;
use std::collections::BTreeMap;

/// Which peer is being told of which best block: one announcement per peer at a time, and then the newest.
#[derive(Debug)]
pub(super) struct Announcer<B: BlockT> {
    newest: Option<Announcement<B>>,
    under_way: BTreeMap<PeerId, BlockId<B>>,
}

impl<B: BlockT> Announcer<B> {
    pub(super) fn new() -> Self {
        Self {
            newest: None,
            under_way: BTreeMap::new(),
        }
    }

    /// We have a new best block. Returns the announcements to send now to those of `peers` that are not being told
    /// already; the others get it afterwards.
    pub(super) fn new_best(
        &mut self,
        header: B::Header,
        peers: impl IntoIterator<Item = PeerId>,
    ) -> Vec<(PeerId, Announcement<B>)> {
        let best = BlockId::of(&header);
        let announcement = Announcement {
            header,
            place: AnnouncedPlace::Best,
            attestation: None,
        };
        self.newest = Some(announcement.clone());
        let mut sends = Vec::new();
        for peer in peers {
            if !self.under_way.contains_key(&peer) {
                self.under_way.insert(peer.clone(), best);
                sends.push((peer, announcement.clone()));
            }
        }
        sends
    }

    /// `peer` was told, or did not listen. Returns a newer announcement if there is one by now.
    pub(super) fn told(&mut self, peer: &PeerId) -> Option<Announcement<B>> {
        let told = self.under_way.remove(peer)?;
        let newest = self.newest.clone()?;
        let best = BlockId::of(&newest.header);
        if best == told {
            return None;
        }
        self.under_way.insert(peer.clone(), best);
        Some(newest)
    }
}
