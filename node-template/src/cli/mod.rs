//! The command line (SPEC section 11): Substrate's names and defaults where Substrate has one.
//!
//! Each command is a file of its own. An error is one line on standard error, `error: what; what to do`, and an exit
//! code from [`ExitCode`].

mod account;
mod address;
mod args;
mod backups;
mod benchmark;
mod build_spec;
mod chain_info;
mod completions;
mod confirm;
mod error;
mod export_blocks;
mod import_blocks;
mod key;
mod meeting;
mod node_key;
mod pace;
mod peers;
mod place;
mod plan;
mod progress;
mod purge_chain;
mod resync;
mod resync_alone;
mod run;
mod shown;
mod status;
mod stopping;
mod stored;
mod strategies;
mod tx;
mod usage;
mod watch;

#[cfg(test)]
mod tests;

pub use args::{
    BackupsCommand, BuildSpecArgs, CheckBlockArgs, Cli, Command, CompletionsArgs, DevKeyArgs,
    ExportBlocksArgs, GenerateKeyArgs, GenerateNodeKeyArgs, ImportBlocksArgs, InsertKeyArgs,
    InspectKeyArgs, KeyCommand, KeyType, LocalnetArgs, LogArgs, NodeKeyArgs, OutputType, PeerArgs,
    PeersCommand, PhraseLength, PlaceArgs, PurgeChainArgs, RestoreArgs, ResyncArgs, RevertArgs,
    RpcMethods, RunArgs, Scheme, SpecFormat, SpecType, StandInArgs, StatusArgs, StrategiesArgs,
    TransferArgs, TxCommand,
};
pub use benchmark::{BenchmarkCommand, GateArgs, LimitsArgs, SyncArgs, WorkerArgs};
pub use error::{CliError, ExitCode};
pub use stopping::StopSignal;

use std::{ffi::OsString, io::Write};

/// Reads the command line `args` (the first is the program's name), does what it says, and returns the exit code of
/// the process. Results go to standard output, errors to standard error.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match usage::parse(args) {
        usage::Parsed::Run(cli) => *cli,
        usage::Parsed::Shown(text) => return show(&text),
        usage::Parsed::Wrong(problem) => return complain(&problem, ExitCode::Usage),
    };
    match dispatch(cli) {
        Ok(code) => code,
        Err(failure) => complain(&failure.error.to_string(), failure.code),
    }
}

/// An error and the exit code that the command has for it.
struct Failure {
    error: Box<CliError>,
    code: ExitCode,
}

impl From<CliError> for Failure {
    fn from(error: CliError) -> Self {
        let code = error.exit_code();
        Self {
            error: Box::new(error),
            code,
        }
    }
}

fn dispatch(cli: Cli) -> Result<ExitCode, Failure> {
    let done = match cli.command {
        None => run::run(&cli.run)?,
        Some(Command::BuildSpec(args)) => build_spec::run(&args)?,
        Some(Command::Key(command)) => key::run(&command)?,
        Some(Command::ChainInfo(args)) => chain_info::run(&args)?,
        Some(Command::Status(args)) => status::run(&args).map_err(|error| Failure {
            code: status::exit_code(&error),
            error: Box::new(error),
        })?,
        Some(Command::Strategies(args)) => strategies::run(&args)?,
        Some(Command::Resync(args)) => resync::run(&args)?,
        Some(Command::Backups(command)) => backups::run(&command)?,
        Some(Command::Tx(command)) => tx::run(&command)?,
        Some(Command::Peers(command)) => peers::run(&command)?,
        Some(Command::ExportBlocks(args)) => export_blocks::run(&args)?,
        Some(Command::ImportBlocks(args)) => import_blocks::run(&args)?,
        Some(Command::CheckBlock(args)) => stored::check_block(&args)?,
        Some(Command::Revert(args)) => stored::revert(&args)?,
        Some(Command::PurgeChain(args)) => purge_chain::run(&args)?,
        Some(Command::Completions(args)) => completions::run(&args)?,
        Some(Command::Benchmark(command)) => benchmark::run(&command)?,
        Some(Command::Localnet(args)) => {
            crate::localnet::run(&args).map_err(CliError::Localnet)?;
            ExitCode::Done
        }
    };
    Ok(done)
}

/// Writes a result for the user. A reader that has gone away (`| head`) is no error of ours.
fn print(text: &str) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(CliError::Output { source: error })
        }
        _ => Ok(()),
    }
}

fn show(text: &str) -> ExitCode {
    match print(text) {
        Ok(()) => ExitCode::Done,
        Err(error) => complain(&error.to_string(), ExitCode::Failed),
    }
}

fn complain(problem: &str, code: ExitCode) -> ExitCode {
    // Nowhere is left to say that standard error is gone.
    let _ = writeln!(std::io::stderr().lock(), "error: {problem}");
    code
}
