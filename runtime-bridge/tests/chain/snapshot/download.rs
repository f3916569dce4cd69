//! The strategy over real stores: peers that serve, lie, forget and vanish, on a network in memory and in virtual time.

mod pace;

use super::{Bridge, MAX_REORG, World, over};
use crate::support::{Block, id, memory, rocksdb, spec};
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
        BridgeError, BuildSnapshots, ImportBlocks, NetworkEvent, PeerId, Protocol, ReadChain,
        StateStanding, UnixMillis,
    },
    registry::ResyncStrategy,
    serving::{Server, Told},
    test_kit::{InlineExecutor, Link, MemoryNetwork, SeededRandomness, VirtualClock},
    wire::{Activity, Roles, StateReply, StateRequest},
};
use tokio::sync::mpsc;

/// Long after the slots of all blocks.
const WALL: UnixMillis = UnixMillis(1_790_000_000_000);

/// What a peer makes of its honest answers.
type Bend = dyn Fn(Protocol, &[u8], Vec<u8>) -> Option<Vec<u8>> + Send + Sync;

/// A staged chain without files.
#[derive(Debug)]
struct Staged(Arc<Bridge>);

impl Staging<Block> for Staged {
    fn open(&self) -> Result<Arc<dyn sync_component::ports::Bridge<Block>>, BridgeError> {
        Ok(self.0.clone())
    }

    fn room(&self) -> Result<(), BridgeError> {
        Ok(())
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
                let chain: &dyn ReadChain<Block> = chain.as_ref();
                let honest = match protocol {
                    Protocol::Headers => server.headers(chain, &body),
                    Protocol::Blocks => server.blocks(chain, &body),
                    Protocol::State => server.state(chain, &body),
                    Protocol::Status | Protocol::Announce => {
                        server.status(chain, Told::doing(Activity::Serving), &body)
                    }
                };
                let Some(answer) = bend(protocol, &body, honest) else {
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

    async fn download(&self, staged: &Arc<Bridge>) -> Result<BlockId<Block>, ResyncError<Block>> {
        let strategy: Snapshot<Block> = Snapshot::default();
        self.download_by(&strategy, staged).await
    }

    async fn download_by(
        &self,
        strategy: &dyn ResyncStrategy<Block>,
        staged: &Arc<Bridge>,
    ) -> Result<BlockId<Block>, ResyncError<Block>> {
        let context = SyncContext {
            peers: self.client.clone(),
            bridge: staged.clone(),
            clock: Arc::new(VirtualClock::starting_at(WALL)),
            randomness: Arc::new(SeededRandomness::new(1)),
            executor: Arc::new(InlineExecutor),
            observer: Arc::new(Unobserved),
            settings: self.settings.clone(),
        };
        let job = ResyncJob {
            staging: staged.clone(),
            files: Arc::new(Staged(staged.clone())),
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

fn nodes_of(body: &[u8]) -> Option<Vec<Vec<u8>>> {
    match StateReply::<Block>::decode(&mut &*body) {
        Ok(StateReply::<Block>::Items(nodes)) => Some(nodes),
        _ => None,
    }
}

/// A peer whose answers on the state are bent.
fn with_nodes(bend: impl Fn(Vec<Vec<u8>>) -> Vec<Vec<u8>> + Send + Sync + 'static) -> Arc<Bend> {
    Arc::new(move |protocol, _, honest| {
        let nodes = nodes_of(&honest).filter(|_| protocol == Protocol::State);
        Some(match nodes {
            Some(nodes) => StateReply::<Block>::Items(bend(nodes)).encode(),
            None => honest,
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
async fn whoever_bends_the_state_is_banned_and_the_others_deliver_it() {
    let (_, server) = world(120);
    let bends: [(&str, Arc<Bend>); 5] = [
        (
            "drops",
            with_nodes(|mut nodes| {
                nodes.remove(nodes.len() / 2);
                nodes
            }),
        ),
        (
            "adds",
            with_nodes(|mut nodes| {
                nodes.insert(1, vec![7; 40]);
                nodes
            }),
        ),
        (
            "repeats",
            with_nodes(|mut nodes| {
                nodes.insert(1, nodes[1].clone());
                nodes
            }),
        ),
        (
            "alters",
            with_nodes(|mut nodes| {
                let last = nodes.last_mut().unwrap();
                last[0] ^= 1;
                nodes
            }),
        ),
        (
            "turns round",
            with_nodes(|mut nodes| {
                nodes.reverse();
                nodes
            }),
        ),
    ];
    for (name, bend) in bends {
        let mut net = Net::new();
        // The first in the order is asked first.
        let liar = net.source(name, server.clone(), bend).await;
        let honest = net.honest("honest", &server).await;
        let staged = staged();
        net.download(&staged).await.unwrap();
        assert_eq!(staged.tip().unwrap(), server.tip().unwrap(), "{name}");
        assert!(net.client.table().is_banned(&liar), "{name}");
        assert!(!net.client.table().is_banned(&honest), "{name}");
        assert_eq!(net.asked(&liar, Protocol::State), 1, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_all_lie_nothing_of_the_state_is_stored_and_an_honest_source_goes_on() {
    let (_, server) = world(120);
    let mut net = Net::new();
    for name in ["A", "B"] {
        let drops = with_nodes(|mut nodes| {
            nodes.remove(0);
            nodes
        });
        net.source(name, server.clone(), drops).await;
    }
    let staged = staged();
    let error = net.download(&staged).await.unwrap_err();
    let ResyncError::SourcesFailed { faults, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(faults.len(), 2);
    assert!(
        faults
            .iter()
            .all(|(_, fault)| matches!(fault, SourceFault::Proof(_))),
        "{error}"
    );
    assert!(error.is_resumable());
    assert!(matches!(
        staged.standing().state,
        StateStanding::Partly { entries: 0, .. }
    ));
    let mut net = Net::new();
    let honest = net.honest("honest", &server).await;
    net.download(&staged).await.unwrap();
    assert_eq!(staged.tip().unwrap(), server.tip().unwrap());
    // The headers were there.
    assert!(net.asked(&honest, Protocol::Headers) <= 3);
}

#[tokio::test(start_paused = true)]
async fn source_that_vanishes_in_the_middle_is_followed_by_the_next_from_where_it_was() {
    let (_, server) = world(120);
    let total = pieces(&server).await;
    assert!(total > 4, "{total}");
    let answers = Arc::new(AtomicU32::new(0));
    let vanishes: Arc<Bend> = Arc::new(move |protocol, _, honest| {
        let is_state = protocol == Protocol::State;
        let gone = is_state && answers.fetch_add(1, Ordering::Relaxed) >= 3;
        (!gone).then_some(honest)
    });
    let mut net = Net::new();
    let first = net.source("first", server.clone(), vanishes).await;
    let second = net.honest("second", &server).await;
    let staged = staged();
    net.download(&staged).await.unwrap();
    assert_eq!(staged.tip().unwrap(), server.tip().unwrap());
    assert!(net.asked(&first, Protocol::State) > 3);
    assert_eq!(net.asked(&second, Protocol::State), total - 3);
}

/// How many pieces the state comes in.
async fn pieces(server: &Arc<Bridge>) -> u32 {
    let mut net = Net::new();
    let peer = net.honest("alone", server).await;
    net.download(&staged()).await.unwrap();
    net.asked(&peer, Protocol::State)
}

#[tokio::test(start_paused = true)]
async fn newer_state_is_taken_when_no_source_has_the_old_one_any_more() {
    let (world, _) = world(160);
    let server = Arc::new(over(Arc::new(memory())));
    let report = server.import(world.blocks[..100].to_vec());
    assert!(report.failure.is_none(), "{report:?}");
    // After two pieces of the old state the chain has gone on, and the state is not kept any more.
    let (answers, rest) = (AtomicU32::new(0), world.blocks[100..].to_vec());
    let chain = server.clone();
    let old = id(world.at(95)).hash;
    let forgets: Arc<Bend> = Arc::new(move |protocol, body, honest| {
        if protocol != Protocol::State {
            return Some(honest);
        }
        let request = StateRequest::<Block>::decode(&mut &*body).unwrap();
        if answers.fetch_add(1, Ordering::Relaxed) == 2 {
            let report = chain.import(rest.clone());
            assert!(report.failure.is_none(), "{report:?}");
        }
        if request.block == old && chain.best().number > 100 {
            let not_found = StateReply::<Block>::NotFound {
                lowest: 0,
                best: chain.best().number,
            };
            return Some(not_found.encode());
        }
        Some(honest)
    });
    let mut net = Net::new();
    net.source("forgets", server.clone(), forgets).await;
    let staged = staged();
    net.download(&staged).await.unwrap();
    assert_eq!(staged.lowest_served(), 155);
    assert_eq!(staged.tip().unwrap(), server.tip().unwrap());
}

#[tokio::test(start_paused = true)]
async fn where_nobody_ever_gives_the_state_the_run_is_interrupted() {
    let (_, server) = world(60);
    let never: Arc<Bend> = Arc::new(move |protocol, _, honest| {
        Some(match protocol {
            Protocol::State => StateReply::<Block>::NotFound { lowest: 0, best: 1 }.encode(),
            _ => honest,
        })
    });
    let mut net = Net::new();
    let peer = net.source("never", server.clone(), never).await;
    let error = net.download(&staged()).await.unwrap_err();
    let ResyncError::SourcesFailed { faults, .. } = &error else {
        panic!("{error}");
    };
    assert!(
        matches!(faults[0].1, SourceFault::NoState { .. }),
        "{error}"
    );
    assert!(!net.client.table().is_banned(&peer));
    assert!(net.asked(&peer, Protocol::State) <= 2);
}

#[tokio::test(start_paused = true)]
async fn node_without_bodies_is_not_asked_for_what_it_says_not_to_have() {
    let (world, server) = world(120);
    // Its own chain begins above the block whose state is taken.
    let young = Arc::new(world.finished(Arc::new(memory()), 115));
    let report = young.import(world.blocks[115..].to_vec());
    assert!(report.failure.is_none(), "{report:?}");
    let old = Arc::new(over(Arc::new(memory())));
    let report = old.import(world.blocks[..118].to_vec());
    assert!(report.failure.is_none(), "{report:?}");
    let staged = staged();
    let mut net = Net::new();
    net.honest("old", &old).await;
    staged
        .add_headers(&world.headers()[..110], super::NOW)
        .unwrap();
    let of = staged.choose_state(105).unwrap();
    assert_eq!(of, id(world.at(105)));
    let young_peer = net.honest("young", &young).await;
    net.download(&staged).await.unwrap();
    assert_eq!(staged.lowest_served(), 105);
    assert_eq!(net.asked(&young_peer, Protocol::State), 0);
    // Above, it delivers like any other.
    assert_eq!(staged.tip().unwrap(), server.tip().unwrap());
    assert!(net.asked(&young_peer, Protocol::Blocks) > 0);
}

#[tokio::test(start_paused = true)]
async fn whole_chain_is_not_asked_of_nodes_that_begin_with_a_snapshot() {
    let (world, server) = world(120);
    let strategies: [Box<dyn ResyncStrategy<Block>>; 2] =
        [Box::new(FullChain), Box::new(MultiSource::default())];
    for strategy in strategies {
        let mut net = Net::new();
        let mut young = Vec::new();
        for name in ["A", "B"] {
            let chain = Arc::new(world.finished(Arc::new(memory()), 80));
            let report = chain.import(world.blocks[80..].to_vec());
            assert!(report.failure.is_none(), "{report:?}");
            young.push(net.honest(name, &chain).await);
        }
        let error = net.download_by(strategy.as_ref(), &staged()).await;
        let error = error.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("serves no blocks below 80"), "{text}");
        assert!(text.contains("block 1 is wanted"), "{text}");
        assert!(!text.contains("another"), "{text}");
        for peer in &young {
            assert_eq!(net.asked(peer, Protocol::Blocks), 0, "{text}");
            assert!(!net.client.table().is_banned(peer));
        }
        // One that has everything is enough.
        net.honest("old", &server).await;
        let staged = staged();
        net.download_by(strategy.as_ref(), &staged).await.unwrap();
        assert_eq!(staged.tip().unwrap(), server.tip().unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn snapshot_can_be_fetched_from_a_node_that_has_one_itself() {
    let (world, server) = world(120);
    let young = Arc::new(world.finished(Arc::new(memory()), 80));
    let report = young.import(world.blocks[80..].to_vec());
    assert!(report.failure.is_none(), "{report:?}");
    let mut net = Net::new();
    net.honest("young", &young).await;
    let staged = staged();
    net.download(&staged).await.unwrap();
    assert_eq!(staged.tip().unwrap(), server.tip().unwrap());
    assert_eq!(staged.lowest_served(), 115);
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
        files: Arc::new(Staged(staged())),
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
