use super::{ResyncPlan, node::Measured};
use crate::benchmark::{
    Machine,
    sync::report::{Joined, Served},
    usage::mebibytes,
};
use serde::Serialize;
use std::fmt;

/// What `benchmark resync` found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ResyncFigures {
    /// On what.
    #[serde(flatten)]
    pub machine: Machine,
    /// The strategy of Tier 3.
    pub strategy: String,
    /// Blocks of the chain.
    pub blocks: u32,
    /// Accounts with a balance.
    pub accounts: usize,
    /// From the order to the new chain.
    pub seconds: f64,
    /// A fresh join of the same chain from as many peers, from the first request to the last import.
    pub sync_seconds: f64,
    /// The first by the second.
    pub ratio_to_sync: f64,
    /// The longest time in which the node did not answer while the stores were exchanged.
    pub pause_ms: f64,
    /// What the chain's folder held before.
    pub disk_before_bytes: u64,
    /// The most that it held.
    pub disk_peak_bytes: u64,
    /// The most that the store of the join held: what one such chain takes while it is built.
    pub sync_disk_peak_bytes: u64,
    /// Bytes of message bodies that the peers sent for the resync.
    pub bytes_received: u64,
    /// The same for the join.
    pub sync_bytes_received: u64,
}

impl ResyncFigures {
    pub(super) fn of(
        plan: &ResyncPlan,
        joined: &Joined,
        store_peak: u64,
        measured: &Measured,
        served: Served,
    ) -> Self {
        let seconds = measured.took.as_secs_f64();
        Self {
            machine: Machine::here(),
            strategy: plan.strategy.clone(),
            blocks: plan.blocks.get(),
            accounts: plan.accounts.get(),
            seconds,
            sync_seconds: joined.seconds,
            ratio_to_sync: seconds / joined.seconds,
            pause_ms: measured.pause.as_secs_f64() * 1_000.0,
            disk_before_bytes: measured.disk_before,
            disk_peak_bytes: measured.disk_peak,
            sync_disk_peak_bytes: store_peak,
            bytes_received: served.bytes_sent,
            sync_bytes_received: joined.bytes_received,
        }
    }
}

impl fmt::Display for ResyncFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "resync: {}, {} blocks, {} accounts ({})",
            self.strategy, self.blocks, self.accounts, self.machine
        )?;
        writeln!(
            f,
            "resync         {:>10.2} s          from the order to the new chain",
            self.seconds
        )?;
        writeln!(
            f,
            "sync           {:>10.2} s          a fresh join of the same chain; resync / sync {:.3}",
            self.sync_seconds, self.ratio_to_sync
        )?;
        writeln!(
            f,
            "pause          {:>10.0} ms         the longest without an answer, around the exchange of the stores",
            self.pause_ms
        )?;
        writeln!(
            f,
            "disk           {:>10.1} MiB        at most; {:.1} MiB before, and the join's store {:.1} MiB at most",
            mebibytes(self.disk_peak_bytes),
            mebibytes(self.disk_before_bytes),
            mebibytes(self.sync_disk_peak_bytes)
        )?;
        write!(
            f,
            "received       {:>10.1} MiB        the join received {:.1} MiB",
            mebibytes(self.bytes_received),
            mebibytes(self.sync_bytes_received)
        )
    }
}
