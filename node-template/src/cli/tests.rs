#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

mod confirming;
mod meeting;
mod pacing;
mod planning;
mod purging;

use super::{Cli, Command, usage};
use clap::CommandFactory;

/// Parses a command line that is right.
fn parse(line: &str) -> Cli {
    match usage::parse(words(line)) {
        usage::Parsed::Run(cli) => *cli,
        usage::Parsed::Shown(text) => panic!("shown: {text}"),
        usage::Parsed::Wrong(problem) => panic!("{line}: {problem}"),
    }
}

/// What is said of a command line that is wrong.
fn problem(line: &str) -> String {
    match usage::parse(words(line)) {
        usage::Parsed::Wrong(problem) => problem,
        _ => panic!("taken: {line}"),
    }
}

fn words(line: &str) -> impl Iterator<Item = std::ffi::OsString> {
    std::iter::once("node-template")
        .chain(line.split_whitespace())
        .map(Into::into)
}

#[test]
fn parser_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn wrong_usage_is_one_line_that_names_the_mistake_and_the_help() {
    let peer = "/ip4/127.0.0.1/tcp/1/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp";
    let table = [
        ("--nonsense", "--nonsense"),
        ("--dev --chain local", "--chain"),
        ("--alice --bob", "--bob"),
        ("--dev --bob", "--bob"),
        ("--tmp --base-path /x", "--base-path"),
        ("--port 65536", "65536"),
        ("--port x", "x"),
        ("--force-authoring", "--validator"),
        ("--node-key 00 --node-key-file x", "--node-key-file"),
        ("--bootnodes nowhere", "nowhere"),
        ("--bootnodes /ip4/127.0.0.1/tcp/1", "peer id"),
        ("--listen-addr nowhere", "nowhere"),
        ("--listen-addr /ip4/0.0.0.0/tcp/1 --port 2", "--port"),
        ("--alice status", "--alice"),
        ("status --url http://x --chain dev", "--chain"),
        ("build-spec --format yaml", "yaml"),
        ("localnet --nodes 0", "0"),
        ("localnet --nodes 5 --tour", "--tour"),
        ("restart", "restart"),
        (&format!("--isolated --bootnodes {peer}"), "--isolated"),
        (&format!("--isolated --reserved-nodes {peer}"), "--isolated"),
        ("--isolated --in-peers 1", "--isolated"),
        ("--reserved-nodes /ip4/127.0.0.1/tcp/1", "peer id"),
        (
            &format!("--reserved-only --bootnodes {peer}"),
            "--reserved-only",
        ),
        ("--reserved-only --out-peers 1", "--reserved-only"),
        ("--in-peers -1", "-1"),
        ("--out-peers many", "many"),
        ("export-blocks --from x", "x"),
        ("export-blocks --from -1", "-1"),
        ("export-blocks --to 4294967296", "4294967296"),
        ("export-blocks one two", "two"),
        ("import-blocks --from 1", "--from"),
        ("import-blocks --dev --chain local", "--chain"),
    ];
    for (line, named) in table {
        let problem = problem(line);
        assert!(problem.contains(named), "{line}: {problem}");
        assert!(!problem.contains('\n'), "{line}: {problem:?}");
        assert!(problem.ends_with("see `node-template --help`"), "{problem}");
        assert!(!problem.starts_with("error"), "{problem}");
    }
}

#[test]
fn help_and_version_are_shown_and_are_no_mistakes() {
    for line in ["--help", "--version", "status --help", "localnet -h"] {
        assert!(
            matches!(usage::parse(words(line)), usage::Parsed::Shown(text) if !text.is_empty()),
            "{line}"
        );
    }
}

#[test]
fn every_option_has_a_help_text() {
    let mut commands = vec![Cli::command()];
    while let Some(command) = commands.pop() {
        commands.extend(command.get_subcommands().cloned());
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{}", argument.get_id());
        }
    }
}

#[test]
fn commands_are_told_apart() {
    assert!(parse("--dev").command.is_none());
    assert!(matches!(
        parse("chain-info --dev").command,
        Some(Command::ChainInfo(place)) if place.dev
    ));
    assert!(matches!(
        parse("export-blocks --dev --from 3 --to 7 --binary out").command,
        Some(Command::ExportBlocks(export)) if export.from == 3 && export.to == Some(7) && export.binary
    ));
    assert!(matches!(
        parse("import-blocks --dev -d /x --log json,info -").command,
        Some(Command::ImportBlocks(import)) if import.log.log == ["json,info"] && !import.binary
    ));
    assert!(matches!(
        parse("purge-chain -y --chain dev -d /x").command,
        Some(Command::PurgeChain(purge)) if purge.yes
    ));
}
