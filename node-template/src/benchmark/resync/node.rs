//! The node that resyncs.

use super::watched::{DiskWatch, Pauses, size_of};
use crate::{
    benchmark::{BenchmarkError, Told, Watch, stage::unless_stopped},
    localnet::{NodeProcess, ProcessPlan},
    rpc::{CountedView, LastRunView, ResyncParams, ResyncView},
    status_view::{NodeClient, VerdictKind},
};
use chain_spec::ChainSpec;
use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How long a start, or the way to the peers, may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often the node is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// Which node, on what.
#[derive(Debug)]
pub(super) struct NodePlan {
    /// Its base path.
    pub(super) base: PathBuf,
    /// The store that it runs on, which is moved to its place.
    pub(super) store: PathBuf,
    /// Its chain.
    pub(super) spec: ChainSpec,
    /// The strategy of Tier 3.
    pub(super) strategy: String,
    /// Its peers.
    pub(super) addresses: Vec<String>,
}

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Measured {
    /// From the order to the new chain.
    pub(super) took: Duration,
    /// The longest time between two answers while the stores were exchanged.
    pub(super) pause: Duration,
    /// What the chain's folder held before.
    pub(super) disk_before: u64,
    /// The most that it held.
    pub(super) disk_peak: u64,
}

/// Runs a node and has it resync.
pub(super) async fn resync<W: Watch>(
    plan: NodePlan,
    watch: &mut W,
) -> Result<Measured, BenchmarkError> {
    watch.told(Told::Doing("starting the node"));
    let folder = plan.base.join("chains").join(&plan.spec.id);
    let mut node = prepared(&plan, &folder)?;
    unless_stopped(watch, async {
        node.serving(PATIENCE).await?;
        until_in_sync(&node).await
    })
    .await?;
    let file = node
        .node_file()
        .ok_or_else(|| BenchmarkError::Resync("the node has no address".to_owned()))?;
    // An order needs the token.
    let client = NodeClient::of_operator(&file)?;
    let disk_before = size_of(&folder);
    let disk = DiskWatch::begin(&folder);
    let pauses = Pauses::begin(&folder);
    let begun = Instant::now();
    client
        .resync(&ResyncParams {
            strategy: Some(plan.strategy.clone()),
            ..ResyncParams::default()
        })
        .await?;
    let end = until_live(&node, watch).await?;
    let measured = Measured {
        took: end.live.saturating_duration_since(begun),
        pause: pauses.longest(end.working, end.live).await,
        disk_before,
        disk_peak: disk.end(),
    };
    node.stop(PATIENCE).await?;
    Ok(measured)
}

/// The node's folder with the store in it, and its process.
fn prepared(plan: &NodePlan, folder: &Path) -> Result<NodeProcess, BenchmarkError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source: io::Error| BenchmarkError::Path { path, source }
    };
    let live = folder.join("db").join("full");
    let parent = folder.join("db");
    fs::create_dir_all(&parent).map_err(at(&parent))?;
    fs::rename(&plan.store, &live).map_err(at(&live))?;
    let spec = plan.base.join("chain.toml");
    fs::write(&spec, plan.spec.to_toml()).map_err(at(&spec))?;
    let mut args: Vec<OsString> = [
        "--rpc-port",
        "0",
        "--no-prometheus",
        "--no-mdns",
        "--listen-addr",
        "/ip4/127.0.0.1/tcp/0",
        "--reserved-only",
        "--stop-with-stdin",
    ]
    .map(OsString::from)
    .into();
    args.extend(["--chain".into(), spec.into_os_string()]);
    args.extend(["--base-path".into(), plan.base.clone().into_os_string()]);
    for address in &plan.addresses {
        args.extend(["--reserved-nodes".into(), address.into()]);
    }
    Ok(NodeProcess::start(ProcessPlan {
        name: "the node that resyncs".to_owned(),
        program: std::env::current_exe().map_err(BenchmarkError::System)?,
        args,
        log: plan.base.join("node.log"),
        chain_folder: folder.to_owned(),
    })?)
}

async fn until_in_sync(node: &NodeProcess) -> Result<(), BenchmarkError> {
    let begun = Instant::now();
    let mut last = None;
    while begun.elapsed() < PATIENCE {
        if let Some(client) = node.client() {
            let seen = client.status().await?;
            if seen.verdict == VerdictKind::InSync && seen.peers > 0 {
                return Ok(());
            }
            last = Some(seen);
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
    Err(BenchmarkError::Resync(format!(
        "the node is not in sync with its peers before it begins: {last:?}"
    )))
}

/// The end of a resync.
#[derive(Clone, Copy, Debug)]
struct End {
    /// When the node was last seen at work on the old chain.
    working: Instant,
    /// When it first said that the new one is live.
    live: Instant,
}

/// Waits until the node says that the new chain is live.
async fn until_live<W: Watch>(node: &NodeProcess, watch: &mut W) -> Result<End, BenchmarkError> {
    let mut silent_since = Instant::now();
    let mut working = Instant::now();
    loop {
        if watch.next() == crate::block_file::Next::Stop {
            return Err(BenchmarkError::Stopped);
        }
        // In the exchange its address and its token may change.
        match asked(node.client()).await {
            Some(view) => {
                let now = Instant::now();
                silent_since = now;
                match view.last {
                    Some(LastRunView::Swapped(_)) => return Ok(End { working, live: now }),
                    Some(LastRunView::Interrupted(why) | LastRunView::Failed(why)) => {
                        return Err(BenchmarkError::Resync(why));
                    }
                    Some(LastRunView::Aborted) | None => working = now,
                }
                watch.told(match (view.counted, view.total) {
                    (CountedView::Blocks, Some(total)) => Told::Blocks {
                        doing: "resyncing",
                        done: view.done,
                        total,
                    },
                    (CountedView::Headers, _) => Told::Doing("fetching headers"),
                    _ => Told::Doing("fetching the state"),
                });
            }
            None if silent_since.elapsed() > PATIENCE => {
                let tail = node.log_tail(3).join("; ");
                return Err(BenchmarkError::Resync(format!("it is silent: {tail}")));
            }
            None => {}
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

async fn asked(client: Option<NodeClient>) -> Option<ResyncView> {
    client?.resync_status().await.ok()
}
