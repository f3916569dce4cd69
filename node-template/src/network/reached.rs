use libp2p::{Multiaddr, PeerId, core::ConnectedPoint};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The addresses at which this node reaches its connected peers again: where it dialled them, or else where they say that they
/// listen, as an address from which a peer came leads nowhere. Cheap to clone; all clones show the same.
#[derive(Clone, Debug, Default)]
pub struct ReachedAt(Arc<Mutex<BTreeMap<PeerId, Place>>>);

#[derive(Clone, Debug)]
enum Place {
    Dialled(Multiaddr),
    Told(Multiaddr),
}

impl ReachedAt {
    fn map(&self) -> MutexGuard<'_, BTreeMap<PeerId, Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn connected(&self, peer: PeerId, endpoint: &ConnectedPoint) {
        if let ConnectedPoint::Dialer { address, .. } = endpoint
            && let Ok(address) = address.clone().with_p2p(peer)
        {
            self.map().insert(peer, Place::Dialled(address));
        }
    }

    /// `peer`, which is connected, says that it listens there.
    pub(super) fn told(&self, peer: PeerId, address: Multiaddr) {
        let mut map = self.map();
        if !matches!(map.get(&peer), Some(Place::Dialled(_))) {
            map.insert(peer, Place::Told(address));
        }
    }

    pub(super) fn disconnected(&self, peer: &PeerId) {
        self.map().remove(peer);
    }

    /// The addresses now, each ending in `/p2p/<peer id>`.
    pub fn list(&self) -> Vec<(PeerId, Multiaddr)> {
        let map = self.map();
        let place = |place: &Place| match place {
            Place::Dialled(address) | Place::Told(address) => address.clone(),
        };
        map.iter().map(|(peer, at)| (*peer, place(at))).collect()
    }
}
