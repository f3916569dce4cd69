use super::{
    CliError, ExitCode, PlaceArgs,
    args::StatusArgs,
    place::{Place, default_base_path},
    print, watch,
};
use crate::status_view::{ClientError, NodeClient, NodeFile, StatusView};

/// Where a node that was started without options serves its RPC.
const DEFAULT_URL: &str = "http://127.0.0.1:9944";

/// Asks the node and prints what it says.
pub(super) fn run(args: &StatusArgs) -> Result<ExitCode, CliError> {
    if args.watch {
        return watch::run(args, || client(args));
    }
    match ask(args) {
        Ok(view) => {
            print(&text(&view, args.json))?;
            Ok(ExitCode::Verdict(view.verdict.exit_code()))
        }
        Err(error) => Err(error),
    }
}

fn client(args: &StatusArgs) -> Result<NodeClient, CliError> {
    Ok(NodeClient::new(node_url(args.url.as_ref(), &args.place)?)?)
}

fn ask(args: &StatusArgs) -> Result<StatusView, CliError> {
    let client = client(args)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CliError::System)?;
    Ok(runtime.block_on(client.status())?)
}

/// The address of a node's RPC: the one given, or that of the node that holds the chain's folder.
pub(super) fn node_url(given: Option<&String>, place: &PlaceArgs) -> Result<String, CliError> {
    match given {
        Some(url) => Ok(url.clone()),
        None => find(place),
    }
}

/// The address of the node that holds the chain's folder. If nothing at all is said, a node at the default address
/// will do: `node-template --dev`, then `node-template status`.
fn find(args: &PlaceArgs) -> Result<String, CliError> {
    let anything_said = args.chain.is_some() || args.dev || args.base_path.is_some();
    if !anything_said && default_base_path().is_err() {
        return Ok(DEFAULT_URL.to_owned());
    }
    let place = Place::of(args)?;
    let file = NodeFile::read(&place.folder)?;
    // After a crash it stays behind, and its address may be another node's by now.
    match file.filter(NodeFile::may_run) {
        Some(file) => Ok(file.rpc_url),
        None if anything_said => Err(CliError::NoNode {
            chain: place.spec.id,
            folder: place.folder,
        }),
        None => Ok(DEFAULT_URL.to_owned()),
    }
}

fn text(view: &StatusView, json: bool) -> String {
    if json {
        let line = serde_json::to_string(view).expect("texts and numbers are always valid JSON");
        format!("{line}\n")
    } else {
        format!("{view}\n")
    }
}

/// The exit code of `status` for an error (SPEC section 11).
pub(super) fn exit_code(error: &CliError) -> ExitCode {
    match error {
        CliError::NoNode { .. } | CliError::Client(ClientError::Unreachable { .. }) => {
            ExitCode::NoNode
        }
        CliError::Client(ClientError::BadUrl { .. }) => ExitCode::Usage,
        _ => ExitCode::StatusFailed,
    }
}
