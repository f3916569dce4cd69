use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};
use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError, RwLock},
};

/// The addresses at which peers reach this node, as they come and go. Cheap to clone; all clones show the same.
#[derive(Clone, Debug)]
pub struct ListenAddresses {
    ours: PeerId,
    addresses: Arc<RwLock<BTreeSet<Multiaddr>>>,
}

impl ListenAddresses {
    pub(super) fn new(ours: PeerId) -> Self {
        Self {
            ours,
            addresses: Arc::default(),
        }
    }

    pub(super) fn add(&self, address: Multiaddr) {
        let mut addresses = self
            .addresses
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        addresses.insert(address);
    }

    pub(super) fn remove(&self, address: &Multiaddr) {
        let mut addresses = self
            .addresses
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        addresses.remove(address);
    }

    /// The addresses now, each with `/p2p/<our peer id>`.
    pub fn list(&self) -> Vec<Multiaddr> {
        let addresses = self
            .addresses
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        addresses
            .iter()
            .map(|address| address.clone().with(Protocol::P2p(self.ours)))
            .collect()
    }
}
