//! Writes into `RocksDB`, with the columns and the memory of the node's store.

use super::{sample::Sample, timing::Effort, trie::TrieCost};
use crate::benchmark::{BenchmarkError, usage};
use codec::Encode;
use kvdb::DBTransaction;
use runtime_bridge::store::{LogLimit, column, open_folder};
use sp_core::H256;
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// Bytes of a hash, of which most keys are made.
const HASH: usize = 32;

/// What of a block goes into the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockShape {
    header_bytes: usize,
    body_bytes: usize,
    nodes: usize,
    node_bytes: usize,
}

impl BlockShape {
    pub(super) fn of(block: &Sample, trie: &TrieCost) -> Self {
        Self {
            header_bytes: block.header_bytes,
            body_bytes: block.body_bytes,
            nodes: trie.nodes,
            node_bytes: trie.node_bytes,
        }
    }

    /// Bytes of values and keys.
    fn bytes(&self) -> usize {
        let nodes = self.nodes * (HASH + self.node_bytes);
        self.header_bytes + self.body_bytes + nodes + 4 * HASH
    }
}

/// Blocks in one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Batch(u32);

impl Batch {
    pub(super) const ALONE: Self = Self(1);
    /// As many as the import of a file writes at once.
    pub(super) const MANY: Self = Self(256);

    fn len(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// What the write of one block costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WriteCost {
    /// As long as the writer waits.
    pub(super) wall: Duration,
    /// CPU time of all threads.
    pub(super) cpu: Duration,
}

/// Bytes that are made up before they are written: so many that the CPU time of the writes, which comes in steps of 10 ms, is
/// seen apart from that of making them up.
const PHASE_BYTES: usize = 16 << 20;

/// Writes for five runs' time.
pub(super) fn measure(
    folder: &Path,
    shape: BlockShape,
    batch: Batch,
    effort: Effort,
) -> Result<WriteCost, BenchmarkError> {
    let db = open_folder(folder, "benchmark", LogLimit::Usual, |_| Ok(()))
        .map_err(|error| BenchmarkError::Open(error.into()))?;
    let failed = |source| BenchmarkError::Path {
        path: folder.to_owned(),
        source,
    };
    let batches = u64::try_from(PHASE_BYTES / (batch.len() * shape.bytes()).max(1)).unwrap_or(1);
    let blocks_per_batch = u64::from(batch.0);
    let mut blocks: u64 = 0;
    let (mut wall, mut cpu) = (Duration::ZERO, Duration::ZERO);
    while wall < effort.0 * 5 {
        let made: Vec<_> = (0..batches.max(1))
            .map(|number| transaction(shape, batch, blocks + number * blocks_per_batch))
            .collect();
        let (begun, cpu_before) = (Instant::now(), cpu_now()?);
        for transaction in made {
            db.write(transaction).map_err(failed)?;
            blocks += blocks_per_batch;
        }
        wall += begun.elapsed();
        cpu += cpu_now()?.saturating_sub(cpu_before);
    }
    let each = |time: Duration| time / u32::try_from(blocks).unwrap_or(u32::MAX).max(1);
    Ok(WriteCost {
        wall: each(wall),
        cpu: each(cpu),
    })
}

fn cpu_now() -> Result<Duration, BenchmarkError> {
    usage::cpu().map_err(BenchmarkError::System)
}

fn transaction(shape: BlockShape, batch: Batch, first: u64) -> DBTransaction {
    let mut transaction = DBTransaction::new();
    for block in (first..).take(batch.len()) {
        let hash = random(block, 0, HASH);
        let header = random(block, 1, shape.header_bytes);
        let key = column::block_key(block, &H256::from_slice(&hash));
        transaction.put_vec(column::HEADER, &key, header);
        transaction.put_vec(column::BODY, &key, random(block, 2, shape.body_bytes));
        transaction.put_vec(column::NUMBER, &hash, block.encode());
        transaction.put_vec(column::INDEX, &block.to_be_bytes(), hash);
        for node in (3..).take(shape.nodes) {
            let value = random(block, node, shape.node_bytes.max(HASH));
            let key = value.get(..HASH).unwrap_or_default().to_vec();
            transaction.put_vec(column::STATE, &key, value);
        }
    }
    transaction.put(column::META, b"head", &first.to_be_bytes());
    transaction
}

/// Bytes that do not compress, the same every time.
fn random(block: u64, part: u64, length: usize) -> Vec<u8> {
    // Splitmix64.
    let mut state =
        block.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ part.wrapping_mul(0xff51_afd7_ed55_8ccd);
    let mut bytes = Vec::with_capacity(length.saturating_add(8));
    while bytes.len() < length {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
