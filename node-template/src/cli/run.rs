use super::{CliError, ExitCode, RunArgs, plan, stdin_guard};
use crate::service;
use sync_component::StrategyRegistry;

/// Runs the node until SIGINT, SIGTERM or a fault.
pub(super) fn run(args: &RunArgs) -> Result<ExitCode, CliError> {
    let config = plan::config(args)?;
    if args.stop_with_stdin {
        stdin_guard::watch().map_err(CliError::System)?;
    }
    service::run(config, StrategyRegistry::with_builtins())?;
    Ok(ExitCode::Done)
}
