//! The bound on blocks per second. I/O-free.
//!
//! Blocks are executed in order, each on the state of the one before, so the trie updates of a chain follow one another on
//! one core; so do the writes, on a core of their own if there is one. Everything else (receiving, decoding, hashing,
//! signatures) can be done for many blocks at once on all cores. With the times of one block on one core:
//!
//! ```text
//! work  = receive + decode + 2 · header hash + seal + transfers · transfer's signature + trie update + write (CPU)
//! bound = min( 1 / trie update,  1 / write,  cores / work )
//! ```
//!
//! Both kinds of signatures are checked in batches: seals are of few signers, transfers each of another one, which is dearer.
//! The header is hashed twice: with its seal, which is the block's hash, and without, which is what the seal signs. The CPU
//! time of a write counts what `RocksDB` does in the background; the second term has the time that the writer waits. What the
//! servers cost is not in it, nor what only a sync has to do: asking, scheduling, checking links and roots.

use std::time::Duration;

/// How often a header is hashed.
const HASHES_PER_BLOCK: u32 = 2;

/// What one block costs, on one core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Costs {
    /// Taking its bytes off the network.
    pub receive: Duration,
    /// Bytes to block.
    pub decode: Duration,
    /// One hash of a header.
    pub header_hash: Duration,
    /// The seal, in a batch of one signer's.
    pub seal: Duration,
    /// A transfer's signature, in a batch of many signers'.
    pub transfer: Duration,
    /// The state's new root and nodes.
    pub trie: Duration,
    /// The block's part of a large write, as long as the writer waits.
    pub write_wall: Duration,
    /// The same in CPU time, background work included.
    pub write_cpu: Duration,
}

impl Costs {
    /// All work on a block with this many transfers.
    pub fn work(&self, transfers: usize) -> Duration {
        let transfers = u32::try_from(transfers).unwrap_or(u32::MAX);
        self.receive
            + self.decode
            + self.header_hash * HASHES_PER_BLOCK
            + self.seal
            + self.transfer.saturating_mul(transfers)
            + self.trie
            + self.write_cpu
    }

    /// Blocks per second that `cores` cores can import at most.
    pub fn bound(&self, transfers: usize, cores: usize) -> f64 {
        let cores = u32::try_from(cores).map_or(f64::INFINITY, f64::from);
        let per_second = |time: Duration| 1.0 / time.as_secs_f64();
        per_second(self.trie)
            .min(per_second(self.write_wall))
            .min(cores * per_second(self.work(transfers)))
    }
}
