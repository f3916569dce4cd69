//! `benchmark limits`: what one core of this machine can do with the parts of which importing a block is made, and the bound
//! on blocks per second that follows ([`bound`]).
//!
//! The parts are measured by the libraries themselves, not by the node's code around them, so that the bound is the
//! machine's and not ours:
//!
//! | part | how |
//! |---|---|
//! | signature | sr25519, schnorrkel: one alone, and batches of 256, of one signer as seals are and of as many signers as transfers have |
//! | header hash | Blake2-256 over the SCALE bytes |
//! | decode | SCALE bytes of a block to a block |
//! | trie update | one commit of `sp-trie` on a state of 1000 accounts, nodes in memory: the timestamp alone, and with the payers and receivers of k transfers |
//! | write | a block's header, body, index entry and new trie nodes into `RocksDB` with the node's own columns and memory, alone and in batches |
//! | network | two swarms as the node has them, TCP on loopback, noise, yamux: replies of 1 MiB, several under way; small requests one after the other |
//!
//! Each time is the median of five runs.

pub mod bound;
mod disk;
mod figures;
mod line;
mod sample;
mod signatures;
mod timing;
mod trie;

pub use figures::LimitsFigures;

use super::{BenchmarkError, Machine, Told, Watch, stage::play};
use crate::block_file::Next;
use bound::Costs;
use sample::SampleBlocks;
use std::path::Path;
pub use timing::Effort;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitsPlan {
    /// Transfers in a block, beside empty blocks.
    pub transfers: usize,
    /// How long.
    pub effort: Effort,
}

/// Measures in a new folder in `folder`. Nothing is left behind, whatever the end.
pub fn run<W: Watch + ?Sized>(
    plan: LimitsPlan,
    folder: &Path,
    watch: &mut W,
) -> Result<LimitsFigures, BenchmarkError> {
    let scratch = tempfile::Builder::new()
        .prefix("benchmark-")
        .tempdir_in(folder)
        .map_err(|source| BenchmarkError::Path {
            path: folder.to_owned(),
            source,
        })?;
    let effort = plan.effort;
    begin(watch, "building sample blocks")?;
    let samples = SampleBlocks::make(&scratch.path().join("samples"), plan.transfers)?;
    begin(watch, "checking signatures")?;
    let signatures = signatures::measure(effort);
    begin(watch, "hashing and decoding")?;
    let header_hash = samples.header_hash(effort);
    let decode_empty = samples.empty.decode(effort);
    let decode_full = samples.full.decode(effort);
    begin(watch, "updating the trie")?;
    let trie_empty = trie::measure(effort, 0);
    let trie_full = trie::measure(effort, plan.transfers);
    begin(watch, "writing to RocksDB")?;
    let alone = disk::measure(
        &scratch.path().join("alone"),
        disk::BlockShape::of(&samples.empty, &trie_empty),
        disk::Batch::ALONE,
        effort,
    )?;
    let write_empty = disk::measure(
        &scratch.path().join("empty"),
        disk::BlockShape::of(&samples.empty, &trie_empty),
        disk::Batch::MANY,
        effort,
    )?;
    begin(watch, "writing larger blocks to RocksDB")?;
    let write_full = disk::measure(
        &scratch.path().join("full"),
        disk::BlockShape::of(&samples.full, &trie_full),
        disk::Batch::MANY,
        effort,
    )?;
    begin(watch, "sending over loopback")?;
    let line = play(watch, async |watch| {
        super::stage::unless_stopped(watch, line::measure(effort)).await
    })?;
    let costs = |size: usize, decode, trie: &trie::TrieCost, write: &disk::WriteCost| Costs {
        receive: line.receiving(size),
        decode,
        header_hash,
        seal: signatures.of_one,
        transfer: signatures.of_many,
        trie: trie.time,
        write_wall: write.wall,
        write_cpu: write.cpu,
    };
    let empty = costs(samples.empty.bytes, decode_empty, &trie_empty, &write_empty);
    let full = costs(samples.full.bytes, decode_full, &trie_full, &write_full);
    Ok(LimitsFigures::of(&figures::Measured {
        machine: Machine::here(),
        plan,
        signatures,
        header_hash,
        line,
        write_alone: alone.wall,
        empty: (samples.empty.bytes, empty),
        full: (samples.full.bytes, full),
    }))
}

fn begin<W: Watch + ?Sized>(watch: &mut W, doing: &str) -> Result<(), BenchmarkError> {
    watch.told(Told::Doing(doing));
    match watch.next() {
        Next::GoOn => Ok(()),
        Next::Stop => Err(BenchmarkError::Stopped),
    }
}
