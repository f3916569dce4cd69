use super::{
    CliError, ExitCode, ResyncArgs,
    confirm::{Answer, ask},
    place::Place,
    print,
    progress::{Audience, Lines, Progress},
    resync_alone,
    shown::{describe, ended, moment, plan_text},
};
use crate::{
    rpc::ResyncParams,
    service::{ChainFolder, ServiceError},
    status_view::{ClientError, NodeClient, NodeFile},
};
use runtime_bridge::store::Lock;
use std::{io, time::Duration};
use sync_component::StrategyRegistry;

/// How often the node is asked how far it is.
const POLL: Duration = Duration::from_millis(300);

/// How long a node that exchanges its stores may not answer.
const SWAP_PATIENCE: Duration = Duration::from_mins(1);

/// Gives the operator's orders to the running node, or carries them out where none runs.
pub(super) fn run(args: &ResyncArgs) -> Result<ExitCode, CliError> {
    let place = place_of(args)?;
    check_strategy(args, &place)?;
    for peer in &args.peer {
        place.is_another(peer)?;
    }
    let Some(node) = Operated::if_it_runs(&place)? else {
        return resync_alone::run(args, &place);
    };
    if !args.bootnodes.is_empty() {
        return Err(CliError::NodeDials);
    }
    block_on(async {
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

/// The chain, with what the node is given beside its spec.
pub(super) fn place_of(args: &ResyncArgs) -> Result<Place, CliError> {
    let mut place = Place::of_node(&args.node)?;
    let reserved = args.reserved_nodes.iter().map(ToString::to_string);
    place.spec.reserved_nodes.extend(reserved);
    Ok(place)
}

/// A name that is no strategy's is a slip of the command line, whether a node runs or not.
fn check_strategy(args: &ResyncArgs, place: &Place) -> Result<(), CliError> {
    let mut settings = place.spec.sync.clone();
    if args.strategy.is_some() {
        settings.strategies.tier3.clone_from(&args.strategy);
        let registry = StrategyRegistry::<crate::Block>::with_builtins();
        registry
            .resync(&settings)
            .map_err(CliError::ResyncStrategy)?;
    }
    Ok(())
}

/// A running node and how it is reached.
pub(super) struct Operated {
    pub(super) client: NodeClient,
}

impl Operated {
    /// The node that holds the chain's folder.
    pub(super) fn find(place: &Place) -> Result<Self, CliError> {
        Self::if_it_runs(place)?.ok_or_else(|| CliError::NoNode {
            chain: place.spec.id.clone(),
            folder: place.folder.clone(),
        })
    }

    /// The same; `None` if there is none.
    pub(super) fn if_it_runs(place: &Place) -> Result<Option<Self>, CliError> {
        let Some(file) = NodeFile::read(&place.folder)?.filter(NodeFile::may_run) else {
            return Ok(None);
        };
        // After a crash another process may have its number.
        if !Lock::is_held(&ChainFolder::at(&place.folder).lock()).map_err(ServiceError::from)? {
            return Ok(None);
        }
        let node =
            Some(file).map(|file| NodeClient::of_operator(&file).map(|client| Self { client }));
        Ok(node.transpose()?)
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
    // As without a node: it is not worth a question, and a dry run says whether the real one would go.
    if plan.sources.is_empty() {
        return Err(match args.peer.clone() {
            named if named.is_empty() => CliError::NoTrustedPeer,
            peers => CliError::NamedPeersAway { peers },
        });
    }
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

/// Shows how far the run is until it ends, through the stop in which the stores are exchanged.
async fn follow(place: &Place, node: Operated) -> Result<ExitCode, CliError> {
    let mut node = node;
    let mut shown = Progress::new(Audience::People, Lines::Out);
    let mut away_since = None;
    loop {
        match node.client.resync_status().await {
            Ok(view) if !view.active => {
                drop(shown);
                return ended(&view);
            }
            Ok(view) => {
                away_since = None;
                shown.show(|_| moment(&view))?;
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

/// Waits for a restore, which the node does in one stop.
pub(super) async fn follow_restore(place: &Place, node: Operated) -> Result<ExitCode, CliError> {
    follow(place, node).await
}
