use super::{
    SyncPlan,
    report::{Imported, Joined, Served},
};
use crate::benchmark::{Machine, limits::LimitsFigures, usage::mebibytes};
use serde::Serialize;
use std::{collections::BTreeMap, fmt};

/// What `benchmark sync` found. As JSON with the fields of SPEC section 14 alone; the others are shown to people.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SyncFigures {
    /// On what.
    #[serde(flatten)]
    pub machine: Machine,
    /// Blocks of the chain.
    pub blocks: u32,
    /// From the first request to the last import.
    pub blocks_per_second: f64,
    /// The same chain from a file.
    pub import_blocks_per_second: f64,
    /// The first by the second.
    pub ratio_to_import: f64,
    /// The same with the servers' CPU counted apart: as if they had cores of their own.
    #[serde(skip)]
    pub ratio_to_import_servers_apart: f64,
    /// What this machine allows for such blocks.
    pub bound_blocks_per_second: f64,
    /// The sync by that.
    pub ratio_to_bound: f64,
    /// Of the joining process.
    pub cpu_seconds: f64,
    /// Of the servers' process.
    pub server_cpu_seconds: f64,
    /// From the first request to the first import.
    #[serde(skip)]
    pub seconds_to_first_import: f64,
    /// The sync by the sum of the stages: below 1, they overlapped.
    #[serde(skip)]
    pub ratio_to_stages: f64,
    /// Most memory that the joining process held.
    pub peak_rss_bytes: u64,
    /// Bytes of message bodies that came.
    pub bytes_received: u64,
    /// Seconds in each stage, over all threads and requests.
    pub stages: BTreeMap<String, f64>,
    /// For people.
    #[serde(skip)]
    plan: SyncPlan,
    #[serde(skip)]
    seconds: f64,
}

impl SyncFigures {
    pub(super) fn of(
        plan: &SyncPlan,
        limits: &LimitsFigures,
        imported: Imported,
        joined: Joined,
        served: Served,
    ) -> Self {
        let blocks = plan.blocks.get();
        let bound = if plan.transfers == 0 {
            limits.empty_blocks.bound_blocks_per_second
        } else {
            limits.blocks_of_transfers.bound_blocks_per_second
        };
        let sync = f64::from(blocks) / joined.seconds;
        let import = f64::from(blocks) / imported.seconds;
        let alone = apart(joined.seconds, served.cpu_seconds, limits.machine.cores);
        Self {
            machine: limits.machine,
            blocks,
            blocks_per_second: sync,
            import_blocks_per_second: import,
            ratio_to_import: sync / import,
            ratio_to_import_servers_apart: imported.seconds / alone,
            bound_blocks_per_second: bound,
            ratio_to_bound: sync / bound,
            cpu_seconds: joined.cpu_seconds,
            server_cpu_seconds: served.cpu_seconds,
            seconds_to_first_import: joined.lead_seconds,
            ratio_to_stages: joined.seconds / joined.stages.values().sum::<f64>(),
            peak_rss_bytes: joined.peak_rss_bytes,
            bytes_received: joined.bytes_received,
            stages: joined.stages,
            plan: plan.clone(),
            seconds: joined.seconds,
        }
    }
}

/// How long a sync of `seconds` would have taken, had its servers, which used `servers` seconds of CPU on the same cores, had cores of
/// their own: as much less as all cores together need for that. Exact where all cores were busy; where they were not, the servers
/// took less from the sync than this says, and the time comes out too short.
pub(super) fn apart(seconds: f64, servers: f64, cores: usize) -> f64 {
    let cores = u32::try_from(cores).map_or(f64::INFINITY, f64::from);
    (seconds - servers / cores).max(f64::MIN_POSITIVE)
}

impl fmt::Display for SyncFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SyncPlan {
            transfers,
            peers,
            round_trip,
            mute,
            lying,
            strategy,
            ..
        } = &self.plan;
        let away = round_trip.as_millis();
        writeln!(
            f,
            "sync: {strategy}, {} blocks of {transfers} transfers; {peers} peers, {mute} mute, {lying} lying, {away} ms away and back ({})",
            self.blocks, self.machine
        )?;
        let Self { seconds, .. } = self;
        writeln!(
            f,
            "sync           {:>10.0} blocks/s   {seconds:.2} s from the first request to the last import, {:.2} s to the first",
            self.blocks_per_second, self.seconds_to_first_import
        )?;
        writeln!(
            f,
            "import-blocks  {:>10.0} blocks/s   the same chain from a file; sync / import {:.3}, the servers' CPU apart {:.3}",
            self.import_blocks_per_second, self.ratio_to_import, self.ratio_to_import_servers_apart
        )?;
        writeln!(
            f,
            "bound          {:>10.0} blocks/s   by `benchmark limits`; sync / bound {:.3}, import / bound {:.3}",
            self.bound_blocks_per_second,
            self.ratio_to_bound,
            self.import_blocks_per_second / self.bound_blocks_per_second
        )?;
        writeln!(
            f,
            "CPU            {:>10.2} s          of the joining process; the servers {:.2} s",
            self.cpu_seconds, self.server_cpu_seconds
        )?;
        writeln!(
            f,
            "memory         {:>10.1} MiB        at most, of the joining process",
            mebibytes(self.peak_rss_bytes)
        )?;
        writeln!(
            f,
            "received       {:>10.1} MiB",
            mebibytes(self.bytes_received)
        )?;
        let sum: f64 = self.stages.values().sum();
        let stages: Vec<_> = ["download", "decode", "verify", "execute", "commit"]
            .into_iter()
            .filter_map(|name| Some(format!("{name} {:.2} s", self.stages.get(name)?)))
            .collect();
        write!(
            f,
            "stages         {}; the sync took {:.2} of their sum",
            stages.join(", "),
            seconds / sum
        )
    }
}
