//! A small chain for the tests: its runtime, a maker of valid blocks, and databases to hold them.

mod databases;
mod faulty;
mod maker;
mod runtime;

pub(crate) use databases::{dump, on_each_database, rocksdb};
pub(crate) use faulty::{Fault, Faulty};
pub(crate) use maker::{Maker, body, reseal, spec};
pub(crate) use runtime::{Block, Call, Header, TestRuntime, key, sign};

use kvdb::KeyValueDB;
use runtime_bridge::RuntimeBridge;
use std::sync::Arc;
use sync_component::{
    BlockId,
    ports::{ImportBlocks, Protocol, ReadChain, SystemClock},
    serving::{Server, Told},
    wire::Activity,
};

pub(crate) type Bridge = RuntimeBridge<Block, TestRuntime>;
pub(crate) type Id = BlockId<Block>;

/// A chain of this many authorities in memory.
pub(crate) fn in_memory(authorities: u64, max_reorg: u64) -> Bridge {
    over(Arc::new(memory()), authorities, max_reorg)
}

pub(crate) fn memory() -> kvdb_memorydb::InMemory {
    kvdb_memorydb::create(runtime_bridge::store::column::COUNT)
}

pub(crate) fn over(db: Arc<dyn KeyValueDB>, authorities: u64, max_reorg: u64) -> Bridge {
    let spec = spec(authorities, max_reorg);
    Bridge::over(db, &spec, TestRuntime, Arc::new(SystemClock::new())).unwrap()
}

/// Imports blocks that must hold.
pub(crate) fn import_all(bridge: &Bridge, blocks: &[Block]) {
    let report = bridge.import(blocks.to_vec());
    assert!(report.failure.is_none(), "{report:?}");
    assert_eq!(report.stored, blocks.len());
}

pub(crate) fn id(block: &Block) -> Id {
    BlockId::of(&block.header)
}

pub(crate) fn tip(blocks: &[Block]) -> Id {
    id(blocks.last().unwrap())
}

/// Hashes of the best chain from block 0 on, by the index.
pub(crate) fn canonical_chain(bridge: &Bridge) -> Vec<sp_core::H256> {
    (0..=bridge.best().number)
        .map(|number| bridge.canonical_hash(number).unwrap().unwrap())
        .collect()
}

/// What a peer on `chain` that keeps to the protocol answers.
pub(crate) fn honest(
    server: &Server,
    chain: &dyn ReadChain<Block>,
    protocol: Protocol,
    body: &[u8],
) -> Vec<u8> {
    match protocol {
        Protocol::Headers => server.headers(chain, body),
        Protocol::Blocks => server.blocks(chain, body),
        Protocol::State => server.state(chain, body),
        Protocol::Status | Protocol::Announce => {
            server.status(chain, Told::doing(Activity::Serving), body)
        }
    }
}
