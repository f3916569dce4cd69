use super::{
    NodeRow,
    table::{line, table},
    tour::{Audience, Step, TourFailure},
};
use crate::terminal::Paint;
use serde::Serialize;
use std::{
    io::{IsTerminal, Write},
    time::Duration,
};

/// How results are shown.
#[derive(Debug)]
pub(super) enum Output {
    /// A table at the end of the terminal that is redrawn in place.
    Live(LiveTable),
    /// A line for each node whose line has changed.
    Lines(Vec<String>),
    /// One JSON object per line.
    Json(Vec<NodeRow>),
}

/// The table as it stands on the terminal.
#[derive(Debug)]
pub(super) struct LiveTable {
    paint: Paint,
    drawn: Vec<String>,
}

impl Output {
    /// For people: live on a terminal, plain lines elsewhere.
    pub(super) fn for_people() -> Self {
        if !std::io::stdout().is_terminal() {
            return Self::Lines(Vec::new());
        }
        Self::Live(LiveTable {
            paint: Paint::on(&std::io::stdout()),
            drawn: Vec::new(),
        })
    }

    /// For programs.
    pub(super) fn for_programs() -> Self {
        Self::Json(Vec::new())
    }

    /// Shows the nodes as they are.
    pub(super) fn rows(&mut self, rows: &[NodeRow]) {
        match self {
            Self::Live(live) => live.draw(table(rows, live.paint)),
            Self::Lines(shown) => {
                let lines: Vec<String> = rows.iter().map(|row| line(row, Paint::Plain)).collect();
                for (index, line) in lines.iter().enumerate() {
                    if shown.get(index) != Some(line) {
                        write_line(line);
                    }
                }
                *shown = lines;
            }
            Self::Json(shown) => {
                for (index, row) in rows.iter().enumerate() {
                    if shown.get(index).map(identity) != Some(identity(row)) {
                        write_json(&Report::node(row));
                    }
                }
                *shown = rows.to_vec();
            }
        }
    }

    /// Shows a line that stays.
    pub(super) fn say(&mut self, text: &str, report: &Report<'_>) {
        match self {
            Self::Live(live) => {
                let table = std::mem::take(&mut live.drawn);
                erase(table.len());
                write_line(text);
                live.draw(table);
            }
            Self::Lines(_) => write_line(text),
            Self::Json(_) => write_json(report),
        }
    }
}

impl LiveTable {
    fn draw(&mut self, lines: Vec<String>) {
        erase(self.drawn.len());
        for line in &lines {
            write_line(line);
        }
        self.drawn = lines;
    }
}

/// Goes up to the first of the last `lines` lines, and clears to the end of the screen.
fn erase(lines: usize) {
    if lines > 0 {
        write(&format!("\x1b[{lines}A\x1b[J"));
    }
}

/// What of a row is news: not its age and the like.
fn identity(row: &NodeRow) -> (&str, &str, Option<&str>, Option<usize>) {
    let view = row.state.view();
    (
        &row.name,
        row.state.word(),
        view.map(|view| view.best.hash.as_str()),
        view.map(|view| view.peers),
    )
}

/// One line of `--json`.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "camelCase")]
pub(super) enum Report<'a> {
    /// A node as it is now.
    Node {
        node: &'a str,
        state: &'a str,
        height: Option<u64>,
        hash: Option<&'a str>,
        tier: Option<u8>,
        peers: Option<usize>,
    },
    /// The network stands.
    Started { nodes: usize },
    /// A step of the tour.
    #[serde(rename_all = "camelCase")]
    Step {
        step: &'a str,
        result: StepResult,
        millis: Option<u128>,
        why: Option<String>,
        log: &'a [String],
    },
    /// The end of the tour.
    Tour { passed: usize, of: usize },
}

/// How a step stands.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum StepResult {
    /// It has begun.
    Begins,
    /// All was seen.
    Passed,
    /// Something was not.
    Failed,
}

impl<'a> Report<'a> {
    fn node(row: &'a NodeRow) -> Self {
        let view = row.state.view();
        Self::Node {
            node: &row.name,
            state: row.state.word(),
            height: view.map(|view| view.best.number),
            hash: view.map(|view| view.best.hash.as_str()),
            tier: view.map(|view| view.tier),
            peers: view.map(|view| view.peers),
        }
    }

    fn step(step: Step, result: StepResult) -> Self {
        Self::Step {
            step: step.name(),
            result,
            millis: None,
            why: None,
            log: &[],
        }
    }
}

impl Audience for Output {
    fn step_begins(&mut self, step: Step) {
        let text = format!("▶ {step}: {}", step.story());
        self.say(&text, &Report::step(step, StepResult::Begins));
    }

    fn nodes(&mut self, rows: &[NodeRow]) {
        self.rows(rows);
    }

    fn step_passed(&mut self, step: Step, took: Duration) {
        let text = format!("✔ {step} ({:.1} s)", took.as_secs_f64());
        let report = Report::Step {
            step: step.name(),
            result: StepResult::Passed,
            millis: Some(took.as_millis()),
            why: None,
            log: &[],
        };
        self.say(&text, &report);
    }

    fn step_failed(&mut self, failure: &TourFailure) {
        let mut text = format!("✘ {}: {}", failure.step, failure.source);
        for line in &failure.log {
            text.push_str("\n    ");
            text.push_str(line);
        }
        let report = Report::Step {
            step: failure.step.name(),
            result: StepResult::Failed,
            millis: None,
            why: Some(failure.source.to_string()),
            log: &failure.log,
        };
        self.say(&text, &report);
    }
}

fn write_json(report: &Report<'_>) {
    let line = serde_json::to_string(report).expect("texts and numbers are always valid JSON");
    write_line(&line);
}

fn write_line(line: &str) {
    write(&format!("{line}\n"));
}

/// A reader that has gone away is no reason to stop a network.
fn write(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
