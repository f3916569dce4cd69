use libp2p::{Multiaddr, PeerId, core::ConnectedPoint, multiaddr::Protocol};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The addresses at which this node reached its connected peers: those that it dialled, as an address from which a peer
/// came leads nowhere. Cheap to clone; all clones show the same.
#[derive(Clone, Debug, Default)]
pub struct ReachedAt(Arc<Mutex<BTreeMap<PeerId, Multiaddr>>>);

impl ReachedAt {
    fn map(&self) -> MutexGuard<'_, BTreeMap<PeerId, Multiaddr>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn connected(&self, peer: PeerId, endpoint: &ConnectedPoint) {
        if let ConnectedPoint::Dialer { address, .. } = endpoint {
            let address = match address.iter().last() {
                Some(Protocol::P2p(_)) => address.clone(),
                _ => address.clone().with(Protocol::P2p(peer)),
            };
            self.map().insert(peer, address);
        }
    }

    pub(super) fn disconnected(&self, peer: &PeerId) {
        self.map().remove(peer);
    }

    /// The addresses now, each ending in `/p2p/<peer id>`.
    pub fn list(&self) -> Vec<(PeerId, Multiaddr)> {
        let map = self.map();
        map.iter()
            .map(|(peer, address)| (*peer, address.clone()))
            .collect()
    }
}
