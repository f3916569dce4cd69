//! What the methods of Tier 3 take and answer.

use crate::service::{Chosen, LastRun, ResyncReport};
use runtime_bridge::resync::{Backup, Lengths, Plan, Since};
use serde::{Deserialize, Serialize};
use sync_component::chain_sync::{Counted, Progress, ResyncStage, Run, Source};

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
    /// What it may come to by the length that its sources claim, where that is more; no reason to refuse it.
    pub likely: Option<u64>,
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
            likely: None,
            free: plan.free,
        }
    }

    /// The same, where it is known how long the chains are.
    pub(crate) fn likely_by(self, plan: &Plan, lengths: Option<Lengths>) -> Self {
        let likely = lengths.and_then(|lengths| plan.by_length(lengths));
        Self { likely, ..self }
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
    /// What is counted.
    pub counted: CountedView,
    /// How many are staged.
    pub done: u64,
    /// How many there will be; absent where nobody knows.
    pub total: Option<u64>,
    /// How many come in a second.
    pub rate: f64,
    /// Seconds left; absent rather than wrong.
    pub eta_seconds: Option<u64>,
    /// Peers that deliver.
    pub sources: usize,
    /// How the last run of this process ended.
    pub last: Option<LastRunView>,
}

/// What a run counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CountedView {
    /// Whole blocks.
    #[default]
    Blocks,
    /// Headers without their blocks.
    Headers,
    /// Entries of a state.
    Entries,
}

impl From<Counted> for CountedView {
    fn from(counted: Counted) -> Self {
        match counted {
            Counted::Blocks => Self::Blocks,
            Counted::Headers => Self::Headers,
            Counted::Entries => Self::Entries,
        }
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LastRunView {
    /// The new chain is live; the old one is this backup, if there was one.
    Swapped(Option<String>),
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
            doing: progress.map(|progress| doing(progress).to_owned()),
            counted: progress.map_or_else(CountedView::default, |progress| progress.counted.into()),
            done: progress.map_or(0, |progress| progress.done),
            total: progress.and_then(|progress| progress.total),
            rate: progress.map_or(0.0, |progress| progress.rate),
            eta_seconds: progress.and_then(|progress| Some(progress.eta?.as_secs())),
            sources: progress.map_or(0, |progress| progress.sources),
            last: report.last.map(|last| match last {
                LastRun::Swapped { backup } => LastRunView::Swapped(backup.map(|name| name.0)),
                LastRun::Interrupted(why) => LastRunView::Interrupted(why),
                LastRun::Failed(why) => LastRunView::Failed(why),
                LastRun::Aborted => LastRunView::Aborted,
            }),
        }
    }
}

fn doing(progress: &Progress) -> &'static str {
    match progress.stage {
        ResyncStage::Preparing => "looking for peers",
        ResyncStage::Downloading => match progress.counted {
            Counted::Blocks => "fetching and validating",
            Counted::Headers => "fetching and checking headers",
            Counted::Entries => "fetching the state",
        },
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
