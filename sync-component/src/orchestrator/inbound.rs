use super::proofs::{Answer, Proofs};
use crate::{
    attestation::ATTESTATIONS_PER_SLOT,
    context::SyncContext,
    ports::{Bridge, Executor, MonoTime, PeerId, Protocol},
    serving::{Admission, Meter, Server, Told},
    settings::SyncSettings,
    wire::{AnnounceReply, Announcement, RefusedReason, Roles, WireLimits, busy_reply},
};
use codec::Encode;
use futures::channel::oneshot;
use sp_runtime::traits::Block as BlockT;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// After what time to ask again a node whose store is being exchanged: it is away for some tenths of a second.
const BACK_SOON: Duration = Duration::from_secs(1);

/// What peers ask of us: metered, answered off the async threads, states few at once, announcements capped per peer and slot.
#[derive(Debug)]
pub(super) struct Inbound {
    server: Server,
    limits: WireLimits,
    meter: Mutex<Meter>,
    proofs: Proofs,
    announcements: Mutex<AnnouncementCap>,
}

#[derive(Debug)]
struct AnnouncementCap {
    most: u32,
    /// As many peers are counted in a slot as may be connected, and as many that came and went.
    most_peers: usize,
    slot: MonoTime,
    counts: BTreeMap<PeerId, u32>,
}

impl Inbound {
    pub(super) fn new(settings: &SyncSettings, roles: Roles, executor: Arc<dyn Executor>) -> Self {
        let cap = AnnouncementCap {
            most: settings.limits.announcements_per_slot,
            most_peers: settings.limits.max_peers.saturating_mul(2),
            slot: MonoTime(Duration::ZERO),
            counts: BTreeMap::new(),
        };
        Self {
            server: Server::new(settings, roles),
            limits: WireLimits::new(settings),
            meter: Mutex::new(Meter::new(settings)),
            proofs: Proofs::new(settings.limits.state_proofs_at_once, executor),
            announcements: Mutex::new(cap),
        }
    }

    /// What this node tells its peers to be.
    pub(super) fn roles(&self) -> Roles {
        self.server.roles()
    }

    /// Answers a request for data, soon and on another thread.
    pub(super) fn serve<B: BlockT>(
        self: &Arc<Self>,
        context: &SyncContext<B>,
        told: Told<B>,
        peer: &PeerId,
        protocol: Protocol,
        body: Vec<u8>,
        reply: oneshot::Sender<Vec<u8>>,
    ) {
        let admission = self
            .meter
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .admit(peer, protocol);
        let ticket = match admission {
            Admission::Admitted(ticket) => ticket,
            Admission::Busy { retry_after } => {
                // The peer may be gone by now; then nobody needs the reply.
                let _ = reply.send(busy_reply(protocol, retry_after));
                return;
            }
        };
        let inbound = Arc::clone(self);
        // What waits for its turn holds no store open: that one may be about to be exchanged.
        let bridge = Arc::downgrade(&context.bridge);
        let answer: Answer = Box::new(move || {
            // Nobody waits any more for an answer of which the connection is gone.
            if !reply.is_canceled() {
                let bytes = match bridge.upgrade() {
                    Some(chain) => inbound.answer::<B>(chain.as_ref(), told, protocol, &body),
                    None => busy_reply(protocol, BACK_SOON),
                };
                let _ = reply.send(bytes);
            }
            inbound
                .meter
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .release(ticket);
        });
        if protocol == Protocol::State {
            self.proofs.make(peer, answer);
        } else {
            context.executor.spawn_heavy(answer);
        }
    }

    fn answer<B: BlockT>(
        &self,
        chain: &dyn Bridge<B>,
        told: Told<B>,
        protocol: Protocol,
        body: &[u8],
    ) -> Vec<u8> {
        match protocol {
            Protocol::Headers => self.server.headers::<B>(chain, body),
            Protocol::Blocks => self.server.blocks::<B>(chain, body),
            Protocol::State => self.server.state::<B>(chain, body),
            Protocol::Status | Protocol::Announce => self.server.status::<B>(chain, told, body),
        }
    }

    /// Decodes an announcement and says what to answer; `Err` holds the answer to one that is not looked at.
    pub(super) fn announcement<B: BlockT>(
        &self,
        peer: &PeerId,
        body: &[u8],
        now: MonoTime,
        slot: Duration,
        authorities: usize,
    ) -> Result<Announcement<B>, AnnounceReply> {
        if !self
            .announcements
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .admits(peer, now, slot, authorities)
        {
            let retry_after_ms = u32::try_from(slot.as_millis()).unwrap_or(u32::MAX);
            return Err(AnnounceReply::Busy { retry_after_ms });
        }
        let decoded = self.limits.decode_announcement(body);
        decoded.map_err(|_| AnnounceReply::Refused(RefusedReason::Undecodable))
    }

    /// Peers whose announcements of this slot are counted, and how many may be.
    #[cfg(feature = "test-kit")]
    pub(super) fn announcers(&self) -> (usize, usize) {
        let cap = self.announcements.lock();
        let cap = cap.unwrap_or_else(PoisonError::into_inner);
        (cap.counts.len(), cap.most_peers)
    }
}

impl AnnouncementCap {
    /// All attestations of a slot that are taken and passed on come on top.
    fn admits(&mut self, peer: &PeerId, now: MonoTime, slot: Duration, authorities: usize) -> bool {
        let attestations = u32::try_from(authorities)
            .unwrap_or(u32::MAX)
            .saturating_mul(ATTESTATIONS_PER_SLOT);
        if now.since(self.slot) >= slot {
            self.slot = now;
            self.counts.clear();
        }
        if self.counts.len() >= self.most_peers && !self.counts.contains_key(peer) {
            // Whoever said least loses least.
            let least = self.counts.iter().min_by_key(|(_, count)| **count);
            if let Some(least) = least.map(|(peer, _)| peer.clone()) {
                self.counts.remove(&least);
            }
        }
        let count = self.counts.entry(peer.clone()).or_insert(0);
        *count = count.saturating_add(1);
        *count <= self.most.saturating_add(attestations)
    }
}

/// The bytes of an answer to an announcement.
pub(super) fn announce_reply(reply: AnnounceReply) -> Vec<u8> {
    reply.encode()
}
