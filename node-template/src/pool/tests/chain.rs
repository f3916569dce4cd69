//! The pool over a real chain on disk.

use crate::{
    authoring::Chain,
    keystore::DevKey,
    pool::{Deadline, LeftOut, Limits, Origin, Pool, PoolObserver, ProposalEnd, Refusal},
    runtime::{Block, Call, Extrinsic, TemplateRuntime, Transfer, account_key},
};
use chain_spec::{ChainSpec, Preset};
use sp_core::{Pair, sr25519};
use sp_runtime::traits::Block as _;
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};
use sync_component::{
    BlockId,
    ports::{Clock, ImportBlocks, PeerId, ReadChain, SystemClock, VoteStanding},
};
use tempfile::TempDir;

/// What the pool told.
#[derive(Debug, Default)]
struct Told {
    submitted: AtomicU32,
    invalid: AtomicU32,
    proposed: Mutex<Vec<(usize, ProposalEnd)>>,
}

impl PoolObserver for Told {
    fn submitted(&self) {
        self.submitted.fetch_add(1, Ordering::Relaxed);
    }

    fn found_invalid(&self) {
        self.invalid.fetch_add(1, Ordering::Relaxed);
    }

    fn proposed(&self, extrinsics: usize, end: ProposalEnd) {
        self.proposed.lock().unwrap().push((extrinsics, end));
    }
}

/// A `dev` chain on disk with a pool, and Alice, its authority.
struct World {
    chain: Arc<Chain>,
    pool: Arc<Pool>,
    told: Arc<Told>,
    slot: u64,
    _folder: TempDir,
}

impl World {
    fn new() -> Self {
        Self::of(&Preset::Dev.spec())
    }

    fn of(spec: &ChainSpec) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let store = folder.path().join("full");
        let chain = Chain::open(&store, spec, TemplateRuntime, clock.clone()).unwrap();
        let chain = Arc::new(chain);
        let told = Arc::new(Told::default());
        let pool = Pool::new(chain.clone(), clock, Limits::default());
        Self {
            pool: Arc::new(pool.observed_by(told.clone())),
            told,
            chain,
            slot: 10,
            _folder: folder,
        }
    }

    fn transfer(&self, from: DevKey, nonce: u64, amount: u128) -> Extrinsic {
        let to = DevKey::Charlie.pair().public();
        Extrinsic::transfer(&from.pair(), to, amount, nonce, self.chain.genesis_hash())
    }

    fn submit(&self, extrinsic: Extrinsic) -> Result<(), Refusal> {
        self.pool.submit(extrinsic, Origin::Owner).map(drop)
    }

    /// A block of what is ready, on `parent`; imported.
    fn block_on(&mut self, parent: BlockId<Block>, offered: Vec<Extrinsic>) -> Block {
        self.slot += 1;
        let unsealed = self.chain.build(parent, self.slot.into(), offered).unwrap();
        let seal = DevKey::Alice.pair().sign(unsealed.pre_hash().as_bytes());
        let block = unsealed.seal(seal);
        let report = self.chain.import(vec![block.clone()]);
        assert!(report.failure.is_none(), "{report:?}");
        block
    }

    fn genesis(&self) -> BlockId<Block> {
        BlockId::new(0, self.chain.genesis_hash())
    }

    fn balance(&self, of: sr25519::Public) -> u128 {
        self.pool.standing(&of).unwrap().balance
    }
}

#[test]
fn what_is_in_a_block_leaves_the_pool_and_moves_the_balance() {
    let mut world = World::new();
    let receiver = DevKey::Charlie.pair().public();
    let before = world.balance(receiver);
    for nonce in 0..3 {
        world
            .submit(world.transfer(DevKey::Alice, nonce, 5))
            .unwrap();
    }
    world.submit(world.transfer(DevKey::Bob, 1, 5)).unwrap();
    let alice = DevKey::Alice.pair().public();
    assert_eq!(world.pool.next_nonce(&alice).unwrap(), 3);
    let genesis = world.chain.best();
    let ready = world.pool.ready();
    assert_eq!(ready.len(), 3, "Bob's waits for the one before it");
    let block = world.block_on(genesis, ready);
    assert_eq!(block.extrinsics().len(), 4);
    world.pool.follow().unwrap();
    assert_eq!(world.pool.size().0, 1);
    assert_eq!(world.balance(receiver), before + 15);
    let key = world
        .chain
        .storage(world.chain.best().hash, &account_key(&receiver));
    assert!(key.unwrap().is_some());
    assert!(matches!(
        world.submit(world.transfer(DevKey::Alice, 2, 5)),
        Err(Refusal::Stale { nonce: 2, next: 3 })
    ));
}

#[test]
fn bad_signatures_inherents_and_empty_accounts_are_refused() {
    let world = World::new();
    let other_chain = Extrinsic::transfer(
        &DevKey::Alice.pair(),
        DevKey::Bob.pair().public(),
        1,
        0,
        sp_core::H256::repeat_byte(1),
    );
    assert!(matches!(
        world.submit(other_chain),
        Err(Refusal::BadSignature)
    ));
    let Call::Transfer(good) = world.transfer(DevKey::Alice, 0, 1).0 else {
        panic!("a transfer");
    };
    let more = Extrinsic(Call::Transfer(Transfer { amount: 2, ..good }));
    assert!(matches!(world.submit(more), Err(Refusal::BadSignature)));
    assert!(matches!(
        world.submit(Extrinsic(Call::SetTimestamp(1))),
        Err(Refusal::NotSigned)
    ));
    let poor = sr25519::Pair::from_string("//Nobody", None).unwrap();
    let from_nothing = Extrinsic::transfer(
        &poor,
        DevKey::Bob.pair().public(),
        1,
        0,
        world.chain.genesis_hash(),
    );
    assert!(matches!(
        world.submit(from_nothing),
        Err(Refusal::CannotPay { cost: 1, left: 0 })
    ));
    assert_eq!(world.pool.size(), (0, 0));
}

/// A chain whose one block holds a transfer of Alice and one of Bob, and which a longer one may take back.
fn with_two_in_a_block() -> (World, Extrinsic, Extrinsic) {
    let mut world = World::new();
    world
        .chain
        .set_vote(VoteStanding::NotWithUs.into())
        .unwrap();
    let ours = world.transfer(DevKey::Alice, 0, 5);
    let shared = world.transfer(DevKey::Bob, 0, 7);
    world.submit(ours.clone()).unwrap();
    world.submit(shared.clone()).unwrap();
    world.block_on(world.chain.best(), world.pool.ready());
    world.pool.follow().unwrap();
    assert_eq!(world.pool.size().0, 0);
    (world, ours, shared)
}

#[test]
fn extrinsics_of_a_branch_that_is_left_wait_again() {
    let (mut world, ours, shared) = with_two_in_a_block();
    let genesis = world.genesis();
    let left_tip = world.chain.best();
    let first = world.block_on(genesis, vec![shared]);
    let first = BlockId::of(first.header());
    world.block_on(first, Vec::new());
    assert_ne!(world.chain.best(), left_tip);
    world.pool.follow().unwrap();
    // Bob's is in the other branch as well.
    assert_eq!(world.pool.all(), [ours]);
    assert_eq!(world.pool.ready().len(), 1);
}

#[test]
fn missed_events_cost_nothing() {
    let (mut world, ours, shared) = with_two_in_a_block();
    let genesis = world.genesis();
    // The reorganisation, and what comes after it: nobody tells the pool of any but the last.
    let mut tip = genesis;
    for offered in [vec![shared], Vec::new(), Vec::new()] {
        tip = BlockId::of(world.block_on(tip, offered).header());
    }
    assert_eq!(world.chain.best(), tip);
    world.pool.follow().unwrap();
    assert_eq!(world.pool.all(), [ours]);
}

#[test]
fn block_between_the_pool_s_start_and_its_first_look_is_seen() {
    let mut world = World::new();
    world.submit(world.transfer(DevKey::Alice, 0, 5)).unwrap();
    let genesis = world.chain.best();
    world.block_on(genesis, world.pool.ready());
    world.pool.follow().unwrap();
    assert_eq!(world.pool.size().0, 0);
}

#[test]
fn transfer_whose_money_left_the_chain_with_it_waits_for_the_money() {
    let mut world = World::new();
    world
        .chain
        .set_vote(VoteStanding::NotWithUs.into())
        .unwrap();
    let genesis = world.chain.best();
    let poor = sr25519::Pair::from_string("//Poor", None).unwrap();
    let chain = world.chain.genesis_hash();
    let gift = Extrinsic::transfer(&DevKey::Alice.pair(), poor.public(), 100, 0, chain);
    let spent = Extrinsic::transfer(&poor, DevKey::Charlie.pair().public(), 50, 0, chain);
    let first = BlockId::of(world.block_on(genesis, vec![gift.clone()]).header());
    world.pool.follow().unwrap();
    world.block_on(first, vec![spent.clone()]);
    world.pool.follow().unwrap();
    let mut tip = genesis;
    for _ in 0..3 {
        tip = BlockId::of(world.block_on(tip, Vec::new()).header());
    }
    assert_eq!(world.chain.best(), tip);
    world.pool.follow().unwrap();
    assert_eq!(world.pool.all(), [gift.clone(), spent.clone()]);
    assert_eq!(world.pool.ready(), [gift]);
    tip = BlockId::of(world.block_on(tip, world.pool.ready()).header());
    world.pool.follow().unwrap();
    assert_eq!(world.pool.ready(), [spent]);
    world.block_on(tip, world.pool.ready());
    world.pool.follow().unwrap();
    assert_eq!(world.pool.size().0, 0);
}

#[test]
fn what_a_swap_carries_over_keeps_its_origin_and_waits_for_its_money() {
    let world = World::new();
    let poor = sr25519::Pair::from_string("//Poor", None).unwrap();
    let to = DevKey::Bob.pair().public();
    let spent = Extrinsic::transfer(&poor, to, 50, 0, world.chain.genesis_hash());
    let peer = Origin::Peer(PeerId::from_bytes(b"peer"));
    world.pool.put_back(spent.clone(), Origin::Owner).unwrap();
    let other = world.transfer(DevKey::Alice, 0, 5);
    world.pool.submit(other.clone(), peer.clone()).unwrap();
    assert_eq!(
        world.pool.close(),
        [(spent, Origin::Owner), (other.clone(), peer)]
    );
    assert!(matches!(world.submit(other), Err(Refusal::Stopping)));
}

#[test]
fn what_the_runtime_refuses_in_its_turn_goes_and_nothing_else() {
    let mut spec = Preset::Dev.spec();
    let full = sr25519::Pair::from_string("//Full", None).unwrap().public();
    spec.genesis.balances.insert(full, u128::MAX);
    let world = World::of(&spec);
    let genesis = world.chain.best();
    let alice = DevKey::Alice.pair();
    let overflows = Extrinsic::transfer(&alice, full, 1, 0, world.chain.genesis_hash());
    let behind = world.transfer(DevKey::Alice, 1, 5);
    let other = world.transfer(DevKey::Bob, 0, 5);
    for one in [&overflows, &behind, &other] {
        world.submit(one.clone()).unwrap();
    }
    let offered = world.pool.ready();
    assert_eq!(offered.len(), 3);
    let unsealed = world.chain.build(genesis, 11.into(), offered.clone());
    let left_out = LeftOut::of(genesis, &offered, &unsealed.unwrap()).unwrap();
    world.pool.left_out(&left_out).unwrap();
    assert_eq!(world.pool.all(), [behind, other.clone()]);
    assert_eq!(world.pool.ready(), std::slice::from_ref(&other));
    // Peers still have it.
    let from_peer = Origin::Peer(PeerId::from_bytes(b"peer"));
    assert!(matches!(
        world.pool.submit(overflows, from_peer),
        Err(Refusal::Refused)
    ));
    assert_eq!(world.told.invalid.load(Ordering::Relaxed), 1);
    let unsealed = world.chain.build(genesis, 11.into(), vec![other.clone()]);
    assert!(LeftOut::of(genesis, &[other], &unsealed.unwrap()).is_none());
}

#[test]
fn block_ends_with_what_is_ready_at_its_time_or_at_its_length() {
    let mut spec = Preset::Dev.spec();
    let world = World::of(&spec);
    let ready: Vec<_> = (0..10)
        .map(|nonce| world.transfer(DevKey::Alice, nonce, 1))
        .collect();
    for one in &ready {
        world.submit(one.clone()).unwrap();
    }
    assert_eq!(world.pool.ready_count(), 10);
    assert_eq!(world.told.submitted.load(Ordering::Relaxed), 10);
    let propose = |world: &World, looked_at: usize, deadline| {
        let looks = AtomicU32::new(0);
        let there_is_time =
            || looks.fetch_add(1, Ordering::Relaxed) < u32::try_from(looked_at).unwrap();
        let made =
            world
                .chain
                .build_while(world.genesis(), 11.into(), ready.clone(), there_is_time);
        world.pool.proposed(&made.unwrap(), ready.len(), deadline);
        world.told.proposed.lock().unwrap().pop().unwrap()
    };
    let all = propose(&world, 10, Deadline::Ahead);
    assert_eq!(all, (10, ProposalEnd::NoMoreTransactions));
    let late = propose(&world, 4, Deadline::Over);
    assert_eq!(late, (4, ProposalEnd::HitDeadline));

    // Room for some of them.
    spec.sync.limits.block_bytes = 1_000;
    let world = World::of(&spec);
    let (taken, end) = propose(&world, 10, Deadline::Ahead);
    assert!(taken > 0 && taken < 10, "{taken}");
    assert_eq!(end, ProposalEnd::HitBlockSizeLimit);
}
