//! Tier 2's strategies over real stores (SPEC section 6, "both import the same chain bit for bit"): a node that joins the same faulty
//! peers once with `sequential` and once with `pipelined` has the same bytes in all columns, and those are the bytes of the same
//! blocks imported one by one. Nothing is left out of the comparison.

mod peers;

use crate::support::{
    Block, Bridge, Call, Fault, Faulty, Id, Maker, TestRuntime, dump, id, import_all, spec, tip,
};
use kvdb::KeyValueDB;
use peers::{Habit, Luck, habit, serve};
use proptest::prelude::*;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use sync_component::{
    NetworkSyncManager, StrategyRegistry, SyncSettings,
    observer::Unobserved,
    orchestrator::{Fetching, Parts, ProductionMode},
    peers::Ledger,
    ports::{Clock, Executor, PeerId, ReadChain, UnixMillis},
    test_kit::{Link, MemoryNetwork, SeededRandomness, VirtualClock},
    wire::Roles,
};
use tokio::sync::mpsc;

/// Long after the slots of all blocks.
const WALL: UnixMillis = UnixMillis(1_790_000_000_000);

/// How much virtual time a join may take.
const LONGEST: Duration = Duration::from_hours(6);

const MAX_REORG: u64 = 5;

/// What a join is like, whatever strategy it is done with.
#[derive(Clone, Debug)]
struct Case {
    seed: u64,
    authorities: u64,
    /// The chain: by how many slots each block follows the one below it, and what it does.
    blocks: Vec<(u64, u8)>,
    /// How many blocks of it the node has at first, and how many of a branch of its own above them.
    stored: prop::sample::Index,
    own: usize,
    /// What peers do beside the honest one.
    habits: Vec<Habit>,
    /// Of how many writes of the store one fails.
    write_fails_after: Option<u32>,
    blocks_per_request: u32,
    window_blocks: usize,
}

fn case() -> impl Strategy<Value = Case> {
    let chain = (
        1_u64..5,
        prop::collection::vec((1_u64..4, any::<u8>()), 1..260),
        any::<prop::sample::Index>(),
        0..=usize::try_from(MAX_REORG).unwrap(),
    );
    let faults = (
        prop::collection::vec(habit(), 0..5),
        prop::option::of(0_u32..40),
    );
    let limits = (1_u32..40, 8_usize..100);
    (any::<u64>(), chain, faults, limits).prop_map(|(seed, chain, faults, limits)| {
        let (authorities, blocks, stored, own) = chain;
        let (habits, write_fails_after) = faults;
        let (blocks_per_request, window_blocks) = limits;
        Case {
            seed,
            authorities,
            blocks,
            stored,
            own,
            habits,
            write_fails_after,
            blocks_per_request,
            window_blocks,
        }
    })
}

/// The blocks of a case.
struct World {
    chain: Vec<Block>,
    /// What the node has at first.
    at_first: Vec<Block>,
}

impl World {
    fn of(case: &Case) -> Self {
        let maker = Maker::new(case.authorities);
        let grow = |from: (Id, u64), contents: &[(u64, u8)]| {
            let (mut parent, mut slot) = from;
            let mut places = Vec::new();
            for (step, content) in contents {
                slot += step;
                let call = match content {
                    0..20 => Call::Clear(content % 8),
                    _ => Call::Add(content % 8, 1),
                };
                let block = maker.block(parent, slot, &[call]);
                parent = id(&block);
                places.push((block, slot));
            }
            places
        };
        let chain = grow((maker.genesis(), 0), &case.blocks);
        // One block at least is to be fetched, and more than the node may have in the place of them. Its own are in slots above all
        // others: nobody seals twice in one.
        let stored = case.stored.index(chain.len());
        let own = case.own.min(chain.len() - stored - 1);
        let fork = stored
            .checked_sub(1)
            .map_or(maker.genesis(), |last| id(&chain[last].0));
        let (_, highest) = chain[chain.len() - 1];
        let own = grow((fork, highest), &case.blocks[stored..stored + own]);
        let blocks = |places: &[(Block, u64)]| {
            let blocks = places.iter().map(|(block, _)| block.clone());
            blocks.collect::<Vec<_>>()
        };
        Self {
            at_first: [blocks(&chain[..stored]), blocks(&own)].concat(),
            chain: blocks(&chain),
        }
    }
}

/// Runs each job a little later, by chance: answers are read in any order.
#[derive(Debug)]
struct Staggered(Luck);

impl Executor for Staggered {
    fn spawn_heavy(&self, job: Box<dyn FnOnce() + Send>) {
        let pause = Duration::from_millis(self.0.below(40));
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            job();
        });
    }
}

fn settings(case: &Case, strategy: &str) -> SyncSettings {
    let mut settings = spec(case.authorities, MAX_REORG).sync;
    // Peers vote: nobody attests anything.
    settings.strategies.tier1 = Some("tip-quorum".to_owned());
    settings.strategies.tier2 = Some(strategy.to_owned());
    // Chains that are longer come in windows.
    settings.tier2.max_gap = 101;
    settings.limits.headers_per_request = 32;
    settings.limits.blocks_per_request = case.blocks_per_request;
    settings.limits.window_blocks = case.window_blocks;
    settings
}

fn bridge(case: &Case, db: &Arc<dyn KeyValueDB>, clock: &Arc<dyn Clock>) -> Arc<Bridge> {
    let spec = spec(case.authorities, MAX_REORG);
    Arc::new(Bridge::over(Arc::clone(db), &spec, TestRuntime, Arc::clone(clock)).unwrap())
}

type Bytes = BTreeMap<(u32, Vec<u8>), Vec<u8>>;

/// What is in the store of a node that joined.
async fn joined(case: &Case, world: &World, strategy: &str) -> Bytes {
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::starting_at(WALL));
    let faulty = Arc::new(Faulty::new());
    let db: Arc<dyn KeyValueDB> = faulty.clone();
    let ours = bridge(case, &db, &clock);
    import_all(&ours, &world.at_first);
    if let Some(after) = case.write_fails_after {
        faulty.set(Fault::OneWrite { after });
    }

    let network = MemoryNetwork::new(case.seed);
    let settings = settings(case, strategy);
    let me = PeerId::from_bytes(b"me");
    let serves = bridge(case, &(Arc::new(Faulty::new()) as _), &clock);
    import_all(&serves, &world.chain);
    let peers = serve(&network, &settings, &serves, &case.habits, case.seed);
    let link = Link {
        jitter: Duration::from_millis(30),
        loss: 0.02,
        ..Link::lan()
    };
    for peer in &peers {
        network.connect(&me, peer, link);
    }

    let (sender, events) = mpsc::channel(4_096);
    let manager = NetworkSyncManager::new(Parts {
        bridge: ours.clone(),
        network: Arc::new(network.port(me.clone())),
        clock,
        randomness: Arc::new(SeededRandomness::new(case.seed)),
        executor: Arc::new(Staggered(Luck::new(case.seed, u64::MAX))),
        observer: Arc::new(Unobserved),
        ledger: Ledger::new(&settings.limits),
        settings,
        registry: StrategyRegistry::with_builtins(),
        roles: Roles::Full,
        production: ProductionMode::Voted,
        fetching: Fetching::Tier2,
    })
    .unwrap();
    network.start(me, sender);
    let there = async {
        while ours.best() != tip(&world.chain) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let end = async {
        tokio::select! {
            () = there => (),
            () = manager.run(events) => unreachable!("the network stays"),
        }
    };
    let end = tokio::time::timeout(LONGEST, end).await;
    assert!(
        end.is_ok(),
        "{strategy} stands at {}: {:?}",
        ours.best(),
        manager.report().verdict
    );
    drop(manager);
    dump(db.as_ref())
}

fn join(case: &Case, world: &World, strategy: &str) -> Bytes {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(joined(case, world, strategy))
}

/// What is in a store into which the blocks went one by one.
fn imported(case: &Case, world: &World) -> Bytes {
    let db: Arc<dyn KeyValueDB> = Arc::new(Faulty::new());
    let clock: Arc<dyn Clock> = Arc::new(sync_component::ports::SystemClock::new());
    let ours = bridge(case, &db, &clock);
    import_all(&ours, &world.at_first);
    for block in &world.chain {
        import_all(&ours, std::slice::from_ref(block));
    }
    dump(db.as_ref())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn pipelined_leaves_the_same_bytes_as_sequential_whatever_peers_do(case in case()) {
        let world = World::of(&case);
        let expected = imported(&case, &world);
        prop_assert_eq!(&join(&case, &world, "sequential"), &expected);
        prop_assert_eq!(&join(&case, &world, "pipelined"), &expected);
    }
}
