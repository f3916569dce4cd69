use super::{NodeRow, NodeState};
use crate::status_view::VerdictKind;
use std::fmt::Write;

/// Whether words are coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paint {
    /// ANSI colours.
    Coloured,
    /// None: not a terminal, or `NO_COLOR` is set.
    Plain,
}

const GREEN: &str = "32";
const YELLOW: &str = "33";
const RED: &str = "31";

/// The heading and one line per node.
pub(super) fn table(rows: &[NodeRow], paint: Paint) -> Vec<String> {
    let heading = format!(
        "{:<10} {:>7}  {:<13} {:<6} {:<10} {:>5}",
        "NODE", "HEIGHT", "HASH", "TIER", "STATUS", "PEERS"
    );
    std::iter::once(heading)
        .chain(rows.iter().map(|row| line(row, paint)))
        .collect()
}

/// One line of the table.
pub(super) fn line(row: &NodeRow, paint: Paint) -> String {
    let (height, hash, tier, peers) = match row.state.view() {
        Some(view) => (
            format!("#{}", view.best.number),
            short(&view.best.hash),
            format!("Tier {}", view.tier),
            view.peers.to_string(),
        ),
        None => ("-".into(), "-".into(), "-".into(), "-".into()),
    };
    let mut line = format!("{:<10} {height:>7}  {hash:<13} {tier:<6} ", row.name);
    let word = format!("{:<10}", row.state.word());
    // Writing to a text cannot fail.
    let _ = match paint {
        Paint::Plain => write!(line, "{word}"),
        Paint::Coloured => write!(line, "\x1b[{}m{word}\x1b[0m", colour(&row.state)),
    };
    let _ = write!(line, " {peers:>5}");
    line
}

fn colour(state: &NodeState) -> &'static str {
    match state {
        NodeState::Live(view) => match view.verdict {
            VerdictKind::InSync => GREEN,
            VerdictKind::Critical => RED,
            _ => YELLOW,
        },
        NodeState::Silent { .. } | NodeState::Stopped => YELLOW,
        NodeState::Died { .. } => RED,
    }
}

/// `0x1234…abcd`. Texts that are too short for it stay as they are.
fn short(hash: &str) -> String {
    match (
        hash.get(..6),
        hash.len().checked_sub(4).and_then(|from| hash.get(from..)),
    ) {
        (Some(head), Some(tail)) if hash.len() > 11 => format!("{head}…{tail}"),
        _ => hash.to_owned(),
    }
}
