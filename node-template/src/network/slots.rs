use super::{Admission, plan::SlotCount, reach::Reach};
use libp2p::PeerId;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

/// Who is connected, and who may come in. Plain data. Counted are peers, not connections: two that dial each other at once
/// have two connections, and take the slot of the first.
#[derive(Debug)]
pub(super) struct Slots {
    admission: Admission,
    reserved: BTreeSet<PeerId>,
    connected: BTreeMap<PeerId, Link>,
}

/// How a peer is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// Who dialled.
    pub(super) direction: Direction,
    /// How far the peer's address leads; the whole world if that is not known.
    pub(super) reach: Reach,
    /// The peer's IP address, where there is one.
    pub(super) ip: Option<IpAddr>,
}

/// Who dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// The peer.
    Inbound,
    /// We.
    Outbound,
}

/// Why a peer is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TurnedAway {
    /// No slot is free.
    #[error(
        "all {most} slots for peers that dial us are taken; --in-peers sets how many there are"
    )]
    Full {
        /// How many there are.
        most: usize,
    },
    /// Only reserved nodes are.
    #[error("it is no reserved node, and --reserved-only lets nobody else in")]
    NotReserved,
}

/// How many peers may be dialled for ourselves, and whether anybody is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// Free outbound slots, dials under way aside.
    pub(super) free: usize,
    /// Whether anybody is connected.
    pub(super) company: Company,
}

/// Whether anybody is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Company {
    /// Nobody.
    Alone,
    /// Somebody.
    InTouch,
}

impl Slots {
    pub(super) fn new(admission: Admission, reserved: BTreeSet<PeerId>) -> Self {
        Self {
            admission,
            reserved,
            connected: BTreeMap::new(),
        }
    }

    /// Whether `peer`, which dialled us, may stay.
    pub(super) fn admit(&self, peer: &PeerId) -> Result<(), TurnedAway> {
        // A second connection takes no second slot.
        if self.reserved.contains(peer) || self.connected.contains_key(peer) {
            return Ok(());
        }
        match self.admission {
            Admission::ReservedOnly => Err(TurnedAway::NotReserved),
            Admission::Everyone(SlotCount { inbound, .. }) => {
                if self.taken(Direction::Inbound) < inbound {
                    Ok(())
                } else {
                    Err(TurnedAway::Full { most: inbound })
                }
            }
        }
    }

    /// The first connection to `peer` is up.
    pub(super) fn connected(&mut self, peer: PeerId, link: Link) {
        self.connected.insert(peer, link);
    }

    /// The last connection to `peer` is gone.
    pub(super) fn disconnected(&mut self, peer: &PeerId) {
        self.connected.remove(peer);
    }

    /// What may be dialled beside `dialling` dials for ourselves that are under way.
    pub(super) fn room(&self, dialling: usize) -> Room {
        let most = match self.admission {
            Admission::Everyone(slots) => slots.outbound,
            Admission::ReservedOnly => 0,
        };
        Room {
            free: most.saturating_sub(self.taken(Direction::Outbound).saturating_add(dialling)),
            company: if self.connected.is_empty() {
                Company::Alone
            } else {
                Company::InTouch
            },
        }
    }

    /// How `peer` is connected.
    pub(super) fn link(&self, peer: &PeerId) -> Option<Link> {
        self.connected.get(peer).copied()
    }

    /// How far the farthest connected peer is away.
    pub(super) fn widest(&self) -> Option<Reach> {
        self.connected.values().map(|link| link.reach).max()
    }

    fn taken(&self, direction: Direction) -> usize {
        self.connected
            .iter()
            .filter(|(peer, link)| link.direction == direction && !self.reserved.contains(*peer))
            .count()
    }
}
