use super::{Conduct, Sim};
use crate::{
    BlockId,
    block_id::number,
    ports::{NetworkEvent, PeerId, Protocol, ReadChain},
    serving::{Server, Told},
    settings::SyncSettings,
    test_kit::{Forge, MemoryNetwork, MemoryPort, ReferenceBridge, TestBlock, node::Task},
    wire::{
        Activity, AnnounceReply, AnnouncedPlace, Announcement, Attestation, BlocksReply,
        HeadersReply, RangeReply, RangeRequest, RefusedReason, Roles, StatusReply, busy_reply,
    },
};
use codec::{Compact, Decode, Encode};
use sp_consensus_aura::{Slot, digests::CompatibleDigestItem, sr25519::AuthoritySignature};
use sp_runtime::{
    DigestItem,
    traits::{Block as BlockT, Header as HeaderT, NumberFor},
};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::mpsc;

/// In what way a peer misbehaves. Where it does not, it answers as the real server does.
#[derive(Clone, Debug)]
pub enum Misbehaviour<B: BlockT> {
    /// In no way.
    Nothing,
    /// It answers nothing.
    Silent,
    /// It answers nothing on this protocol.
    SilentOn(Protocol),
    /// It says on this protocol that it is busy for so long.
    BusyOn(Protocol, Duration),
    /// It refuses every request for blocks.
    Refuses,
    /// It sends one block, however many are asked for.
    Trickles,
    /// It answers this much later.
    Slow(Duration),
    /// It claims this tip, whatever it has.
    ClaimsTip(BlockId<B>),
    /// It is of another chain.
    OtherGenesis,
    /// It says that it is syncing.
    SaysSyncing,
    /// It has none of these heights' bodies: what it sends ends below them.
    Lacks(Vec<u64>),
    /// It answers requests for blocks with silence if they are for one of these heights, too.
    Swallows(Vec<u64>),
    /// It answers no request for headers that begins above this height.
    KeepsHeadersAbove(u64),
    /// It serves this branch whatever parent was asked for.
    ServesBranch(Vec<B>),
    /// Its blocks have other bodies than their headers say.
    SwapsBodies,
    /// The seals of its headers are broken.
    BreaksSeals,
    /// Its headers are sealed by another authority than the slot's.
    WrongAuthority,
    /// It sends each item twice.
    Duplicates,
    /// Its ranges start one too high.
    Shifts,
    /// Its ranges come in reverse.
    Reverses,
    /// Its ranges hold no item.
    SendsNothing,
    /// Its replies are longer than any may be.
    Oversized,
    /// A byte too many at the end of its replies.
    TrailingByte,
    /// Its ranges say that they hold 2^32 - 1 items.
    HugeCount,
    /// Its replies are these bytes.
    Garbage(Vec<u8>),
}

impl<B: BlockT> Misbehaviour<B> {
    /// Whether anybody may ban it for this: bytes that prove it wrong. All else is no offence (SPEC section 3).
    pub fn conduct(&self) -> Conduct {
        match self {
            Self::Nothing
            | Self::Silent
            | Self::SilentOn(_)
            | Self::BusyOn(..)
            | Self::Refuses
            | Self::Trickles
            | Self::Slow(_)
            | Self::ClaimsTip(_)
            | Self::OtherGenesis
            | Self::SaysSyncing
            | Self::Lacks(_)
            | Self::Swallows(_)
            | Self::KeepsHeadersAbove(_) => Conduct::Honest,
            Self::ServesBranch(_)
            | Self::SwapsBodies
            | Self::BreaksSeals
            | Self::WrongAuthority
            | Self::Duplicates
            | Self::Shifts
            | Self::Reverses
            | Self::SendsNothing
            | Self::Oversized
            | Self::TrailingByte
            | Self::HugeCount
            | Self::Garbage(_) => Conduct::Faulty,
        }
    }
}

/// A peer that serves a chain and misbehaves. It follows nothing and asks nothing.
#[derive(Debug)]
pub struct SimPeer<B: BlockT> {
    /// Its id.
    pub id: PeerId,
    /// What it serves.
    pub chain: Arc<ReferenceBridge<B>>,
    network: MemoryNetwork,
    port: MemoryPort,
    service: Arc<Service<B>>,
    _task: Task,
}

impl<B: BlockT> Drop for SimPeer<B> {
    fn drop(&mut self) {
        self.network.stop(&self.id);
    }
}

impl<B: TestBlock> SimPeer<B> {
    pub(super) fn start(
        sim: &Sim<B>,
        id: PeerId,
        chain: Arc<ReferenceBridge<B>>,
        misbehaviour: Misbehaviour<B>,
    ) -> Self {
        let (sender, mut events) = mpsc::channel(4_096);
        let service = Arc::new(Service {
            chain: Arc::clone(&chain),
            server: Server::new(&sim.settings, Roles::Full),
            settings: sim.settings.clone(),
            forge: sim.forge.clone(),
            misbehaviour: Mutex::new(misbehaviour),
            claimed: Mutex::new(None),
            keeps_bodies: AtomicBool::new(false),
            pause: tokio::sync::Mutex::default(),
        });
        let serving = Arc::clone(&service);
        let task = Task::spawn(async move {
            while let Some(event) = events.recv().await {
                let NetworkEvent::Request {
                    protocol,
                    body,
                    reply,
                    ..
                } = event
                else {
                    continue;
                };
                let service = Arc::clone(&serving);
                // It never holds up its other answers.
                tokio::spawn(async move {
                    let bytes = service.answer(protocol, &body).await;
                    // The asker may have given up.
                    let _ = reply.send(bytes);
                });
            }
        });
        sim.network.start(id.clone(), sender);
        Self {
            port: sim.network.port(id.clone()),
            id,
            chain,
            network: sim.network.clone(),
            service,
            _task: task,
        }
    }

    /// From now on its status also claims this tip.
    pub fn claims(&self, tip: BlockId<B>) {
        *self.service.claimed() = Some(tip);
    }

    /// From now on it also answers no request for blocks.
    pub fn keeps_bodies(&self) {
        self.service.keeps_bodies.store(true, Ordering::Relaxed);
    }

    /// From now on it answers requests for blocks one after the other, and takes so long for each.
    pub async fn deals_bodies(&self, pause: Duration) {
        *self.service.pause.lock().await = pause;
    }

    /// From now on it misbehaves in another way.
    pub fn turns_to(&self, misbehaviour: Misbehaviour<B>) {
        *self.service.misbehaviour() = misbehaviour;
    }

    /// Pushes `header` to `node` as its best block.
    pub async fn announce(&self, node: &PeerId, header: B::Header) {
        self.push(node, header, AnnouncedPlace::Best, None).await;
    }

    /// The same, with an attestation.
    pub async fn announce_attested(
        &self,
        node: &PeerId,
        header: B::Header,
        attestation: Attestation<B>,
    ) {
        self.push(node, header, AnnouncedPlace::Best, Some(attestation))
            .await;
    }

    /// Pushes `header` to `node` as one of a branch that it does not claim to be on.
    pub async fn announce_fork(&self, node: &PeerId, header: B::Header) {
        self.push(node, header, AnnouncedPlace::Fork, None).await;
    }

    async fn push(
        &self,
        node: &PeerId,
        header: B::Header,
        place: AnnouncedPlace,
        attestation: Option<Attestation<B>>,
    ) {
        let announcement = Announcement::<B> {
            header,
            place,
            attestation,
        };
        let body = announcement.encode();
        let push = crate::ports::Network::request(&self.port, node, Protocol::Announce, body);
        // What the node thinks of it is what the scenario is about; a lost message waits for nothing.
        let _ = tokio::time::timeout(Duration::from_secs(5), push).await;
    }
}

struct Service<B: BlockT> {
    chain: Arc<ReferenceBridge<B>>,
    server: Server,
    settings: SyncSettings,
    forge: Forge,
    misbehaviour: Mutex<Misbehaviour<B>>,
    claimed: Mutex<Option<BlockId<B>>>,
    keeps_bodies: AtomicBool,
    /// Held while it pauses before an answer to a request for blocks.
    pause: tokio::sync::Mutex<Duration>,
}

impl<B: BlockT> std::fmt::Debug for Service<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").finish_non_exhaustive()
    }
}

impl<B: BlockT> Service<B> {
    fn misbehaviour(&self) -> MutexGuard<'_, Misbehaviour<B>> {
        self.misbehaviour
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn claimed(&self) -> MutexGuard<'_, Option<BlockId<B>>> {
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B: TestBlock> Service<B> {
    async fn answer(&self, protocol: Protocol, body: &[u8]) -> Vec<u8> {
        let honest = self.honest(protocol, body);
        let misbehaviour = self.misbehaviour().clone();
        if protocol == Protocol::Blocks {
            let pause = self.pause.lock().await;
            tokio::time::sleep(*pause).await;
        }
        match misbehaviour {
            Misbehaviour::Silent => std::future::pending().await,
            _ if protocol == Protocol::Blocks && self.keeps_bodies.load(Ordering::Relaxed) => {
                std::future::pending().await
            }
            Misbehaviour::SilentOn(silent) if silent == protocol => std::future::pending().await,
            Misbehaviour::Swallows(heights)
                if protocol == Protocol::Blocks && first_of::<B>(body, &heights).is_some() =>
            {
                std::future::pending().await
            }
            Misbehaviour::KeepsHeadersAbove(height)
                if protocol == Protocol::Headers && start_of::<B>(body) > Some(height) =>
            {
                std::future::pending().await
            }
            Misbehaviour::BusyOn(busy, time) if busy == protocol => busy_reply(protocol, time),
            Misbehaviour::Slow(by) => {
                tokio::time::sleep(by).await;
                honest
            }
            misbehaviour => {
                let bend = Bend {
                    service: self,
                    misbehaviour: &misbehaviour,
                };
                bend.answer(protocol, body, honest)
            }
        }
    }

    fn honest(&self, protocol: Protocol, body: &[u8]) -> Vec<u8> {
        let chain = self.chain.as_ref();
        match protocol {
            Protocol::Status => {
                let told = Told::doing(Activity::Serving);
                self.server.status::<B>(chain, told, body)
            }
            Protocol::Headers => self.server.headers::<B>(chain, body),
            Protocol::Blocks => self.server.blocks::<B>(chain, body),
            Protocol::State => self.server.state::<B>(chain, body),
            Protocol::Announce => AnnounceReply::Taken.encode(),
        }
    }
}

/// Where the lowest of these heights is in the range that a request asks for.
fn first_of<B: BlockT>(body: &[u8], heights: &[u64]) -> Option<usize> {
    let request = RangeRequest::<B>::decode(&mut &*body).ok()?;
    let start = crate::block_id::height::<B>(request.start);
    let above = heights
        .iter()
        .filter_map(|height| height.checked_sub(start));
    let first = above.min().filter(|at| *at < u64::from(request.count))?;
    usize::try_from(first).ok()
}

/// The first height that a request for a range asks for.
fn start_of<B: BlockT>(body: &[u8]) -> Option<u64> {
    let request = RangeRequest::<B>::decode(&mut &*body).ok();
    request.map(|request| crate::block_id::height::<B>(request.start))
}

/// Turns honest answers into what the misbehaviour makes of them.
struct Bend<'a, B: BlockT> {
    service: &'a Service<B>,
    misbehaviour: &'a Misbehaviour<B>,
}

impl<B: TestBlock> Bend<'_, B> {
    fn answer(&self, protocol: Protocol, body: &[u8], honest: Vec<u8>) -> Vec<u8> {
        match (self.misbehaviour, protocol) {
            (Misbehaviour::Lacks(heights), Protocol::Blocks) => {
                match first_of::<B>(body, heights) {
                    Some(0) => BlocksReply::<B>::NotFound {
                        lowest: number::<B>(0),
                        best: self.service.chain.best().number,
                    }
                    .encode(),
                    Some(hole) => shortened::<B>(honest, hole),
                    None => honest,
                }
            }
            (Misbehaviour::Refuses, Protocol::Blocks) => {
                BlocksReply::<B>::Refused(RefusedReason::TooMany).encode()
            }
            (_, Protocol::Status) => self.bent_status(honest),
            (Misbehaviour::ServesBranch(branch), Protocol::Headers | Protocol::Blocks) => {
                from_branch(branch, protocol, body)
            }
            (Misbehaviour::Trickles, Protocol::Blocks) => shortened::<B>(honest, 1),
            (Misbehaviour::Trickles, Protocol::Headers)
            | (_, Protocol::State | Protocol::Announce) => honest,
            (_, Protocol::Headers) => self.bent_items(honest, |header| self.bent_header(header)),
            (_, Protocol::Blocks) => self.bent_items(honest, |block| self.bent_block(block)),
        }
    }

    fn bent_status(&self, honest: Vec<u8>) -> Vec<u8> {
        if let Misbehaviour::Garbage(bytes) = self.misbehaviour {
            return bytes.clone();
        }
        let Ok(StatusReply::<B>::Status(mut status)) = Decode::decode(&mut honest.as_slice())
        else {
            return honest;
        };
        match self.misbehaviour {
            Misbehaviour::ClaimsTip(tip) => status.standing.best = *tip,
            Misbehaviour::OtherGenesis => status.genesis = B::Hash::default(),
            Misbehaviour::SaysSyncing => status.standing.activity = Activity::Syncing,
            _ => {}
        }
        if let Some(tip) = *self.service.claimed() {
            status.standing.best = tip;
            status.standing.below.clear();
        }
        StatusReply::Status(status).encode()
    }

    fn bent_items<T: Encode + Decode + Clone>(
        &self,
        honest: Vec<u8>,
        bend: impl Fn(T) -> T,
    ) -> Vec<u8> {
        let Ok(RangeReply::<T, NumberFor<B>>::Items(items)) =
            Decode::decode(&mut honest.as_slice())
        else {
            return honest;
        };
        let mut items: Vec<T> = items.into_iter().map(bend).collect();
        match self.misbehaviour {
            Misbehaviour::Duplicates => {
                items = items
                    .into_iter()
                    .flat_map(|item| [item.clone(), item])
                    .collect();
            }
            Misbehaviour::Shifts => {
                items.remove(0);
            }
            Misbehaviour::Reverses => items.reverse(),
            Misbehaviour::SendsNothing => items.clear(),
            Misbehaviour::Oversized => {
                let too_long = self.service.settings.limits.reply_hard_bytes + 1;
                return [honest, vec![0; too_long]].concat();
            }
            Misbehaviour::TrailingByte => return [honest, vec![0]].concat(),
            // The tag of the items, then their number.
            Misbehaviour::HugeCount => return [vec![0], Compact(u32::MAX).encode()].concat(),
            Misbehaviour::Garbage(bytes) => return bytes.clone(),
            _ => {}
        }
        RangeReply::<T, NumberFor<B>>::Items(items).encode()
    }

    fn bent_header(&self, header: B::Header) -> B::Header {
        match self.misbehaviour {
            Misbehaviour::BreaksSeals => with_seal(header, [7; 64]),
            Misbehaviour::WrongAuthority => self.sealed_by_another(header),
            _ => header,
        }
    }

    fn bent_block(&self, block: B) -> B {
        let (header, extrinsics) = block.deconstruct();
        match self.misbehaviour {
            Misbehaviour::SwapsBodies => B::new(header, vec![B::extrinsic(vec![1, 2, 3])]),
            _ => B::new(self.bent_header(header), extrinsics),
        }
    }

    /// The header with the seal of the authority whose turn comes next.
    fn sealed_by_another(&self, header: B::Header) -> B::Header {
        let slot = super::slot_of::<B>(&header).unwrap_or_default();
        let other = self.service.forge.turn(Slot::from(slot + 1));
        let mut unsealed = header;
        unsealed.digest_mut().pop();
        let seal = self.service.forge.seal(other, unsealed.hash().as_ref());
        unsealed.digest_mut().push(DigestItem::aura_seal(seal));
        unsealed
    }
}

fn with_seal<H: HeaderT>(mut header: H, bytes: [u8; 64]) -> H {
    header.digest_mut().pop();
    let seal = AuthoritySignature::from(sp_core::sr25519::Signature::from_raw(bytes));
    header.digest_mut().push(DigestItem::aura_seal(seal));
    header
}

/// Only so many of the blocks.
fn shortened<B: TestBlock>(honest: Vec<u8>, most: usize) -> Vec<u8> {
    match BlocksReply::<B>::decode(&mut honest.as_slice()) {
        Ok(BlocksReply::Items(mut blocks)) => {
            blocks.truncate(most);
            BlocksReply::Items(blocks).encode()
        }
        _ => honest,
    }
}

/// The range that was asked for, out of `branch`, whatever its parent.
fn from_branch<B: TestBlock>(branch: &[B], protocol: Protocol, body: &[u8]) -> Vec<u8> {
    let Ok(request) = RangeRequest::<B>::decode(&mut &*body) else {
        return Vec::new();
    };
    let blocks = branch
        .iter()
        .filter(|block| *block.header().number() >= request.start)
        .take(usize::try_from(request.count).unwrap_or(usize::MAX));
    if protocol == Protocol::Headers {
        let headers = blocks.map(|block| block.header().clone()).collect();
        HeadersReply::<B>::Items(headers).encode()
    } else {
        BlocksReply::<B>::Items(blocks.cloned().collect()).encode()
    }
}
