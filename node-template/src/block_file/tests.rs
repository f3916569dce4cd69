#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

mod batching;
mod importing;
mod new_files;
mod reading;

use super::{BlockReader, BlockWriter, Format};
use crate::{
    authoring::Chain,
    keystore::DevKey,
    runtime::{Block, Extrinsic, TemplateRuntime},
};
use chain_spec::{ChainSpec, Preset};
use sp_core::Pair;
use std::{io::Cursor, sync::Arc};
use sync_component::ports::{ImportBlocks, ReadChain, SystemClock};
use tempfile::TempDir;

/// As the presets have it.
const BLOCK_BYTES: usize = 5 << 20;

const FORMATS: [Format; 2] = [Format::Json, Format::Binary];

/// A chain on disk.
struct World {
    chain: Chain,
    _folder: TempDir,
}

impl World {
    fn of(spec: &ChainSpec) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("full");
        let clock = Arc::new(SystemClock::new());
        Self {
            chain: Chain::open(&store, spec, TemplateRuntime, clock).unwrap(),
            _folder: folder,
        }
    }

    /// The `dev` chain at genesis.
    fn empty() -> Self {
        Self::of(&Preset::Dev.spec())
    }

    /// With `count` more blocks of Alice's, each with a transfer.
    fn grown(self, count: u64) -> Self {
        for _ in 0..count {
            let best = self.chain.best();
            let (number, genesis) = (u64::from(best.number), self.chain.genesis_hash());
            let to = DevKey::Bob.pair().public();
            let transfer = Extrinsic::transfer(&DevKey::Alice.pair(), to, 5, number, genesis);
            let unsealed = self.chain.build(best, (10 + number).into(), vec![transfer]);
            let unsealed = unsealed.unwrap();
            assert!(unsealed.skipped().is_empty());
            let seal = DevKey::Alice.pair().sign(unsealed.pre_hash().as_bytes());
            let report = self.chain.import(vec![unsealed.seal(seal)]);
            assert!(report.failure.is_none(), "{report:?}");
        }
        self
    }

    fn blocks(&self) -> Vec<Block> {
        let numbers = 1..=self.chain.best().number;
        numbers.map(|number| self.block(number)).collect()
    }

    fn block(&self, number: u32) -> Block {
        let hash = self.chain.canonical_hash(number).unwrap().unwrap();
        self.chain.block(hash).unwrap().unwrap()
    }
}

/// A file of these blocks.
fn file_of(blocks: &[Block], format: Format) -> Vec<u8> {
    let count = u64::try_from(blocks.len()).unwrap();
    let mut writer = BlockWriter::begin(Vec::new(), format, count).unwrap();
    for block in blocks {
        writer.write(block.clone()).unwrap();
    }
    writer.finish().unwrap()
}

fn reader(bytes: Vec<u8>, format: Format) -> BlockReader<Cursor<Vec<u8>>> {
    BlockReader::new(Cursor::new(bytes), format, BLOCK_BYTES)
}
