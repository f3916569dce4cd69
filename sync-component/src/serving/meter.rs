use crate::{
    ports::{PeerId, Protocol},
    settings::SyncSettings,
};
use std::{collections::BTreeMap, time::Duration};

/// After how long a peer that was over its share may ask again. Replies leave within milliseconds when all is well.
const RETRY_WHEN_FULL: Duration = Duration::from_millis(250);

/// How many times `requests_per_peer` a peer may have under way with us. A peer counts its own request as done when it
/// reads the reply, we when the last byte has left; the second half bridges that.
const SLACK: usize = 2;

/// Shares out the answering of requests, by what is *under way*: from the moment a request is admitted until its reply
/// has left this machine.
///
/// Work-conserving and fair with one rule: a heavy request (headers, blocks, state) is admitted while its peer has fewer bytes
/// under way than are still free of `serving_bytes`. A peer alone may fill half of it, which no link can empty faster
/// than we fill it; n busy peers each settle at 1/(n + 1). Light requests weigh nothing, so that blocks never delay a
/// status. The state is bounded: an entry exists only while something is under way.
#[derive(Debug)]
pub struct Meter {
    serving_bytes: usize,
    reserve: usize,
    requests_at_once: usize,
    used: usize,
    bytes: BTreeMap<PeerId, usize>,
    requests: BTreeMap<(PeerId, Protocol), usize>,
}

/// Whether a request is to be answered now.
#[derive(Debug)]
pub enum Admission {
    /// Answer it, and hand the ticket back with [`Meter::release`] when the reply has left or failed.
    Admitted(Ticket),
    /// Tell the peer to come back.
    Busy {
        /// After how long.
        retry_after: Duration,
    },
}

/// An admitted request.
#[derive(Debug)]
#[must_use = "without `Meter::release` its share is never given back"]
pub struct Ticket {
    peer: PeerId,
    protocol: Protocol,
    bytes: usize,
}

impl Meter {
    /// A meter that keeps to `serving_bytes` and `requests_per_peer`.
    pub fn new(settings: &SyncSettings) -> Self {
        let limits = &settings.limits;
        Self {
            serving_bytes: limits.serving_bytes,
            reserve: limits.reply_soft_bytes,
            requests_at_once: limits.requests_per_peer.saturating_mul(SLACK),
            used: 0,
            bytes: BTreeMap::new(),
            requests: BTreeMap::new(),
        }
    }

    /// Decides about a request of `peer` on `protocol`. Until the length of its reply is known it weighs
    /// `reply_soft_bytes`.
    pub fn admit(&mut self, peer: &PeerId, protocol: Protocol) -> Admission {
        let busy = Admission::Busy {
            retry_after: RETRY_WHEN_FULL,
        };
        let key = (peer.clone(), protocol);
        if self
            .requests
            .get(&key)
            .is_some_and(|n| *n >= self.requests_at_once)
        {
            return busy;
        }
        let weight = match protocol {
            Protocol::Status | Protocol::Announce => 0,
            Protocol::Headers | Protocol::Blocks | Protocol::State => self.reserve,
        };
        let held = self.bytes.get(peer).copied().unwrap_or(0);
        if weight > 0 && held >= self.serving_bytes.saturating_sub(self.used) {
            return busy;
        }
        *self.requests.entry(key).or_default() += 1;
        let mut ticket = Ticket {
            peer: peer.clone(),
            protocol,
            bytes: 0,
        };
        self.weigh(&mut ticket, weight);
        Admission::Admitted(ticket)
    }

    /// The reply is made and `bytes` long.
    pub fn settle(&mut self, ticket: &mut Ticket, bytes: usize) {
        match ticket.protocol {
            Protocol::Status | Protocol::Announce => {}
            Protocol::Headers | Protocol::Blocks | Protocol::State => self.weigh(ticket, bytes),
        }
    }

    /// The reply has left, or never will.
    pub fn release(&mut self, mut ticket: Ticket) {
        self.weigh(&mut ticket, 0);
        let key = (ticket.peer, ticket.protocol);
        if let Some(count) = self.requests.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.requests.remove(&key);
            }
        }
    }

    /// Bytes under way over all peers.
    pub fn bytes_under_way(&self) -> usize {
        self.used
    }

    fn weigh(&mut self, ticket: &mut Ticket, bytes: usize) {
        let held = self.bytes.get(&ticket.peer).copied().unwrap_or(0);
        let held = (held - ticket.bytes).saturating_add(bytes);
        self.used = (self.used - ticket.bytes).saturating_add(bytes);
        if held == 0 {
            self.bytes.remove(&ticket.peer);
        } else {
            self.bytes.insert(ticket.peer.clone(), held);
        }
        ticket.bytes = bytes;
    }
}
