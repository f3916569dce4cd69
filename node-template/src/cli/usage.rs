use super::Cli;
use clap::{CommandFactory, Parser, error::ErrorKind};
use std::ffi::OsString;

/// What the command line turned out to be.
pub(super) enum Parsed {
    /// Something to do.
    Run(Box<Cli>),
    /// `--help` or `--version`: a text to show.
    Shown(String),
    /// A mistake, in one line.
    Wrong(String),
}

/// Parses the command line.
pub(super) fn parse(args: impl IntoIterator<Item = OsString>) -> Parsed {
    let args: Vec<OsString> = args.into_iter().collect();
    match Cli::try_parse_from(&args) {
        Ok(cli) => Parsed::Run(Box::new(cli)),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                Parsed::Shown(error.render().to_string())
            }
            _ => Parsed::Wrong(one_line(&error.render().to_string(), &command_of(&args))),
        },
    }
}

/// The command whose help tells more, such as `node-template peers ban`.
fn command_of(args: &[OsString]) -> String {
    let mut command = Cli::command();
    let mut path = command.get_name().to_owned();
    for word in args.iter().skip(1) {
        let Some(inner) = command.find_subcommand(word) else {
            break;
        };
        path = format!("{path} {}", inner.get_name());
        command = inner.clone();
    }
    path
}

/// What the standard library says of a number, and what it means.
const PHRASES: [(&str, &str); 4] = [
    (
        "number would be zero for non-zero type",
        "at least 1 is expected",
    ),
    (
        "invalid digit found in string",
        "a whole number is expected",
    ),
    (
        "cannot parse integer from empty string",
        "a whole number is expected",
    ),
    (
        "number too large to fit in target type",
        "the number is too large",
    ),
];

/// Folds the parser's paragraphs into one line: what is wrong and its tips, without the usage that follows.
fn one_line(text: &str, command: &str) -> String {
    let facts: Vec<&str> = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .filter(|line| !line.is_empty())
        .map(|line| line.strip_prefix("error: ").unwrap_or(line))
        .collect();
    let facts = PHRASES
        .into_iter()
        .fold(facts.join(" "), |text, (of_the_parser, for_people)| {
            text.replace(of_the_parser, for_people)
        });
    format!("{facts}; see `{command} --help`")
}
