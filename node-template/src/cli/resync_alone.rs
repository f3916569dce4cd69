//! `resync` and `backups` where no node runs.

use super::{
    CliError, ExitCode, ResyncArgs,
    place::Place,
    print,
    progress::{Audience, Lines, Progress},
    resync::{block_on, confirm},
    shown::{describe, ended, moment, plan_text},
};
use crate::{
    Block,
    rpc::PlanView,
    service::{Alone, ChainFolder, LastRun, ResyncReport},
    telemetry::start_log,
};
use libp2p::Multiaddr;
use std::time::Duration;
use sync_component::{
    StrategyRegistry,
    chain_sync::{OperatorsOrder, ResyncRequest},
};

/// How often it is looked how far the run is.
const POLL: Duration = Duration::from_millis(300);

/// What is logged beside the progress: who vouched for whom, and what goes wrong on the way. The end is this command's to
/// tell.
const LOG: &str = "warn,sync_component::chain_sync=info,node_template::service::resync=off";

/// The chain's files, held until dropped; refused while a node holds them.
pub(super) fn hold(place: &Place) -> Result<Alone, CliError> {
    if !place.folder.exists() {
        return Err(CliError::NoChain {
            chain: place.spec.id.clone(),
            folder: place.folder.clone(),
        });
    }
    let folder = ChainFolder::at(&place.folder);
    let registry = StrategyRegistry::with_builtins();
    Ok(Alone::open(folder, place.spec.clone(), registry)?)
}

/// Carries out what `resync` was told.
pub(super) fn run(args: &ResyncArgs, place: &Place) -> Result<ExitCode, CliError> {
    let alone = hold(place)?;
    if args.status {
        let view = alone.desk().report()?.into();
        print(&describe(&view))?;
        return Ok(ExitCode::Done);
    }
    block_on(async {
        if args.abort {
            alone.desk().abort().await?;
            print("the run is given up; the present chain stays\n")?;
            return Ok(ExitCode::Done);
        }
        if args.resume {
            // Without a run nobody needs an address; the order says that there is none.
            if alone.desk().report()?.journal.is_none() {
                alone.desk().resume()?;
            }
            let addresses = alone.addresses(&args.bootnodes)?;
            start_log(LOG).map_err(crate::service::ServiceError::from)?;
            alone.recover()?;
            if let Some(finished) = alone.desk().last() {
                return end(&alone, Some(finished));
            }
            alone.desk().resume()?;
            if alone.is_to_swap() {
                let last = alone.swap()?;
                return end(&alone, last);
            }
            return carry_out(&alone, addresses).await;
        }
        begin(args, &alone).await
    })
}

async fn begin(args: &ResyncArgs, alone: &Alone) -> Result<ExitCode, CliError> {
    let request = ResyncRequest::<Block>::parse(&args.peer, args.checkpoint.as_deref())?;
    let wanted = args.strategy.as_deref();
    let strategy = alone.desk().strategy(wanted)?;
    if !args.dry_run {
        // What an earlier process left half done comes first.
        alone.recover()?;
        if let Some(finished) = alone.desk().last() {
            print(
                "an interrupted run was under way, and is ended first; order a new one afterwards\n",
            )?;
            return end(alone, Some(finished));
        }
    }
    let plan = alone.desk().plan()?;
    let addresses = alone.addresses(&args.bootnodes)?;
    let sources = alone.sources(&request.peers);
    print(&plan_text(&PlanView::of(&plan, strategy, &sources)))?;
    print(&format!(
        "no node runs: this command fetches by itself; addresses to dial: {}\n",
        addresses.len()
    ))?;
    if sources.is_empty() {
        return Err(CliError::NoTrustedPeer);
    }
    if args.dry_run {
        return Ok(ExitCode::Done);
    }
    if !args.yes {
        confirm("Begin the resync?")?;
    }
    start_log(LOG).map_err(crate::service::ServiceError::from)?;
    #[allow(
        clippy::disallowed_methods,
        reason = "the operator's order arrives here"
    )]
    let order = OperatorsOrder::given_by_the_operator(request);
    alone.desk().order(order, wanted)?;
    carry_out(alone, addresses).await
}

async fn carry_out(alone: &Alone, addresses: Vec<Multiaddr>) -> Result<ExitCode, CliError> {
    let mut shown = Progress::new(Audience::People, Lines::Out);
    let run = alone.carry_out(addresses);
    tokio::pin!(run);
    let last = loop {
        tokio::select! {
            last = &mut run => break last?,
            () = tokio::time::sleep(POLL) => {
                let view = alone.desk().report()?.into();
                shown.show(|_| moment(&view))?;
            }
        }
    };
    drop(shown);
    end(alone, last)
}

/// How the run ended, as through a node.
pub(super) fn end(alone: &Alone, last: Option<LastRun>) -> Result<ExitCode, CliError> {
    let report = ResyncReport {
        last,
        ..alone.desk().report()?
    };
    ended(&crate::rpc::ResyncView::from(report))
}
