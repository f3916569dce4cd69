//! The pool over a real chain on disk.

use crate::{
    authoring::Chain,
    keystore::DevKey,
    pool::{Limits, Origin, Pool, Refusal},
    runtime::{Block, Call, Extrinsic, TemplateRuntime, Transfer, account_key},
};
use chain_spec::Preset;
use sp_core::{Pair, sr25519};
use sp_runtime::traits::Block as _;
use std::sync::Arc;
use sync_component::{
    BlockId,
    ports::{ChainEvent, Clock, ImportBlocks, ReadChain, SystemClock, VoteStanding},
};
use tempfile::TempDir;

/// A `dev` chain on disk with a pool, and Alice, its authority.
struct World {
    chain: Arc<Chain>,
    pool: Arc<Pool>,
    slot: u64,
    _folder: TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let spec = Preset::Dev.spec();
        let store = folder.path().join("full");
        let chain = Chain::open(&store, &spec, TemplateRuntime, clock.clone()).unwrap();
        let chain = Arc::new(chain);
        Self {
            pool: Arc::new(Pool::new(chain.clone(), clock, Limits::default())),
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

    /// Lets the pool see what the chain has told since.
    fn follow(
        &self,
        from: BlockId<Block>,
        events: &mut tokio::sync::broadcast::Receiver<ChainEvent<Block>>,
    ) {
        let mut from = from;
        while let Ok(event) = events.try_recv() {
            let best = event.best;
            self.pool.follow(from, Some(event)).unwrap();
            from = best;
        }
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
    let mut events = world.chain.events();
    let genesis = world.chain.best();
    let ready = world.pool.ready();
    assert_eq!(ready.len(), 3, "Bob's waits for the one before it");
    let block = world.block_on(genesis, ready);
    assert_eq!(block.extrinsics().len(), 4);
    world.follow(genesis, &mut events);
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

#[test]
fn extrinsics_of_a_branch_that_is_left_wait_again() {
    let mut world = World::new();
    world.chain.set_vote(VoteStanding::NotWithUs).unwrap();
    let mut events = world.chain.events();
    let genesis = world.chain.best();
    let ours = world.transfer(DevKey::Alice, 0, 5);
    let shared = world.transfer(DevKey::Bob, 0, 7);
    world.submit(ours.clone()).unwrap();
    world.submit(shared.clone()).unwrap();
    let left = world.block_on(genesis, world.pool.ready());
    world.follow(genesis, &mut events);
    assert_eq!(world.pool.size().0, 0);
    let left_tip = world.chain.best();
    assert_eq!(left_tip.hash, left.header().hash());
    let first = world.block_on(genesis, vec![shared]);
    let first = BlockId::of(first.header());
    world.block_on(first, Vec::new());
    assert_ne!(world.chain.best(), left_tip);
    world.follow(left_tip, &mut events);
    // Bob's is in the other branch as well.
    assert_eq!(world.pool.all(), [ours]);
    assert_eq!(world.pool.ready().len(), 1);
}

#[test]
fn missed_events_cost_nothing() {
    let mut world = World::new();
    world.submit(world.transfer(DevKey::Alice, 0, 5)).unwrap();
    let genesis = world.chain.best();
    world.block_on(genesis, world.pool.ready());
    world.pool.follow(genesis, None).unwrap();
    assert_eq!(world.pool.size().0, 0);
}
