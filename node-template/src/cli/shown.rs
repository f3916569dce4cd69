//! How a run of Tier 3 is shown to people.

use super::{CliError, ExitCode, print};
use crate::rpc::{LastRunView, PlanView, ResyncView};
use indicatif::{ProgressBar, ProgressStyle};

/// A run under way: a progress bar, or a line for each stage where there is no terminal. Gone when dropped.
#[derive(Debug)]
pub(super) struct Shown {
    bar: ProgressBar,
    told: String,
}

impl Shown {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        let bar = ProgressBar::new(0);
        bar.set_style(
            ProgressStyle::with_template("{msg}  {bar:30} {pos}/{len} blocks")
                .expect("the template is a constant and well formed"),
        );
        Self {
            bar,
            told: String::new(),
        }
    }

    /// How far it is now.
    pub(super) fn show(&mut self, view: &ResyncView) -> Result<(), CliError> {
        self.bar.set_length(view.total);
        self.bar.set_position(view.done);
        self.bar.set_message(doing(view));
        let stage = view.doing.clone().unwrap_or_default();
        if self.bar.is_hidden() && stage != self.told {
            print(&format!("{stage}\n"))?;
            self.told = stage;
        }
        Ok(())
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// What a resync would do.
pub(super) fn plan_text(plan: &PlanView) -> String {
    let sources = if plan.sources.is_empty() {
        "no trusted peer; name one with --peer ID".to_owned()
    } else {
        plan.sources.join("\n           ")
    };
    let stages = "fetch and validate beside the present chain; ask the voters; exchange the two";
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    format!(
        "strategy   {}\nstages     {stages}\nfrom       {sources}\nlive       {} ({} MiB)\nbuilt in   {} (about {} MiB are needed, {} MiB are free)\nkept in    {}\n",
        plan.strategy,
        plan.live,
        mib(plan.present),
        plan.staging,
        mib(plan.needed),
        mib(plan.free),
        plan.backups,
    )
}

fn doing(view: &ResyncView) -> String {
    let doing = view.doing.as_deref().unwrap_or("waiting");
    match view.eta_seconds {
        Some(eta) => format!(
            "{doing} from {} peers, {:.1} blocks/s, {eta} s left",
            view.sources, view.rate
        ),
        None => doing.to_owned(),
    }
}

/// How a run ended.
pub(super) fn ended(last: Option<&LastRunView>) -> Result<ExitCode, CliError> {
    match last {
        Some(LastRunView::Swapped(backup)) => {
            print(&format!(
                "done: the new chain is live, the old one is kept as backup {backup}\n"
            ))?;
            Ok(ExitCode::Done)
        }
        Some(LastRunView::Aborted) => Err(CliError::ResyncEnded(
            "the run was given up; the present chain stays".to_owned(),
        )),
        Some(LastRunView::Interrupted(why) | LastRunView::Failed(why)) => {
            Err(CliError::ResyncEnded(why.clone()))
        }
        None => Err(CliError::ResyncEnded(
            "the node knows of no run; see its log".to_owned(),
        )),
    }
}

/// The run under way, and the last one.
pub(super) fn describe(view: &ResyncView) -> String {
    let now = match (&view.run, &view.stage) {
        (Some(run), Some(stage)) => {
            let how = if view.active {
                doing(view)
            } else {
                "interrupted: `resync --resume` goes on, `resync --abort` gives it up".to_owned()
            };
            format!(
                "{run} in stage {stage}, {} of {} blocks: {how}\n",
                view.done, view.total
            )
        }
        _ => "no run is under way\n".to_owned(),
    };
    let last = match &view.last {
        None => String::new(),
        Some(LastRunView::Swapped(backup)) => {
            format!("last run: done, the old chain is kept as backup {backup}\n")
        }
        Some(LastRunView::Interrupted(why)) => format!("last run: interrupted: {why}\n"),
        Some(LastRunView::Failed(why)) => format!("last run: failed: {why}\n"),
        Some(LastRunView::Aborted) => "last run: given up\n".to_owned(),
    };
    now + &last
}
