use super::connection::{Connection, Held};
use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Most connections at once, as with Substrate. Too low: tools are refused; too high: callers fill our memory.
pub(super) const CONNECTIONS: usize = 100;

/// How many of them callers from elsewhere never get, so that this machine's operator is heard whatever they do.
const OF_THIS_MACHINE: usize = 10;

/// Who is connected. When all places are taken, the connection for which nothing is under way and that was silent for the
/// longest makes room; when each is worked for, the new one is turned away.
#[derive(Debug, Default)]
pub(super) struct Places {
    held: Arc<Held>,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    by: BTreeMap<u64, Arc<Connection>>,
}

/// A place; free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    id: u64,
}

impl Places {
    /// A place for a connection from this address, if there is one.
    pub(super) fn take(self: &Arc<Self>, from: IpAddr) -> Option<(Arc<Connection>, Place)> {
        let from = from.to_canonical();
        let mut taken = self.taken();
        let rivals = taken.by.iter().filter(|(_, other)| {
            // Whoever comes from elsewhere takes no place of somebody here.
            from.is_loopback() || !other.from().is_loopback()
        });
        let most = if from.is_loopback() {
            CONNECTIONS
        } else {
            CONNECTIONS - OF_THIS_MACHINE
        };
        if rivals.clone().count() >= most || taken.by.len() >= CONNECTIONS {
            let idle = rivals.filter_map(|(id, other)| Some((other.idleness()?, *id)));
            let (_, id) = idle.min()?;
            if let Some(idle) = taken.by.remove(&id) {
                idle.cut();
            }
        }
        let id = taken.next;
        taken.next += 1;
        let connection = Arc::new(Connection::new(from, Arc::clone(&self.held)));
        taken.by.insert(id, Arc::clone(&connection));
        drop(taken);
        let place = Place {
            places: Arc::clone(self),
            id,
        };
        Some((connection, place))
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        // Every change leaves it whole, so a panic elsewhere does not spoil it.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.taken().by.remove(&self.id);
    }
}
