use super::{CliError, ExitCode, RunArgs, plan};
use crate::service;
use sync_component::StrategyRegistry;

/// Runs the node until SIGINT, SIGTERM, SIGHUP or a fault.
pub(super) fn run(args: &RunArgs) -> Result<ExitCode, CliError> {
    let config = plan::config(args)?;
    service::run(config, StrategyRegistry::with_builtins())?;
    Ok(ExitCode::Done)
}
