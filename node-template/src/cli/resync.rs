use super::{
    CliError, ExitCode, PlaceArgs, ResyncArgs,
    confirm::{Answer, ask},
    place::Place,
    print,
    purge_chain::lock,
};
use crate::{
    Block,
    rpc::{LastRunView, PlanView, ResyncParams, ResyncView},
    runtime::TemplateRuntime,
    service::ResyncReport,
    status_view::{ClientError, NodeClient, NodeFile},
};
use indicatif::{ProgressBar, ProgressStyle};
use runtime_bridge::resync::{Places, RealDisk, ResyncFiles, StoreFolders};
use std::{io, sync::Arc, time::Duration};
use sync_component::ports::{Clock, SystemClock};

/// How often the node is asked how far it is.
const POLL: Duration = Duration::from_millis(300);

/// How long a node that exchanges its stores may not answer.
const SWAP_PATIENCE: Duration = Duration::from_mins(1);

/// Gives the operator's orders to the running node.
pub(super) fn run(args: &ResyncArgs) -> Result<ExitCode, CliError> {
    let place = Place::of(&args.place)?;
    let file = NodeFile::read(&place.folder)?;
    let runs = file.as_ref().is_some_and(NodeFile::may_run);
    if !runs && (args.status || args.abort) {
        return without_node(args, &place);
    }
    block_on(async {
        let node = Operated::find(&place)?;
        if args.status {
            let view = node.client.resync_status().await?;
            return print(&describe(&view)).map(|()| ExitCode::Done);
        }
        if args.abort {
            node.client.abort().await?;
            print("the run is given up; the present chain stays\n")?;
            return Ok(ExitCode::Done);
        }
        if args.resume {
            node.client.resume().await?;
            return follow(&place, node).await;
        }
        begin(args, &place, node).await
    })
}

/// Looks at, or gives up, what a node that does not run any more has left.
fn without_node(args: &ResyncArgs, place: &Place) -> Result<ExitCode, CliError> {
    let Some(_lock) = lock(&place.folder)? else {
        print("no run is under way\n")?;
        return Ok(ExitCode::Done);
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let stores = StoreFolders::<Block, _>::new(place.spec.clone(), TemplateRuntime, clock.clone());
    let places = Places::in_folder(&place.folder);
    let files = ResyncFiles::new(places, Arc::new(RealDisk), Arc::new(stores), clock);
    if args.abort {
        files.abort()?;
        print("the run is given up; the present chain stays\n")?;
    } else {
        let report = ResyncReport {
            journal: files.journal()?,
            progress: None,
            last: None,
        };
        print(&describe(&report.into()))?;
    }
    Ok(ExitCode::Done)
}

/// A running node and how it is reached.
pub(super) struct Operated {
    pub(super) client: NodeClient,
}

impl Operated {
    /// The node that holds the chain's folder.
    pub(super) fn find(place: &Place) -> Result<Self, CliError> {
        let file = NodeFile::read(&place.folder)?;
        let file = file
            .filter(NodeFile::may_run)
            .ok_or_else(|| CliError::NoNode {
                chain: place.spec.id.clone(),
                folder: place.folder.clone(),
            })?;
        Ok(Self {
            client: NodeClient::of_operator(&file)?,
        })
    }
}

pub(super) fn block_on<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CliError::System)?;
    runtime.block_on(work)
}

async fn begin(args: &ResyncArgs, place: &Place, node: Operated) -> Result<ExitCode, CliError> {
    let mut params = ResyncParams {
        peers: args.peer.clone(),
        checkpoint: args.checkpoint.clone(),
        strategy: args.strategy.clone(),
        dry_run: true,
    };
    let plan = node.client.resync(&params).await?;
    print(&plan_text(&plan))?;
    if args.dry_run {
        return Ok(ExitCode::Done);
    }
    if !args.yes {
        confirm("Begin the resync?")?;
    }
    params.dry_run = false;
    node.client.resync(&params).await?;
    follow(place, node).await
}

pub(super) fn confirm(question: &str) -> Result<(), CliError> {
    let answer = ask(question, &mut io::stdin().lock(), &mut io::stdout().lock())?;
    match answer {
        Answer::Yes => Ok(()),
        Answer::No => Err(CliError::NotConfirmed),
    }
}

fn plan_text(plan: &PlanView) -> String {
    let sources = if plan.sources.is_empty() {
        "no trusted peer is connected now; name one with --peer ID".to_owned()
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

/// Shows how far the run is until it ends, through the stop in which the stores are exchanged.
async fn follow(place: &Place, node: Operated) -> Result<ExitCode, CliError> {
    let mut node = node;
    let bar = ProgressBar::new(0);
    bar.set_style(
        ProgressStyle::with_template("{msg}  {bar:30} {pos}/{len} blocks")
            .expect("the template is a constant and well formed"),
    );
    let mut away_since = None;
    let mut told = String::new();
    loop {
        match node.client.resync_status().await {
            Ok(view) if !view.active => {
                bar.finish_and_clear();
                return ended(view.last.as_ref());
            }
            Ok(view) => {
                away_since = None;
                bar.set_length(view.total);
                bar.set_position(view.done);
                bar.set_message(doing(&view));
                // Without a terminal the bar is silent: a line for each stage.
                let stage = view.doing.clone().unwrap_or_default();
                if bar.is_hidden() && stage != told {
                    print(&format!("{stage}\n"))?;
                    told = stage;
                }
            }
            // The node stops and starts again in the exchange; its token is another one then.
            Err(error @ (ClientError::Unreachable { .. } | ClientError::Declined { .. })) => {
                let since = *away_since.get_or_insert_with(std::time::Instant::now);
                if since.elapsed() > SWAP_PATIENCE {
                    return Err(error.into());
                }
                if let Ok(found) = Operated::find(place) {
                    node = found;
                }
            }
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(POLL).await;
    }
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

fn ended(last: Option<&LastRunView>) -> Result<ExitCode, CliError> {
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

fn describe(view: &ResyncView) -> String {
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

/// Waits for a restore, which the node does in one stop.
pub(super) async fn follow_restore(place: &Place, node: Operated) -> Result<ExitCode, CliError> {
    follow(place, node).await
}

/// The place of a command that takes nothing else.
pub(super) fn node_at(args: &PlaceArgs) -> Result<(Place, Operated), CliError> {
    let place = Place::of(args)?;
    let node = Operated::find(&place)?;
    Ok((place, node))
}
