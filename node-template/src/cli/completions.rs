use super::{Cli, CliError, CompletionsArgs, ExitCode, print};
use clap::{Command, CommandFactory};
use clap_complete::Shell;

/// Prints a script that completes what a person may give.
pub(super) fn run(args: &CompletionsArgs) -> Result<ExitCode, CliError> {
    let mut command = offered();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, &name, &mut script);
    let mut script = String::from_utf8_lossy(&script).into_owned();
    if args.shell == Shell::Bash {
        script = spelled_alike(&script, &name);
    }
    print(&script)?;
    Ok(ExitCode::Done)
}

/// All commands but those that only the program itself calls: the scripts of most shells offer hidden ones, too.
fn offered() -> Command {
    Cli::command().mut_subcommand("benchmark", |whole| {
        let about = whole.get_about().cloned().unwrap_or_default();
        let shown = whole.get_subcommands().filter(|one| !one.is_hide_set());
        Command::new("benchmark")
            .about(about)
            .subcommands(shown.cloned())
    })
}

/// Bash's script calls a program with a hyphen in its name by one word where it finds out which command is meant, and by another
/// where it lists what goes with that command, so that it lists nothing (<https://github.com/clap-rs/clap/issues/6421>). Where
/// both are one word already, this changes nothing.
fn spelled_alike(script: &str, name: &str) -> String {
    script.replace(&name.replace('-', "__subcmd__"), &name.replace('-', "__"))
}
