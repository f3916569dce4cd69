use super::{
    Entry, Origin, Pool, Refusal,
    message::{Answer, BadBody, decode},
};
use crate::{
    Block,
    network::{Arrived, NotDelivered, Pushing},
};
use codec::{DecodeAll, Encode};
use futures::{StreamExt, future::join, stream::FuturesUnordered};
use sp_consensus::SyncOracle;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use sync_component::{
    NetworkSyncManager,
    ports::{Clock, MonoTime, PeerId},
};
use tokio::sync::mpsc;

/// How many bytes of transfers go into one body.
const BODY_BYTES: usize = 128 * 1024;

/// How often it is looked for something to send if nothing tells of it.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How often all that is still in the pool is offered again: a peer may have had no room, or lost it in a restart.
const OFFER_AGAIN: Duration = Duration::from_mins(1);

/// When a peer whose pool is full is asked again.
const WHEN_FULL: Duration = Duration::from_secs(1);

/// When a peer that cannot be reached is tried again.
const WHEN_SILENT: Duration = Duration::from_secs(10);

/// For how long nothing is taken of a peer that sent a bad signature: checking them is what costs.
const WHEN_BAD: Duration = Duration::from_mins(1);

/// Sends what comes into the pool to all peers, and takes in what they send.
#[derive(Debug)]
pub struct Gossip {
    /// The pool.
    pub pool: Arc<Pool>,
    /// Who is connected.
    pub manager: Arc<NetworkSyncManager<Block>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    pub(crate) pushing: Pushing,
    pub(crate) arrivals: mpsc::Receiver<Arrived>,
}

impl Gossip {
    /// Never returns.
    pub async fn run(self) {
        let taking = Taking {
            pool: Arc::clone(&self.pool),
            manager: Arc::clone(&self.manager),
            clock: Arc::clone(&self.clock),
        };
        let sending = Sending {
            pool: self.pool,
            manager: self.manager,
            clock: self.clock,
            pushing: self.pushing,
            peers: BTreeMap::new(),
        };
        join(taking.run(self.arrivals), sending.run()).await;
    }
}

struct Sending {
    pool: Arc<Pool>,
    manager: Arc<NetworkSyncManager<Block>>,
    clock: Arc<dyn Clock>,
    pushing: Pushing,
    peers: BTreeMap<PeerId, Sent>,
}

/// What a peer was sent.
#[derive(Debug)]
struct Sent {
    /// The arrival number of the last one.
    until: u64,
    state: SendState,
    /// When it began with the first.
    began: MonoTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SendState {
    Idle,
    UnderWay,
    NotBefore(MonoTime),
}

/// One body's way.
struct Delivered {
    peer: PeerId,
    /// The arrival numbers of what was in it.
    arrivals: Vec<u64>,
    answer: Result<Vec<u8>, NotDelivered>,
}

impl Sending {
    async fn run(mut self) {
        let mut under_way = FuturesUnordered::new();
        loop {
            self.know_peers();
            for (peer, arrivals, body) in self.due() {
                let pushing = self.pushing.clone();
                under_way.push(async move {
                    let answer = pushing.push(&peer, body).await;
                    Delivered {
                        peer,
                        arrivals,
                        answer,
                    }
                });
            }
            tokio::select! {
                Some(delivered) = under_way.next() => self.delivered(delivered),
                () = self.pool.changed() => {}
                () = self.clock.sleep(LOOK_EVERY) => {}
            }
        }
    }

    fn know_peers(&mut self) {
        let now = self.clock.now();
        let connected: BTreeSet<PeerId> = self
            .manager
            .peers()
            .into_iter()
            .map(|report| report.peer)
            .collect();
        self.peers.retain(|peer, _| connected.contains(peer));
        for peer in connected {
            let sent = self.peers.entry(peer).or_insert(Sent {
                until: 0,
                state: SendState::Idle,
                began: now,
            });
            if now.since(sent.began) > OFFER_AGAIN {
                sent.until = 0;
                sent.began = now;
            }
        }
    }

    fn due(&mut self) -> Vec<(PeerId, Vec<u64>, Vec<u8>)> {
        let now = self.clock.now();
        let mut due = Vec::new();
        for (peer, sent) in &mut self.peers {
            let is_due = match sent.state {
                SendState::Idle => true,
                SendState::UnderWay => false,
                SendState::NotBefore(time) => time <= now,
            };
            if !is_due {
                continue;
            }
            let Body {
                passed,
                arrivals,
                bytes: body,
            } = self
                .pool
                .reading(|queue| body(queue.after(sent.until), peer));
            sent.until = passed.unwrap_or(sent.until);
            sent.state = SendState::Idle;
            if !arrivals.is_empty() {
                sent.state = SendState::UnderWay;
                due.push((peer.clone(), arrivals, body));
            }
        }
        due
    }

    fn delivered(&mut self, delivered: Delivered) {
        let now = self.clock.now();
        let Some(sent) = self.peers.get_mut(&delivered.peer) else {
            return;
        };
        let answer = delivered.answer.ok();
        let answer = answer.and_then(|body| Answer::decode_all(&mut body.as_slice()).ok());
        sent.state = match answer {
            Some(Answer::Taken(count)) => {
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                let last = count.min(delivered.arrivals.len()).checked_sub(1);
                let last = last.and_then(|last| delivered.arrivals.get(last));
                sent.until = last.copied().unwrap_or(sent.until);
                if count < delivered.arrivals.len() {
                    SendState::NotBefore(now.plus(WHEN_FULL))
                } else {
                    SendState::Idle
                }
            }
            Some(Answer::Busy(millis)) => {
                let pause = Duration::from_millis(millis.into()).clamp(WHEN_FULL, OFFER_AGAIN);
                SendState::NotBefore(now.plus(pause))
            }
            None => SendState::NotBefore(now.plus(WHEN_SILENT)),
        };
    }
}

/// What is next to be sent to a peer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Body {
    /// The arrival number of the last one before the first that is sent: it came from the peer itself, and is not looked at
    /// again.
    pub(super) passed: Option<u64>,
    /// The arrival numbers of what is sent.
    pub(super) arrivals: Vec<u64>,
    /// That, encoded.
    pub(super) bytes: Vec<u8>,
}

/// As many as fit into one body, without what `peer` itself sent.
pub(super) fn body<'a>(entries: impl Iterator<Item = &'a Entry>, peer: &PeerId) -> Body {
    let mut bytes = 0;
    let mut passed = None;
    let mut arrivals = Vec::new();
    let mut extrinsics = Vec::new();
    for entry in entries {
        if matches!(&entry.candidate.origin, Origin::Peer(from) if from == peer) {
            if arrivals.is_empty() {
                passed = Some(entry.arrival);
            }
            continue;
        }
        bytes += entry.candidate.bytes;
        if bytes > BODY_BYTES && !arrivals.is_empty() {
            break;
        }
        arrivals.push(entry.arrival);
        extrinsics.push(&entry.candidate.extrinsic);
    }
    Body {
        passed,
        arrivals,
        bytes: extrinsics.encode(),
    }
}

struct Taking {
    pool: Arc<Pool>,
    manager: Arc<NetworkSyncManager<Block>>,
    clock: Arc<dyn Clock>,
}

impl Taking {
    async fn run(self, mut arrivals: mpsc::Receiver<Arrived>) {
        let mut on_hold: BTreeMap<PeerId, MonoTime> = BTreeMap::new();
        while let Some(Arrived { peer, body, reply }) = arrivals.recv().await {
            let now = self.clock.now();
            on_hold.retain(|_, until| *until > now);
            // The state of an old block says nothing about what applies.
            let answer = if self.manager.is_major_syncing() || on_hold.contains_key(&peer) {
                Answer::Busy(millis(WHEN_SILENT))
            } else {
                let pool = Arc::clone(&self.pool);
                let from = peer.clone();
                let work = tokio::task::spawn_blocking(move || take(&pool, &from, &body)).await;
                match work {
                    Ok(Ok(answer)) => answer,
                    Ok(Err(BadBody)) => {
                        tracing::debug!(%peer, "a peer sent transfers that are none; nothing is taken of it for a while");
                        on_hold.insert(peer, now.plus(WHEN_BAD));
                        Answer::Busy(millis(WHEN_BAD))
                    }
                    // A panic in it is logged by the runtime.
                    Err(_) => Answer::Busy(millis(WHEN_SILENT)),
                }
            };
            // The peer may be gone.
            let _ = reply.send(answer.encode());
        }
        std::future::pending::<()>().await;
    }
}

fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

fn take(pool: &Pool, peer: &PeerId, body: &[u8]) -> Result<Answer, BadBody> {
    let extrinsics = decode(body)?;
    let mut taken: u32 = 0;
    for extrinsic in extrinsics {
        match pool.submit(extrinsic, Origin::Peer(peer.clone())) {
            Err(Refusal::BadSignature | Refusal::NotSigned) => return Err(BadBody),
            Err(Refusal::Full { .. } | Refusal::Stopping) => break,
            Err(Refusal::Local(error)) => {
                tracing::warn!(%error, "a peer's transfer could not be checked");
                break;
            }
            // What does not apply here and now may do so there: nobody's fault.
            Ok(_) | Err(_) => taken = taken.saturating_add(1),
        }
    }
    Ok(Answer::Taken(taken))
}
