use super::{NodeRow, NodeState};
use crate::{
    status_view::short_hash,
    terminal::{Colour, Paint},
};
use std::fmt::Write;

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
            short_hash(&view.best.hash),
            format!("Tier {}", view.tier),
            view.peers.to_string(),
        ),
        None => ("-".into(), "-".into(), "-".into(), "-".into()),
    };
    let mut line = format!("{:<10} {height:>7}  {hash:<13} {tier:<6} ", row.name);
    let word = format!("{:<10}", row.state.word());
    line.push_str(&paint.apply(colour(&row.state), &word));
    // Writing to a text cannot fail.
    let _ = write!(line, " {peers:>5}");
    line
}

fn colour(state: &NodeState) -> Colour {
    match state {
        NodeState::Live(view) => view.verdict.colour(),
        NodeState::Silent { .. } | NodeState::Stopped => Colour::Yellow,
        NodeState::Died { .. } => Colour::Red,
    }
}
