#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod chain;
mod genesis;
mod identity;

use crate::ChainSpec;
use sync_component::settings::document::ProblemReport;

const ALICE: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
const BOB: &str = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty";
const PEER: &str = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp";

/// The smallest specification, line 1 to 4, with `more` from line 5 on.
fn minimal(more: &str) -> String {
    format!(
        "name = \"Test\"\nid = \"test\"\nslot_duration_ms = 2000\nauthorities = [\"{ALICE}\"]\n{more}"
    )
}

fn read(more: &str) -> Result<ChainSpec, ProblemReport> {
    ChainSpec::from_toml("test", &minimal(more))
}

/// The lines of a report, without its head.
fn lines(report: &ProblemReport) -> Vec<String> {
    let text = report.to_string();
    text.lines()
        .skip(1)
        .map(|line| line.trim().to_owned())
        .collect()
}

/// Everything that is wrong with the smallest specification and `more`.
fn refused(more: &str) -> Vec<String> {
    lines(&read(more).expect_err("it is refused"))
}

/// The whole of a specification in which the line of `key` is replaced.
fn with(key: &str, value: &str) -> Result<ChainSpec, ProblemReport> {
    let text = minimal("");
    let lines = text.lines().map(|line| {
        if line.starts_with(&format!("{key} = ")) {
            format!("{key} = {value}")
        } else {
            line.to_owned()
        }
    });
    ChainSpec::from_toml("test", &lines.collect::<Vec<_>>().join("\n"))
}
