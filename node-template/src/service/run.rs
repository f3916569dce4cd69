use super::{
    RunConfig, ServiceError, StandardInput,
    folder::{Base, ChainFolder},
    signals::Signals,
    start::{Running, start},
    stdin_guard,
};
use crate::{Block, telemetry::start_log};
use runtime_bridge::store::Lock;
use std::time::Duration;
use sync_component::StrategyRegistry;

/// How long work that was begun (an import, a seal) may take to end when the node stops. Too low: it is done again after
/// the next start; nothing is lost.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// Runs a node until SIGTERM, SIGINT, SIGHUP or a fault. `registry` holds the strategies that the chain may name: the built-in
/// ones, and a program's own.
pub fn run(config: RunConfig, registry: StrategyRegistry<Block>) -> Result<(), ServiceError> {
    start_log(&config.log)?;
    for warning in config.settings.warnings(config.spec.authorities.len()) {
        tracing::warn!("{warning}");
    }
    // Before anything is written.
    registry.check(&config.settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(ServiceError::System)?;
    // Before there is anything that a signal could leave behind.
    let signals = {
        let _context = runtime.enter();
        Signals::listen()?
    };
    if config.standard_input == StandardInput::EndStops {
        stdin_guard::watch().map_err(ServiceError::System)?;
    }
    let base = Base::open(&config.base)?;
    let folder = ChainFolder::new(base.path(), &config.spec.id);
    folder.create()?;
    let lock = Lock::take(&folder.lock())?;
    let outcome = runtime.block_on(serve(config, registry, &folder, signals));
    runtime.shutdown_timeout(STOP_PATIENCE);
    // Only now does nothing of ours touch the folder any more.
    drop(lock);
    drop(base);
    outcome
}

async fn serve(
    config: RunConfig,
    registry: StrategyRegistry<Block>,
    folder: &ChainFolder,
    mut signals: Signals,
) -> Result<(), ServiceError> {
    let mut running: Running = tokio::select! {
        started = start(config, registry, folder) => started?,
        signal = signals.any() => {
            tracing::info!("{signal} during the start: stopping");
            return Ok(());
        }
    };
    let outcome = tokio::select! {
        end = running.tasks.first_end() => Err(ServiceError::from(end)),
        signal = signals.any() => {
            tracing::info!("{signal}: stopping");
            Ok(())
        }
    };
    tokio::select! {
        () = running.stop(folder) => {}
        signal = signals.any() => tracing::warn!("{signal} again: not waiting any longer"),
    }
    outcome
}
