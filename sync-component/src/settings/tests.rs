#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod contradictions;
mod keys;
mod overrides;
mod properties;
mod round_trip;

use super::{
    SyncSettings,
    document::{Document, Format, ProblemReport},
};
use std::time::Duration;

const SLOT: Duration = Duration::from_secs(2);

/// Reads a document that has nothing but `[sync]`, for a chain of two-second slots.
fn read(format: Format, text: &str) -> Result<SyncSettings, ProblemReport> {
    Document::parse("test", format, text)?
        .read(|root, problems| Some(SyncSettings::read(root, Some(SLOT), problems)))
}

fn read_toml(text: &str) -> Result<SyncSettings, ProblemReport> {
    read(Format::Toml, text)
}

/// The lines of a report, without its head.
fn lines(report: &ProblemReport) -> Vec<String> {
    let text = report.to_string();
    text.lines()
        .skip(1)
        .map(|line| line.trim().to_owned())
        .collect()
}
