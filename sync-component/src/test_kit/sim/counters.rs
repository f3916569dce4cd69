use crate::{
    ports::PeerId,
    wire::{Attestation, AttestedTip},
};
use sp_core::sr25519;
use sp_runtime::traits::Block as BlockT;
use std::collections::{BTreeMap, btree_map::Entry};

/// What each node has attested with its own key, by counter: whatever reaches another node has left its process (I11).
#[derive(Debug)]
pub(super) struct Counters<B: BlockT> {
    keys: BTreeMap<PeerId, sr25519::Public>,
    attested: BTreeMap<(PeerId, u64), AttestedTip<B>>,
}

impl<B: BlockT> Default for Counters<B> {
    fn default() -> Self {
        Self {
            keys: BTreeMap::new(),
            attested: BTreeMap::new(),
        }
    }
}

impl<B: BlockT> Counters<B> {
    /// `node` signs with `key`.
    pub(super) fn signs(&mut self, node: &PeerId, key: sr25519::Public) {
        self.keys.insert(node.clone(), key);
    }

    /// `attestation` left `node`. Returns what `node` attested with this counter before, if that was something else.
    pub(super) fn left(
        &mut self,
        node: &PeerId,
        attestation: &Attestation<B>,
    ) -> Option<AttestedTip<B>> {
        if self.keys.get(node) != Some(&attestation.authority) {
            return None;
        }
        match self.attested.entry((node.clone(), attestation.tip.counter)) {
            Entry::Vacant(free) => {
                free.insert(attestation.tip.clone());
                None
            }
            Entry::Occupied(known) => {
                (*known.get() != attestation.tip).then(|| known.get().clone())
            }
        }
    }
}
