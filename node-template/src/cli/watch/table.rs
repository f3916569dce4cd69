//! A heading, and a line for each connected peer: those on another chain first, so that they are seen where not all fit, and
//! otherwise in an order that stays, so that no line jumps.

use crate::{
    cli::pace::span_text,
    rpc::{BanView, PeerView},
    status_view::counted,
    terminal::{Colour, Line},
};

/// The table, in as many lines as there are; one at least.
pub(super) fn table(peers: &[PeerView], lines: usize) -> Vec<Line> {
    let mut connected: Vec<_> = peers.iter().filter(|peer| peer.connected).collect();
    connected.sort_by_key(|peer| (peer.agrees != Some(false), shown_id(peer)));
    if connected.is_empty() {
        return vec![Line::coloured(Colour::Yellow, "no peer is connected")];
    }
    if lines < 2 {
        let all = counted(connected.len(), "peer");
        return vec![Line::of(format!("{all}; `peers list` shows them"))];
    }
    let heading = format!(
        "{:<14} {:>9}  {:<8} {:>8} {:>6}  {}",
        "PEER", "HEIGHT", "AGREES", "LATENCY", "TRUST", "TRUSTED"
    );
    let mut table = vec![Line::coloured(Colour::Dim, heading)];
    let fits = lines.saturating_sub(1);
    let shown = if connected.len() > fits {
        // A line for those that are not.
        fits.saturating_sub(1)
    } else {
        connected.len()
    };
    table.extend(connected.iter().take(shown).map(|peer| row(peer)));
    let more = connected.len().saturating_sub(shown);
    if more > 0 {
        table.push(Line::of(format!("and {more} more; `peers list` shows all")));
    }
    table
}

fn row(peer: &PeerView) -> Line {
    let height = peer
        .best
        .as_ref()
        .map_or_else(|| "-".to_owned(), |best| format!("#{}", best.number));
    let (agrees, colour) = match peer.agrees {
        Some(true) => ("yes", Colour::Green),
        Some(false) => ("no", Colour::Red),
        None => ("unknown", Colour::Yellow),
    };
    let latency = peer
        .latency_ms
        .map_or_else(|| "-".to_owned(), |ms| format!("{ms:.0} ms"));
    let id = shown_id(peer);
    let (trusted, of_trusted) = trusted(peer);
    Line::of(format!("…{id:<13} {height:>9}  "))
        .then(colour, format!("{agrees:<8}"))
        .then(
            Colour::Usual,
            format!(" {latency:>8} {:>6}  ", peer.trust_text()),
        )
        .then(of_trusted, trusted)
}

/// The end of its id, which tells more than the beginning that all share.
fn shown_id(peer: &PeerView) -> &str {
    let tail = peer.peer_id.len().saturating_sub(12);
    peer.peer_id.get(tail..).unwrap_or(&peer.peer_id)
}

/// Whether it is trusted, and since when.
fn trusted(peer: &PeerView) -> (String, Colour) {
    match (&peer.ban, peer.trusted_seconds) {
        (Some(BanView::ByOperator), _) => ("banned by the operator".to_owned(), Colour::Red),
        (Some(BanView::Seconds(left)), _) => (format!("banned for {left} s more"), Colour::Red),
        (None, _) if peer.declared => ("declared".to_owned(), Colour::Usual),
        (None, Some(seconds)) => (format!("for {}", span_text(seconds)), Colour::Usual),
        (None, None) => (
            format!("not yet, after {}", span_text(peer.consistent_seconds)),
            Colour::Usual,
        ),
    }
}
