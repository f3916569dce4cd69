//! Chains that begin with a snapshot (SPEC section 7, `snapshot`).

mod download;
mod headers;
mod state;

use crate::support::{Block, Call, Header, Maker, TestRuntime, dump, id, memory, rocksdb, spec};
use chain_spec::ChainSpec;
use kvdb::KeyValueDB;
use runtime_bridge::{
    RuntimeBridge,
    execute::{
        AuthoritySet, BlockContext, ExecutionError, Runtime, SignedPayload, State, StateError,
        StateReader,
    },
    store::column,
};
use sp_consensus_aura::sr25519::AuthorityId;
use sp_runtime::OpaqueExtrinsic;
use std::{collections::BTreeMap, sync::Arc};
use sync_component::ports::{
    BlockFault, BuildSnapshots, FinishRefused, HeaderRejected, HeadersRefused, ImportBlocks,
    NoSnapshots, Presence, ProofBudget, ProofFault, ReadChain, StateProof, StateRefused,
    StateStanding, SystemClock, UnixMillis, VerifyHeaders,
};

const NOW: UnixMillis = UnixMillis(u64::MAX);
const AUTHORITIES: u64 = 3;
const MAX_REORG: u64 = 5;

/// The runtime of the tests, which says that the authorities never change: a snapshot needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sets {
    /// And so it is.
    Steady,
    /// Above genesis each stands in the list twice, so that their turns stay the same.
    Drifting,
}

impl Runtime<Block> for Sets {
    fn genesis_state(&self, spec: &ChainSpec) -> BTreeMap<Vec<u8>, Vec<u8>> {
        TestRuntime.genesis_state(spec)
    }

    fn authorities(&self, state: &dyn StateReader) -> Result<Vec<AuthorityId>, StateError> {
        let mut all = TestRuntime.authorities(state)?;
        if *self == Self::Drifting && state.get(b"slot")?.is_some() {
            all.extend(all.clone());
        }
        Ok(all)
    }

    fn authority_set(&self) -> AuthoritySet {
        AuthoritySet::Fixed
    }

    fn inherents(&self, context: &BlockContext<Block>) -> Vec<OpaqueExtrinsic> {
        TestRuntime.inherents(context)
    }

    fn signature(
        &self,
        extrinsic: &OpaqueExtrinsic,
        context: &BlockContext<Block>,
    ) -> Option<SignedPayload> {
        TestRuntime.signature(extrinsic, context)
    }

    fn apply(
        &self,
        state: &mut State<'_>,
        context: &BlockContext<Block>,
        index: usize,
        extrinsic: &OpaqueExtrinsic,
    ) -> Result<(), ExecutionError> {
        TestRuntime.apply(state, context, index, extrinsic)
    }

    fn finish(
        &self,
        state: &mut State<'_>,
        context: &BlockContext<Block>,
        extrinsics: &[OpaqueExtrinsic],
    ) -> Result<(), ExecutionError> {
        TestRuntime.finish(state, context, extrinsics)
    }
}

type Bridge = RuntimeBridge<Block, Sets>;

fn over(db: Arc<dyn KeyValueDB>) -> Bridge {
    let spec = spec(AUTHORITIES, MAX_REORG);
    Bridge::over(db, &spec, Sets::Steady, Arc::new(SystemClock::new())).unwrap()
}

fn new() -> Bridge {
    over(Arc::new(memory()))
}

/// A chain with 60 counters in its state, and one that has it from block 1 on.
struct World {
    maker: Maker,
    blocks: Vec<Block>,
    server: Bridge,
}

impl World {
    fn new(length: u64) -> Self {
        let maker = Maker::new(AUTHORITIES);
        let server = new();
        let mut blocks = Vec::new();
        let mut parent = maker.genesis();
        for slot in 1..=length {
            let counter = u8::try_from(slot * 4 % 240).unwrap();
            let calls: Vec<_> = (0..4).map(|n| Call::Add(counter + n, 1)).collect();
            let block = maker.block(parent, slot, &calls);
            parent = id(&block);
            blocks.push(block);
        }
        let report = server.import(blocks.clone());
        assert!(report.failure.is_none(), "{report:?}");
        Self {
            maker,
            blocks,
            server,
        }
    }

    fn headers(&self) -> Vec<Header> {
        self.blocks
            .iter()
            .map(|block| block.header.clone())
            .collect()
    }

    /// The block at this height.
    fn at(&self, height: u32) -> &Block {
        &self.blocks[usize::try_from(height).unwrap() - 1]
    }

    fn proof(&self, height: u32, after: Option<&[u8]>, soft: usize) -> StateProof {
        let budget = ProofBudget {
            soft,
            hard: 1 << 20,
            nodes: usize::MAX,
        };
        let states = self.server.states().unwrap();
        let proof = states.prove_state(id(self.at(height)).hash, after, budget);
        proof.unwrap().unwrap()
    }

    /// All headers, and the choice of this block.
    fn chosen(&self, db: Arc<dyn KeyValueDB>, height: u32) -> Bridge {
        self.chosen_in(over(db), height)
    }

    fn chosen_in(&self, bridge: Bridge, height: u32) -> Bridge {
        bridge.add_headers(&self.headers(), NOW).unwrap();
        assert_eq!(bridge.choose_state(height).unwrap(), id(self.at(height)));
        bridge
    }

    /// The next piece of the state.
    fn feed(&self, bridge: &Bridge, soft: usize) -> Progress {
        match bridge.standing().state {
            StateStanding::Partly { of, after, .. } => {
                let proof = self.proof(of.number, after.as_deref(), soft);
                bridge.add_state(&proof).unwrap();
                Progress::Further
            }
            _ => Progress::Whole,
        }
    }

    /// A finished snapshot at this height.
    fn finished(&self, db: Arc<dyn KeyValueDB>, height: u32) -> Bridge {
        let bridge = self.chosen(db, height);
        while self.feed(&bridge, 500) == Progress::Further {}
        bridge.finish(self.at(height).clone()).unwrap();
        bridge
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Further,
    Whole,
}

#[test]
fn chain_with_a_snapshot_goes_on_and_opens_again() {
    let world = World::new(60);
    let folder = tempfile::tempdir().unwrap();
    let db = rocksdb(&folder);
    let bridge = world.finished(db.clone(), 40);
    assert_eq!(bridge.best(), id(world.at(40)));
    assert_eq!(bridge.finalized(), id(world.at(40)));
    assert_eq!(bridge.lowest_served(), 40);
    drop(bridge);

    let bridge = over(db.clone());
    assert_eq!(bridge.lowest_served(), 40);
    let report = bridge.import(world.blocks[40..].to_vec());
    assert!(report.failure.is_none(), "{report:?}");
    assert_eq!(bridge.tip().unwrap(), world.server.tip().unwrap());
    assert_eq!(bridge.finalized(), world.server.finalized());
    drop(bridge);

    let bridge = over(db);
    for block in &world.blocks {
        let (hash, number) = (block.header.hash(), block.header.number);
        assert_eq!(bridge.canonical_hash(number).unwrap(), Some(hash));
        assert_eq!(bridge.header(hash).unwrap().as_ref(), Some(&block.header));
        let stored = bridge.block(hash).unwrap();
        assert_eq!(stored.as_ref(), (number >= 40).then_some(block));
        // A state below is not damaged but not kept.
        let kept = bridge.storage(hash, b"slot").unwrap();
        assert_eq!(kept.is_some(), number >= 40, "{number}");
        let all = bridge.authorities_at(hash).unwrap();
        assert_eq!(all, world.server.authorities_at(hash).unwrap());
        let budget = ProofBudget {
            soft: 1 << 20,
            hard: 1 << 20,
            nodes: usize::MAX,
        };
        let ours = bridge.states().unwrap().prove_state(hash, None, budget);
        let theirs = world
            .server
            .states()
            .unwrap()
            .prove_state(hash, None, budget);
        let theirs = theirs.unwrap().filter(|_| number >= 40);
        assert_eq!(ours.unwrap(), theirs);
    }
}

#[test]
fn block_that_begins_the_chain_cannot_be_executed_again_and_those_above_can() {
    let world = World::new(60);
    let bridge = world.finished(Arc::new(memory()), 40);
    let report = bridge.import(world.blocks[40..].to_vec());
    assert!(report.failure.is_none(), "{report:?}");
    let hash = |height| world.at(height).header.hash();
    for height in [1, 39, 40] {
        let error = bridge.check_again(hash(height)).unwrap_err().to_string();
        assert!(
            error.contains("begins with a snapshot at block 40"),
            "{error}"
        );
        assert_eq!(bridge.ensure_kept(hash(height)).is_err(), height < 40);
    }
    let nowhere = sp_core::H256::repeat_byte(9);
    assert_eq!(bridge.check_again(nowhere).unwrap(), None);
    bridge.ensure_kept(nowhere).unwrap();
    for height in [41, 60] {
        let checked = bridge.check_again(hash(height)).unwrap();
        assert_eq!(checked, Some(id(world.at(height))));
    }
}

#[test]
fn until_it_is_finished_the_chain_ends_at_genesis_and_takes_no_blocks() {
    let world = World::new(60);
    let bridge = world.chosen(Arc::new(memory()), 40);
    assert_eq!(bridge.best(), world.maker.genesis());
    assert_eq!(bridge.lowest_served(), 0);
    assert_eq!(bridge.canonical_hash(1).unwrap(), None);
    let first = world.at(1).header.hash();
    assert_eq!(bridge.presence(first).unwrap(), Presence::Absent);
    let report = bridge.import(world.blocks[..1].to_vec());
    assert_eq!(report.stored, 0);
    assert!(report.failure.is_some());
}

#[test]
fn it_goes_on_after_a_stop_at_every_step() {
    let world = World::new(60);
    let db: Arc<dyn KeyValueDB> = Arc::new(memory());
    let mut steps = 0;
    for header in world.headers() {
        let bridge = over(db.clone());
        // What was not final is lost, and added again.
        let from = bridge.standing().finalized.number;
        let again = world.headers();
        let upper = usize::try_from(header.number).unwrap();
        let lower = usize::try_from(from).unwrap();
        bridge.add_headers(&again[lower..upper], NOW).unwrap();
        steps += 1;
    }
    assert_eq!(
        over(db.clone()).standing().finalized,
        world.server.finalized()
    );
    over(db.clone()).choose_state(45).unwrap();
    while world.feed(&over(db.clone()), 300) == Progress::Further {
        over(db.clone()).choose_state(45).unwrap();
        steps += 1;
    }
    over(db.clone()).finish(world.at(45).clone()).unwrap();
    assert!(steps > 70, "{steps}");
    let bridge = over(db.clone());
    assert!(matches!(
        bridge.standing().state,
        StateStanding::Finished { of } if of == id(world.at(45))
    ));
    let report = bridge.import(world.blocks[45..].to_vec());
    assert!(report.failure.is_none(), "{report:?}");
    assert_eq!(bridge.tip().unwrap(), world.server.tip().unwrap());
}

/// A snapshot of one program, then a program in which the authorities may change.
#[test]
fn authorities_below_a_snapshot_are_not_guessed_where_they_may_change() {
    let world = World::new(60);
    let db: Arc<dyn KeyValueDB> = Arc::new(memory());
    drop(world.finished(db.clone(), 40));
    let later = crate::support::over(db, AUTHORITIES, MAX_REORG);
    for height in [1, 39] {
        let error = later.authorities_at(id(world.at(height)).hash);
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("begins with a snapshot at block 40"),
            "{error}"
        );
    }
    for hash in [id(world.at(40)).hash, world.maker.genesis().hash] {
        assert_eq!(later.authorities_at(hash).unwrap().len(), 3);
    }
}

#[test]
fn finished_chain_is_never_turned_back_into_one_under_construction() {
    let world = World::new(60);
    let db: Arc<dyn KeyValueDB> = Arc::new(memory());
    let bridge = world.finished(db.clone(), 40);
    let report = bridge.import(world.blocks[40..].to_vec());
    assert!(report.failure.is_none(), "{report:?}");
    let before = dump(db.as_ref());
    for height in [20, 40] {
        bridge.choose_state(height).unwrap_err();
    }
    let refused = bridge.add_headers(&world.headers()[40..], NOW).unwrap_err();
    assert!(matches!(refused, HeadersRefused::Finished), "{refused}");
    assert_eq!(dump(db.as_ref()), before);
    assert_eq!(bridge.best(), id(world.at(60)));
}

#[test]
fn blocks_on_a_false_state_are_refused_above_the_snapshot() {
    let world = World::new(60);
    let bridge = world.finished(Arc::new(memory()), 40);
    let mut block = world.at(41).clone();
    block.header.state_root = sp_core::H256::repeat_byte(3);
    let block = crate::support::reseal(block, world.maker.key(41));
    let report = bridge.import(vec![block]);
    assert_eq!(report.stored, 0);
    assert!(report.failure.is_some());
}

#[test]
fn bridges_that_cannot_say_why() {
    let steady = new();
    assert!(steady.snapshots().is_ok());
    let world = World::new(12);
    let refused = world.server.snapshots().map(drop);
    assert_eq!(refused, Err(NoSnapshots::BlocksStored));
    let changing = crate::support::in_memory(AUTHORITIES, MAX_REORG);
    let refused = changing.snapshots().map(drop);
    assert_eq!(refused, Err(NoSnapshots::AuthoritiesChange));
    // Also before it has blocks.
    let live = new().live();
    assert_eq!(live.snapshots().map(drop), Err(NoSnapshots::Live));
    let finished = World::new(60).finished(Arc::new(memory()), 40);
    assert!(finished.snapshots().is_ok());
}
