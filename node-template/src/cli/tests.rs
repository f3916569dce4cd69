#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

mod confirming;
mod meeting;
mod pacing;
mod planning;
mod progressing;
mod purging;
mod standing_in;

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
        assert!(problem.contains("; see `node-template "), "{problem}");
        assert!(problem.ends_with("--help`"), "{problem}");
        assert!(!problem.starts_with("error"), "{problem}");
    }
}

#[test]
fn wrong_usage_names_the_help_of_the_command_that_was_used() {
    for (line, command) in [
        ("--port x", "node-template"),
        ("restart", "node-template"),
        ("status --nonsense", "node-template status"),
        ("peers ban xx", "node-template peers ban"),
        ("peers", "node-template peers"),
    ] {
        let problem = problem(line);
        let end = format!("; see `{command} --help`");
        assert!(problem.ends_with(&end), "{line}: {problem}");
    }
}

#[test]
fn command_for_alerts_is_not_blank() {
    for blank in ["", " ", " \t\n"] {
        let line = ["node-template", "--alert-cmd", blank].map(Into::into);
        let usage::Parsed::Wrong(problem) = usage::parse(line) else {
            panic!("taken: {blank:?}");
        };
        assert!(problem.contains("a command line is expected"), "{problem}");
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

/// All commands and groups of commands that are shown, each with the words that call it.
fn shown(command: &clap::Command, words: &str) -> Vec<(String, clap::Command)> {
    let words = format!("{words} {}", command.get_name());
    let below = command
        .get_subcommands()
        .filter(|below| !below.is_hide_set());
    let below = below.flat_map(|below| shown(below, &words));
    std::iter::once((words.trim().to_owned(), command.clone()))
        .chain(below)
        .collect()
}

#[test]
fn help_of_every_command_has_an_example_that_calls_it() {
    let all = shown(&super::Cli::command(), "");
    assert!(all.len() > 20, "{}", all.len());
    for (words, command) in all {
        let help = command.clone().render_long_help().to_string();
        let examples = help.split("Example").nth(1).unwrap_or_default();
        assert!(examples.contains(&words), "{words}:\n{help}");
        assert!(
            command
                .get_about()
                .is_some_and(|about| !about.to_string().is_empty()),
            "{words}"
        );
    }
}

#[test]
fn names_have_at_most_64_characters_and_no_control_characters() {
    use super::address::name;
    for good in ["a", "Zoë’s node 🦀", &"é".repeat(64)] {
        assert_eq!(name(good).unwrap(), good);
    }
    for bad in ["", "  ", "a\nb", "a\u{1b}[31m", &"é".repeat(65)] {
        assert!(name(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn nothing_is_an_account_that_the_library_derives_from_the_development_phrase() {
    use super::account::{account, secret};
    let bob = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty";
    let hex = "0x8eaf04151687736326c9fea17e25fc5287613693c912909cb226aa4794f26a48";
    assert!(account(bob).is_some());
    assert_eq!(account(bob), account(hex));
    for none in ["", " ", "/", "/1", "//Bob", "///", " //Bob", "5FHneW46"] {
        assert_eq!(account(none), None, "{none:?}");
    }
    assert!(secret("").is_none());
    assert_eq!(
        secret("//Bob").map(|(pair, _)| sp_core::Pair::public(&pair)),
        account(bob)
    );
}

#[test]
fn line_that_is_longer_than_any_key_is_refused_and_not_cut() {
    use super::{account::line, confirm};
    use std::io::BufReader;
    let endless = || BufReader::new(std::io::repeat(b'y'));
    assert!(line(&mut endless()).is_err());
    assert_eq!(line(&mut " //Bob \nmore".as_bytes()).unwrap(), "//Bob");
    let answer = confirm::ask("Sure?", &mut endless(), &mut Vec::new()).unwrap();
    assert_eq!(answer, confirm::Answer::No);
}
