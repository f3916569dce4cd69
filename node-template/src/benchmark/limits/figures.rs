use super::{LimitsPlan, bound::Costs, line::LineCosts, signatures::SignatureCosts};
use crate::benchmark::Machine;
use serde::{Serialize, Serializer};
use std::{fmt, time::Duration};

/// Everything that was measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    pub(super) machine: Machine,
    pub(super) plan: LimitsPlan,
    pub(super) signatures: SignatureCosts,
    pub(super) header_hash: Duration,
    pub(super) line: LineCosts,
    pub(super) write_alone: Duration,
    /// Bytes of an empty block, and what it costs.
    pub(super) empty: (usize, Costs),
    /// The same of one with transfers.
    pub(super) full: (usize, Costs),
}

/// What `benchmark limits` found. Times are of one core, in microseconds where they are printed.
#[derive(Clone, Debug, Serialize)]
pub struct LimitsFigures {
    /// On what.
    #[serde(flatten)]
    pub machine: Machine,
    /// One sr25519 signature alone.
    #[serde(rename = "signature_alone_us", serialize_with = "micros")]
    pub signature_alone: Duration,
    /// One in a batch of 256 by one signer.
    #[serde(rename = "signature_in_batch_us", serialize_with = "micros")]
    pub signature_in_batch: Duration,
    /// One in a batch of 256 by as many signers.
    #[serde(
        rename = "signature_in_batch_of_many_signers_us",
        serialize_with = "micros"
    )]
    pub signature_in_batch_of_many_signers: Duration,
    /// One hash of a header.
    #[serde(rename = "header_hash_us", serialize_with = "micros")]
    pub header_hash: Duration,
    /// The write of one empty block alone.
    #[serde(rename = "write_alone_us", serialize_with = "micros")]
    pub write_alone: Duration,
    /// Bytes per second over loopback libp2p.
    pub libp2p_bytes_per_second: f64,
    /// A small round trip over loopback libp2p.
    #[serde(rename = "libp2p_round_trip_us", serialize_with = "micros")]
    pub libp2p_round_trip: Duration,
    /// Blocks without transfers.
    pub empty_blocks: BlockFigures,
    /// Blocks with them.
    pub blocks_of_transfers: BlockFigures,
}

/// What a block costs, and the bound that follows.
#[derive(Clone, Debug, Serialize)]
pub struct BlockFigures {
    /// Transfers in it.
    pub transfers: usize,
    /// Its length.
    pub bytes: usize,
    /// Taking it off the network.
    #[serde(rename = "receive_us", serialize_with = "micros")]
    pub receive: Duration,
    /// Bytes to block.
    #[serde(rename = "decode_us", serialize_with = "micros")]
    pub decode: Duration,
    /// The state's new root and nodes.
    #[serde(rename = "trie_us", serialize_with = "micros")]
    pub trie: Duration,
    /// Its part of a large write, as long as the writer waits.
    #[serde(rename = "write_us", serialize_with = "micros")]
    pub write: Duration,
    /// The same in CPU time of all threads.
    #[serde(rename = "write_cpu_us", serialize_with = "micros")]
    pub write_cpu: Duration,
    /// All work on it.
    #[serde(rename = "work_us", serialize_with = "micros")]
    pub work: Duration,
    /// Blocks per second at most, on all cores.
    pub bound_blocks_per_second: f64,
}

impl BlockFigures {
    fn of(transfers: usize, bytes: usize, costs: &Costs, cores: usize) -> Self {
        Self {
            transfers,
            bytes,
            receive: costs.receive,
            decode: costs.decode,
            trie: costs.trie,
            write: costs.write_wall,
            write_cpu: costs.write_cpu,
            work: costs.work(transfers),
            bound_blocks_per_second: costs.bound(transfers, cores),
        }
    }
}

impl LimitsFigures {
    pub(super) fn of(measured: &Measured) -> Self {
        let Measured {
            machine,
            plan,
            signatures,
            header_hash,
            line,
            write_alone,
            empty: (empty_bytes, empty),
            full: (full_bytes, full),
        } = *measured;
        Self {
            machine,
            signature_alone: signatures.alone,
            signature_in_batch: signatures.of_one,
            signature_in_batch_of_many_signers: signatures.of_many,
            header_hash,
            write_alone,
            libp2p_bytes_per_second: line.bytes_per_second,
            libp2p_round_trip: line.round_trip,
            empty_blocks: BlockFigures::of(0, empty_bytes, &empty, machine.cores),
            blocks_of_transfers: BlockFigures::of(plan.transfers, full_bytes, &full, machine.cores),
        }
    }
}

fn in_micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn micros<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(in_micros(*time))
}

impl fmt::Display for LimitsFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line =
            |what: &str, time: Duration| writeln!(f, "{what:<44}{:>10.2} µs", in_micros(time));
        line("sr25519 signature, alone", self.signature_alone)?;
        line(
            "sr25519 signature, in batches of 256",
            self.signature_in_batch,
        )?;
        line(
            "the same, each of another signer",
            self.signature_in_batch_of_many_signers,
        )?;
        line("header hash", self.header_hash)?;
        line("RocksDB write, one empty block alone", self.write_alone)?;
        line(
            "libp2p on loopback, small round trip",
            self.libp2p_round_trip,
        )?;
        let mebibytes = self.libp2p_bytes_per_second / f64::from(1 << 20);
        writeln!(
            f,
            "{:<44}{mebibytes:>10.1} MiB/s",
            "libp2p on loopback, replies of 1 MiB"
        )?;
        for block in [&self.empty_blocks, &self.blocks_of_transfers] {
            write!(f, "{block}")?;
        }
        write!(
            f,
            "times of one core; the bound is of all ({})\n\
             work  = receive + decode + 2 × header hash + seal + transfers × transfer's signature + trie update + write (CPU)\n\
             bound = min(1 / trie update, 1 / write, cores / work)",
            self.machine
        )
    }
}

impl fmt::Display for BlockFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "block of {} transfers, {} bytes",
            self.transfers, self.bytes
        )?;
        let parts = [
            ("receive", self.receive),
            ("decode", self.decode),
            ("trie update", self.trie),
            ("RocksDB write, in batches of 256", self.write),
            ("RocksDB write, CPU of all threads", self.write_cpu),
            ("work", self.work),
        ];
        for (what, time) in parts {
            writeln!(f, "  {what:<42}{:>10.2} µs", in_micros(time))?;
        }
        writeln!(
            f,
            "  {:<42}{:>10.0} blocks/s",
            "bound", self.bound_blocks_per_second
        )
    }
}
