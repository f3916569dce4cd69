//! What the methods of Tier 3 take and answer.

use crate::service::{Chosen, LastRun, ResyncReport};
use runtime_bridge::resync::{Backup, Plan, Since};
use serde::{Deserialize, Serialize};
use sync_component::chain_sync::{ResyncStage, Run, Source};

/// What `sync_resync` takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ResyncParams {
    /// Peers that the operator vouches for, in base58; none: the trusted ones.
    pub peers: Vec<String>,
    /// `N:HASH`.
    pub checkpoint: Option<String>,
    /// The strategy, if not the selected one.
    pub strategy: Option<String>,
    /// Say what would be done, and do nothing.
    pub dry_run: bool,
}

/// What a resync needs, and where. Bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanView {
    /// The strategy.
    pub strategy: String,
    /// What the strategy trusts beyond what every node checks; none: nothing.
    pub trusts: Option<String>,
    /// Peers that are connected and would be used, each with who vouches for it.
    pub sources: Vec<String>,
    /// The live store.
    pub live: String,
    /// Where the new chain is built.
    pub staging: String,
    /// Where the old one is kept.
    pub backups: String,
    /// Size of the live store.
    pub present: u64,
    /// Estimated size of the new one.
    pub needed: u64,
    /// Free on the disk.
    pub free: u64,
}

impl PlanView {
    pub(crate) fn of(plan: &Plan, strategy: Chosen, sources: &[Source]) -> Self {
        let source = |source: &Source| format!("{} ({})", source.peer, source.voucher);
        Self {
            strategy: strategy.name,
            trusts: strategy.trusts.map(str::to_owned),
            sources: sources.iter().map(source).collect(),
            live: plan.places.live.display().to_string(),
            staging: plan.places.staging.display().to_string(),
            backups: plan.places.backups.display().to_string(),
            present: plan.present,
            needed: plan.needed,
            free: plan.free,
        }
    }
}

/// `sync_resyncStatus`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResyncView {
    /// `resync` or `restore`; none if no run is under way.
    pub run: Option<String>,
    /// The journal's stage.
    pub stage: Option<String>,
    /// Whether this node works on it.
    pub active: bool,
    /// What it is doing.
    pub doing: Option<String>,
    /// Height of the staged tip.
    pub done: u64,
    /// Height of the source's tip.
    pub total: u64,
    /// Blocks per second.
    pub rate: f64,
    /// Seconds left; absent rather than wrong.
    pub eta_seconds: Option<u64>,
    /// Peers that deliver.
    pub sources: usize,
    /// How the last run of this process ended.
    pub last: Option<LastRunView>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LastRunView {
    /// The new chain is live; the old one is this backup.
    Swapped(String),
    /// It failed and may go on later.
    Interrupted(String),
    /// It failed and was given up.
    Failed(String),
    /// The operator gave it up.
    Aborted,
}

impl From<ResyncReport> for ResyncView {
    fn from(report: ResyncReport) -> Self {
        let progress = report.progress.as_ref();
        Self {
            run: report.journal.as_ref().map(|journal| {
                match journal.run {
                    Run::Resync(_) => "resync",
                    Run::Restore(_) => "restore",
                }
                .to_owned()
            }),
            stage: report
                .journal
                .as_ref()
                .map(|journal| journal.stage.name().to_owned()),
            active: progress.is_some(),
            doing: progress.map(|progress| doing(progress.stage).to_owned()),
            done: progress.map_or(0, |progress| progress.done),
            total: progress.map_or(0, |progress| progress.total),
            rate: progress.map_or(0.0, |progress| progress.rate),
            eta_seconds: progress.and_then(|progress| Some(progress.eta?.as_secs())),
            sources: progress.map_or(0, |progress| progress.sources),
            last: report.last.map(|last| match last {
                LastRun::Swapped { backup } => LastRunView::Swapped(backup.0),
                LastRun::Interrupted(why) => LastRunView::Interrupted(why),
                LastRun::Failed(why) => LastRunView::Failed(why),
                LastRun::Aborted => LastRunView::Aborted,
            }),
        }
    }
}

fn doing(stage: ResyncStage) -> &'static str {
    match stage {
        ResyncStage::Preparing => "looking for peers",
        ResyncStage::Downloading => "fetching and validating",
        ResyncStage::Voting => "asking the voters",
        ResyncStage::Swapping => "exchanging the stores",
    }
}

/// One entry of `sync_backups`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupView {
    /// `<time>-<number>-<hash>`.
    pub id: String,
    /// How old it is.
    pub age_seconds: Option<u64>,
    /// Whether the node was in sync once since it was made.
    pub in_sync_since: bool,
}

impl From<&Backup> for BackupView {
    fn from(backup: &Backup) -> Self {
        Self {
            id: backup.name.0.clone(),
            age_seconds: backup.age.map(|age| age.as_secs()),
            in_sync_since: backup.since == Since::InSync,
        }
    }
}
