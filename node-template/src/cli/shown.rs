//! How a run of Tier 3 is shown to people.

use super::{
    CliError, ExitCode, print,
    progress::{Moment, Unit},
};
use crate::{
    rpc::{CountedView, LastRunView, PlanView, ResyncView},
    status_view::counted,
};
use std::time::Duration;

/// A run under way, as far as the node knows.
pub(super) fn moment(view: &ResyncView) -> Moment {
    let eta = view.eta_seconds;
    Moment {
        doing: view.doing.clone().unwrap_or_else(|| "waiting".to_owned()),
        note: eta.map_or_else(String::new, |_| {
            format!(" from {}", counted(view.sources, "peer"))
        }),
        done: view.done,
        total: view.total,
        unit: unit(view),
        rate: eta.map(|_| view.rate),
        left: eta.map(Duration::from_secs),
    }
}

fn unit(view: &ResyncView) -> Unit {
    match view.counted {
        CountedView::Blocks => Unit::Blocks,
        CountedView::Headers => Unit::Headers,
        CountedView::Entries => Unit::Entries,
    }
}

/// What a resync would do.
pub(super) fn plan_text(plan: &PlanView) -> String {
    let sources = if plan.sources.is_empty() {
        "no trusted peer; name one with --peer ID".to_owned()
    } else {
        plan.sources.join("\n           ")
    };
    let trusts = plan.trusts.as_ref();
    let trusts = trusts.map_or_else(String::new, |what| format!("trusts     {what}\n"));
    let stages = "fetch and validate beside the present chain; ask the voters; exchange the two";
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    let likely = plan.likely.filter(|likely| *likely > plan.free);
    let warning = likely.map_or_else(String::new, |likely| {
        format!(
            "warning    the sources' chain is longer than the present one: by that about {} MiB may be needed; make room, or the run stops where no more than `disk_reserve_bytes` are free, and `resync --resume` goes on with it once there is room\n",
            mib(likely)
        )
    });
    format!(
        "strategy   {}\n{trusts}stages     {stages}\nfrom       {sources}\nlive       {} ({} MiB)\nbuilt in   {} (about {} MiB are needed, {} MiB are free)\nkept in    {}\n{warning}",
        plan.strategy,
        plan.live,
        mib(plan.present),
        plan.staging,
        mib(plan.needed),
        mib(plan.free),
        plan.backups,
    )
}

/// What may be done about an interrupted run.
const GO_ON: &str = "`resync --resume` goes on, `resync --abort` gives it up";

/// How a run ended.
pub(super) fn ended(view: &ResyncView) -> Result<ExitCode, CliError> {
    match &view.last {
        Some(LastRunView::Swapped(backup)) => {
            print(&format!(
                "done: the new chain is live, {}\n",
                kept(backup.as_deref())
            ))?;
            Ok(ExitCode::Done)
        }
        Some(LastRunView::Aborted) => Err(CliError::ResyncEnded(
            "the run was given up; the present chain stays".to_owned(),
        )),
        // Most say by themselves what to do; and a restore that did not come to its end is over.
        Some(LastRunView::Interrupted(why)) if view.run.is_some() && !why.contains("--abort") => {
            Err(CliError::ResyncEnded(format!("{why}; {GO_ON}")))
        }
        Some(LastRunView::Interrupted(why) | LastRunView::Failed(why)) => {
            Err(CliError::ResyncEnded(why.clone()))
        }
        None => Err(CliError::ResyncEnded(
            "the node knows of no run; see its log".to_owned(),
        )),
    }
}

/// What became of the old chain.
fn kept(backup: Option<&str>) -> String {
    backup.map_or_else(
        || "there was no old chain to keep".to_owned(),
        |backup| format!("the old chain is kept as backup {backup}"),
    )
}

/// The run under way, and the last one.
pub(super) fn describe(view: &ResyncView) -> String {
    let now = match (&view.run, &view.stage) {
        (Some(run), Some(stage)) => {
            let how = if view.active {
                moment(view).text()
            } else {
                format!("interrupted: {GO_ON}")
            };
            let of = view.total.map(|total| format!(" of {total}"));
            let (done, of, unit) = (view.done, of.unwrap_or_default(), unit(view).name());
            format!("{run} in stage {stage}, {done}{of} {unit}: {how}\n")
        }
        _ => "no run is under way\n".to_owned(),
    };
    let last = match &view.last {
        None => String::new(),
        Some(LastRunView::Swapped(backup)) => {
            format!("last run: done, {}\n", kept(backup.as_deref()))
        }
        Some(LastRunView::Interrupted(why)) => format!("last run: interrupted: {why}\n"),
        Some(LastRunView::Failed(why)) => format!("last run: failed: {why}\n"),
        Some(LastRunView::Aborted) => "last run: given up\n".to_owned(),
    };
    now + &last
}
