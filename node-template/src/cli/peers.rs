use super::{
    CliError, ExitCode, PeerArgs, PeersCommand, PlaceArgs,
    pace::span_text,
    place::Place,
    print,
    resync::{Operated, block_on},
};
use crate::{
    rpc::{BanView, PeerView},
    service::{NetworkConfig, PeerFile, declared},
};
use std::sync::Arc;
use sync_component::ports::{Clock, PeerId, SystemClock};

/// Shows and changes what is remembered of peers: through the running node, or in its file when none runs.
pub(super) fn run(command: &PeersCommand) -> Result<ExitCode, CliError> {
    match command {
        PeersCommand::List(args) => list(args)?,
        PeersCommand::Ban(args) => {
            change(args, Change::Ban)?;
            print("banned; `peers unban` takes it back\n")?;
        }
        PeersCommand::Unban(args) => {
            let was_banned = change(args, Change::Unban)?;
            print(if was_banned {
                "the ban is taken back\n"
            } else {
                "it was not banned\n"
            })?;
        }
    }
    Ok(ExitCode::Done)
}

#[derive(Clone, Copy)]
enum Change {
    Ban,
    Unban,
}

/// Says whether the peer was banned before.
fn change(args: &PeerArgs, change: Change) -> Result<bool, CliError> {
    let peer: PeerId = args.id.parse()?;
    let place = Place::of(&args.place)?;
    if matches!(change, Change::Ban) {
        place.is_another(&args.id)?;
    }
    if let Some(node) = Operated::if_it_runs(&place)? {
        let id = peer.to_string();
        return block_on(async {
            match change {
                Change::Ban => node.client.ban_peer(&id).await?,
                Change::Unban => return Ok(node.client.unban_peer(&id).await?),
            }
            Ok(false)
        });
    }
    let Some(_lock) = place.lock()? else {
        return Err(CliError::NoChain {
            chain: place.spec.id.clone(),
            folder: place.folder,
        });
    };
    let (file, clock) = file(&place);
    let mut ledger = file.read()?;
    let was_banned = ledger.is_banned(&peer);
    match change {
        Change::Ban => ledger.ban(&peer, clock.now()),
        Change::Unban => {
            ledger.unban(&peer, clock.now());
        }
    }
    file.write(&ledger)?;
    Ok(was_banned)
}

fn file(place: &Place) -> (PeerFile, Arc<dyn Clock>) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let network = place.folder.join("network");
    let file = PeerFile::new(&network, &place.spec.sync.limits, Arc::clone(&clock));
    (file, clock)
}

fn list(args: &PlaceArgs) -> Result<(), CliError> {
    let place = Place::of(args)?;
    let peers = if let Some(node) = Operated::if_it_runs(&place)? {
        block_on(async { Ok(node.client.peers().await?) })?
    } else {
        let (file, clock) = file(&place);
        let hours = place.spec.sync.tier3.trust_hours;
        // What a command line declared is known to the node that it started only.
        let declared = declared(&place.spec, &NetworkConfig::Isolated);
        PeerView::all(&file.read()?, clock.now(), hours, &declared)
    };
    if peers.is_empty() {
        print("no peer was met yet\n")?;
    }
    for peer in &peers {
        print(&line(peer))?;
    }
    Ok(())
}

fn line(peer: &PeerView) -> String {
    let here = if peer.connected { "connected" } else { "away" };
    let consistent = span_text(peer.consistent_seconds);
    let trusted = match (peer.declared, peer.trusted_seconds) {
        (true, _) => ", trusted: declared",
        (false, Some(_)) => ", trusted",
        (false, None) => "",
    };
    let latency = peer
        .latency_ms
        .map_or_else(String::new, |ms| format!(", {ms:.0} ms"));
    let rate = peer
        .bytes_per_second
        .map_or_else(String::new, |rate| format!(", {:.0} kB/s", rate / 1_000.0));
    let ban = match peer.ban {
        None => String::new(),
        Some(BanView::ByOperator) => ", banned by the operator".to_owned(),
        Some(BanView::Seconds(left)) => format!(", banned for {left} s more"),
    };
    format!(
        "{}  {here}, trust {}, consistent for {consistent}{trusted}{latency}{rate}{ban}\n",
        peer.peer_id,
        peer.trust_text()
    )
}
