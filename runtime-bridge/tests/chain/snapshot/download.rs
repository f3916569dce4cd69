//! The strategy over real stores: peers that serve, lie, forget and vanish, on a network in memory and in virtual time.

mod again;
mod faults;
mod gone;
mod lies;
mod lowest;
mod pace;

use super::{Bridge, MAX_REORG, World, over};
use crate::support::{Block, honest, id, memory, rocksdb, spec};
use codec::{Decode, Encode};
use kvdb::KeyValueDB;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use sync_component::{
    BlockId, SyncContext, SyncSettings,
    chain_sync::{
        BackupName, FullChain, MultiSource, ResyncError, ResyncJob, ResyncWatch, Snapshot, Source,
        SourceFault, Stage, Staging, StoreId, Swap, Voucher,
    },
    observer::Unobserved,
    peers::{Ledger, PeerClient},
    ports::{
        BridgeError, BuildSnapshots, ImportBlocks, NetworkEvent, PeerId, ProofBudget, Protocol,
        ReadChain, StateStanding, UnixMillis,
    },
    registry::ResyncStrategy,
    serving::Server,
    test_kit::{InlineExecutor, Link, MemoryNetwork, SeededRandomness, VirtualClock},
    wire::{RangeReply, Roles, StateReply, StateRequest},
};
use tokio::sync::mpsc;

/// Long after the slots of all blocks.
const WALL: UnixMillis = UnixMillis(1_790_000_000_000);

/// What a peer makes of its honest answers.
type Bend = dyn Fn(Protocol, &[u8], Vec<u8>) -> Option<Vec<u8>> + Send + Sync;

/// Whether the disk has room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    Enough,
    None,
}

/// A staged chain without files.
#[derive(Debug)]
struct Staged(Arc<Bridge>, Room);

impl Staging<Block> for Staged {
    fn open(&self) -> Result<Arc<dyn sync_component::ports::Bridge<Block>>, BridgeError> {
        Ok(self.0.clone())
    }

    fn renew(&self) -> Result<(), BridgeError> {
        let held = std::io::Error::from(std::io::ErrorKind::ResourceBusy);
        Err(BridgeError::new(held))
    }

    fn room(&self) -> Result<(), BridgeError> {
        match self.1 {
            Room::Enough => Ok(()),
            Room::None => Err(BridgeError::new(std::io::Error::from(
                std::io::ErrorKind::StorageFull,
            ))),
        }
    }

    fn enter(&self, _: Stage) -> Result<(), BridgeError> {
        Ok(())
    }

    fn exchange(&self) -> Result<Swap, BridgeError> {
        Ok(Swap {
            live: None,
            staged: StoreId(String::new()),
            backup: BackupName(String::new()),
        })
    }
}

/// How late which answers leave.
#[derive(Clone, Copy)]
struct Late(Protocol, Duration);

struct Net {
    network: MemoryNetwork,
    client: PeerClient<Block>,
    settings: Arc<SyncSettings>,
    sources: Vec<Source>,
    me: PeerId,
    watch: ResyncWatch,
    room: Room,
    /// Requests by peer and protocol.
    asked: Arc<Mutex<BTreeMap<(PeerId, Protocol), u32>>>,
}

fn settings() -> SyncSettings {
    let mut settings = spec(super::AUTHORITIES, MAX_REORG).sync;
    // Small pieces, so that something can happen between two.
    settings.limits.reply_soft_bytes = 700;
    settings.limits.headers_per_request = 16;
    settings
}

impl Net {
    fn new() -> Self {
        let network = MemoryNetwork::new(1);
        let me = PeerId::from_bytes(b"me");
        let settings = settings();
        let clock = Arc::new(VirtualClock::starting_at(WALL));
        let (banned, _) = mpsc::unbounded_channel();
        let client = PeerClient::new(
            Arc::new(network.port(me.clone())),
            clock,
            Arc::new(Unobserved),
            &settings,
            Ledger::new(&settings.limits),
            banned,
        );
        let (events, _) = mpsc::channel(16);
        network.start(me.clone(), events);
        Self {
            network,
            client,
            settings: Arc::new(settings),
            sources: Vec::new(),
            me,
            watch: ResyncWatch::default(),
            room: Room::Enough,
            asked: Arc::default(),
        }
    }

    /// A source that serves `chain`, bent.
    async fn source(&mut self, name: &str, chain: Arc<Bridge>, bend: Arc<Bend>) -> PeerId {
        self.late_source(name, chain, bend, Late(Protocol::State, Duration::ZERO))
            .await
    }

    /// The same, with answers that leave late.
    async fn late_source(
        &mut self,
        name: &str,
        chain: Arc<Bridge>,
        bend: Arc<Bend>,
        late: Late,
    ) -> PeerId {
        let peer = PeerId::from_bytes(name.as_bytes());
        let (events, mut inbox) = mpsc::channel(64);
        self.network.start(peer.clone(), events);
        self.network.connect(&self.me, &peer, Link::lan());
        let server = Server::new(&self.settings, Roles::Full);
        let (asked, me, genesis) = (self.asked.clone(), peer.clone(), chain.genesis_hash());
        tokio::spawn(async move {
            // Whoever asked waits in vain; a reply that is dropped breaks the connection.
            let mut unanswered = Vec::new();
            while let Some(event) = inbox.recv().await {
                let NetworkEvent::Request {
                    protocol,
                    body,
                    reply,
                    ..
                } = event
                else {
                    continue;
                };
                *asked
                    .lock()
                    .unwrap()
                    .entry((me.clone(), protocol))
                    .or_default() += 1;
                let honest = honest(&server, chain.as_ref(), protocol, &body);
                let Some(answer) = bend(protocol, &body, honest) else {
                    unanswered.push(reply);
                    continue;
                };
                match late {
                    Late(which, pause) if which == protocol && !pause.is_zero() => {
                        tokio::spawn(async move {
                            tokio::time::sleep(pause).await;
                            let _ = reply.send(answer);
                        });
                    }
                    Late(..) => drop(reply.send(answer)),
                }
            }
        });
        let now = sync_component::ports::MonoTime(Duration::ZERO);
        self.client.table().connected(peer.clone(), now);
        let told = self.client.status(&peer, genesis, Duration::from_secs(5));
        told.await.unwrap();
        self.sources.push(Source {
            peer: peer.clone(),
            voucher: Voucher::Operator,
        });
        peer
    }

    async fn honest(&mut self, name: &str, chain: &Arc<Bridge>) -> PeerId {
        let bend: Arc<Bend> = Arc::new(|_, _, honest| Some(honest));
        self.source(name, chain.clone(), bend).await
    }

    fn asked(&self, peer: &PeerId, protocol: Protocol) -> u32 {
        let asked = self.asked.lock().unwrap();
        asked.get(&(peer.clone(), protocol)).copied().unwrap_or(0)
    }

    fn context(&self, chain: &Arc<Bridge>) -> SyncContext<Block> {
        SyncContext {
            peers: self.client.clone(),
            bridge: chain.clone(),
            clock: Arc::new(VirtualClock::starting_at(WALL)),
            randomness: Arc::new(SeededRandomness::new(1)),
            executor: Arc::new(InlineExecutor),
            observer: Arc::new(Unobserved),
            settings: self.settings.clone(),
        }
    }

    async fn download(&self, staged: &Arc<Bridge>) -> Result<BlockId<Block>, ResyncError<Block>> {
        let strategy: Snapshot<Block> = Snapshot::default();
        self.download_by(&strategy, staged).await
    }

    async fn download_by(
        &self,
        strategy: &dyn ResyncStrategy<Block>,
        staged: &Arc<Bridge>,
    ) -> Result<BlockId<Block>, ResyncError<Block>> {
        let context = self.context(staged);
        let job = ResyncJob {
            staging: staged.clone(),
            files: Arc::new(Staged(staged.clone(), self.room)),
            sources: self.sources.clone(),
            watch: self.watch.clone(),
        };
        strategy.download(&context, &job).await
    }
}

fn staged() -> Arc<Bridge> {
    Arc::new(over(Arc::new(memory())))
}

/// A world whose server can be shared.
fn world(length: u64) -> (World, Arc<Bridge>) {
    let world = World::new(length);
    let server = Arc::new(over(Arc::new(memory())));
    let report = server.import(world.blocks.clone());
    assert!(report.failure.is_none(), "{report:?}");
    (world, server)
}

/// A node that begins with a snapshot at `lowest` and ends at `top`.
fn young(world: &World, lowest: u32, top: usize) -> Arc<Bridge> {
    let chain = Arc::new(world.finished(Arc::new(memory()), lowest));
    let above = usize::try_from(lowest).unwrap();
    let report = chain.import(world.blocks[above..top].to_vec());
    assert!(report.failure.is_none(), "{report:?}");
    chain
}

fn nodes_of(body: &[u8]) -> Option<Vec<Vec<u8>>> {
    match StateReply::<Block>::decode(&mut &*body) {
        Ok(StateReply::<Block>::Items(nodes)) => Some(nodes),
        _ => None,
    }
}

/// Gives one entry of the state at a time.
fn one_entry(chain: Arc<Bridge>) -> Arc<Bend> {
    Arc::new(move |protocol, body, honest| {
        if nodes_of(&honest).is_none() || protocol != Protocol::State {
            return Some(honest);
        }
        let request = StateRequest::<Block>::decode(&mut &*body).unwrap();
        let budget = ProofBudget {
            soft: 1,
            hard: 1 << 20,
            nodes: 1,
        };
        let states = chain.states().unwrap();
        let proof = states.prove_state(request.block, request.after.as_deref(), budget);
        Some(StateReply::<Block>::Items(proof.unwrap().unwrap().0).encode())
    })
}

/// Gives one block, or header, at a time.
fn one_of<T: Encode + Decode>(of: Protocol) -> Arc<Bend> {
    Arc::new(move |protocol, _, honest| {
        if protocol != of {
            return Some(honest);
        }
        Some(match RangeReply::<T, u32>::decode(&mut &*honest) {
            Ok(RangeReply::Items(mut items)) => {
                items.truncate(1);
                RangeReply::<T, u32>::Items(items).encode()
            }
            _ => honest,
        })
    })
}

#[tokio::test(start_paused = true)]
async fn whole_way_over_a_real_store_ends_at_the_sources_tip_and_opens_again() {
    let (world, server) = world(120);
    let folder = tempfile::tempdir().unwrap();
    let db = rocksdb(&folder);
    let staged = Arc::new(over(db.clone()));
    let mut net = Net::new();
    for name in ["A", "B", "C"] {
        net.honest(name, &server).await;
    }
    let reached = net.download(&staged).await.unwrap();
    assert_eq!(reached, id(world.at(120)));
    assert_eq!(staged.tip().unwrap(), server.tip().unwrap());
    assert_eq!(staged.finalized(), server.finalized());
    // max_reorg and max_gap are 5, and with three authorities the final block is as deep.
    assert_eq!(staged.lowest_served(), 115);
    drop((staged, net));
    tokio::task::yield_now().await;
    let staged = over(db);
    assert_eq!(staged.tip().unwrap(), server.tip().unwrap());
    assert_eq!(staged.lowest_served(), 115);
    assert_eq!(staged.block(id(world.at(114)).hash).unwrap(), None);
    assert!(staged.block(id(world.at(115)).hash).unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn chain_too_short_for_a_snapshot_is_fetched_whole() {
    let (_, server) = world(5);
    let mut net = Net::new();
    net.honest("A", &server).await;
    let staged = staged();
    net.download(&staged).await.unwrap();
    assert_eq!(staged.tip().unwrap(), server.tip().unwrap());
    assert_eq!(staged.lowest_served(), 0);
    // And once more, when it has grown.
    net.download(&staged).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn chain_of_which_nothing_is_final_is_refused_for_now() {
    // One of three authorities seals all of it.
    let lone = crate::support::Maker::new(super::AUTHORITIES);
    let run = lone.run(lone.genesis(), (1..40).map(|n| n * super::AUTHORITIES));
    let server = Arc::new(over(Arc::new(memory())));
    let report = server.import(run);
    assert!(report.failure.is_none(), "{report:?}");
    let mut net = Net::new();
    net.honest("A", &server).await;
    let error = net.download(&staged()).await.unwrap_err();
    assert!(matches!(error, ResyncError::NothingFinal { .. }), "{error}");
    assert!(error.is_resumable());
}

#[tokio::test(start_paused = true)]
async fn long_stretch_without_a_final_block_is_the_chains_fault_and_no_sources() {
    let lone = crate::support::Maker::new(super::AUTHORITIES);
    let run = lone.run(lone.genesis(), (1..40).map(|n| n * super::AUTHORITIES));
    let server = Arc::new(over(Arc::new(memory())));
    let report = server.import(run);
    assert!(report.failure.is_none(), "{report:?}");
    let mut spec = spec(super::AUTHORITIES, MAX_REORG);
    spec.sync.limits.headers_ahead = 20;
    let clock = Arc::new(VirtualClock::starting_at(WALL));
    let staged = Bridge::over(Arc::new(memory()), &spec, super::Sets::Steady, clock).unwrap();
    let mut net = Net::new();
    let peer = net.honest("A", &server).await;
    let error = net.download(&Arc::new(staged)).await.unwrap_err();
    assert!(
        matches!(error, ResyncError::NoFinality { above, count } if above == lone.genesis() && count > 20),
        "{error}"
    );
    assert!(error.is_resumable());
    assert!(!net.client.table().is_banned(&peer));
}

#[tokio::test(start_paused = true)]
async fn bridge_that_cannot_is_refused_before_anything_is_asked() {
    let (_, server) = world(60);
    let mut net = Net::new();
    let peer = net.honest("A", &server).await;
    let before = net.asked(&peer, Protocol::Status);
    let db: Arc<dyn KeyValueDB> = Arc::new(memory());
    let changing = crate::support::over(db, super::AUTHORITIES, MAX_REORG);
    let changing = Arc::new(changing);
    let context = SyncContext {
        peers: net.client.clone(),
        bridge: changing.clone(),
        clock: Arc::new(VirtualClock::starting_at(WALL)),
        randomness: Arc::new(SeededRandomness::new(1)),
        executor: Arc::new(InlineExecutor),
        observer: Arc::new(Unobserved),
        settings: net.settings.clone(),
    };
    let job = ResyncJob {
        staging: changing,
        files: Arc::new(Staged(staged(), Room::Enough)),
        sources: net.sources.clone(),
        watch: ResyncWatch::default(),
    };
    let strategy: Snapshot<Block> = Snapshot::default();
    let error = strategy.download(&context, &job).await.unwrap_err();
    assert!(
        error.to_string().contains("authorities may change"),
        "{error}"
    );
    assert_eq!(net.asked(&peer, Protocol::Status), before);
    assert_eq!(net.asked(&peer, Protocol::Headers), 0);
}
