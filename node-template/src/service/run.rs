use super::{
    RunConfig, ServiceError, StandardInput,
    doors::Doors,
    folder::{Base, ChainFolder},
    onlookers::{Telemetry, Watched},
    resync::{ResyncDesk, declared},
    signals::Signals,
    start::{Entrance, Kept, Ports, Running, start},
    stdin_guard,
};
use crate::{Block, network, rpc::Server, status_view::NodeFile, telemetry::start_log};
use runtime_bridge::{ChainTip, Closing, store::Lock};
use std::{sync::Arc, time::Duration};
use sync_component::{
    StrategyRegistry,
    ports::{Clock, SystemClock},
};

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
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    // A port in use is known before anything is written.
    let claimed = network::claim(config.network.listen())?;
    let telemetry = {
        let _context = runtime.enter();
        Telemetry::begin(&config, Arc::clone(&clock))?
    };
    let ports = Ports {
        rpc: Server::bind(config.rpc)?,
        peers: claimed,
    };
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
    let desk = Arc::new(ResyncDesk::new(
        &folder,
        &config.spec,
        &config.settings,
        declared(&config.spec, &config.network),
        registry.clone(),
        clock,
        telemetry.onlookers(),
    ));
    let watched = {
        let _context = runtime.enter();
        telemetry.serve(Arc::clone(&desk))
    };
    let node = Node {
        folder: &folder,
        registry,
        desk,
        watched,
    };
    let outcome = runtime.block_on(node.live(config, ports, signals));
    runtime.shutdown_timeout(STOP_PATIENCE);
    // Only now does nothing of ours touch the folder any more.
    drop(lock);
    drop(base);
    outcome
}

/// What stays while the node stops for an exchange of its stores and starts again.
struct Node<'a> {
    folder: &'a ChainFolder,
    registry: StrategyRegistry<Block>,
    desk: Arc<ResyncDesk>,
    watched: Watched,
}

/// Why a node stops.
pub(super) enum Stopping {
    /// For good.
    Ends,
    /// To exchange its stores.
    ForSwap {
        /// What must be closed before.
        closing: Vec<Closing>,
        tip: Option<ChainTip>,
    },
}

/// How a node ended.
enum Served {
    /// For good.
    Ended,
    /// Its stores are to be exchanged.
    Exchanges {
        doors: Box<Doors>,
        kept: Kept,
        closing: Vec<Closing>,
        tip: Option<ChainTip>,
    },
}

impl Node<'_> {
    /// Runs until a signal or a fault. However it ends, nobody looks for it any more.
    async fn live(
        &self,
        config: RunConfig,
        ports: Ports,
        signals: Signals,
    ) -> Result<(), ServiceError> {
        let outcome = self.live_through(config, ports, signals).await;
        if let Err(error) = NodeFile::remove(self.folder.path()) {
            tracing::warn!("{error}");
        }
        outcome
    }

    /// The same, through any number of exchanges of the stores.
    async fn live_through(
        &self,
        config: RunConfig,
        ports: Ports,
        mut signals: Signals,
    ) -> Result<(), ServiceError> {
        let desk = Arc::clone(&self.desk);
        on_disk(move || {
            desk.recover()?;
            desk.live_store_may_be_made()
        })
        .await?;
        let mut entrance = Entrance::Closed(ports);
        loop {
            let end = Box::pin(self.serve(&config, entrance, &mut signals)).await?;
            let Served::Exchanges {
                doors,
                kept,
                closing,
                tip,
            } = end
            else {
                return Ok(());
            };
            if let Err(error) = self.swap(&closing, tip).await {
                doors.close(self.folder).await;
                return Err(error);
            }
            entrance = Entrance::Open(doors, kept);
        }
    }

    /// Runs until it stops.
    async fn serve(
        &self,
        config: &RunConfig,
        entrance: Entrance,
        signals: &mut Signals,
    ) -> Result<Served, ServiceError> {
        let starting = start(
            config.clone(),
            self.registry.clone(),
            self.folder,
            Arc::clone(&self.desk),
            entrance,
            self.watched.clone(),
        );
        let mut running: Running = tokio::select! {
            started = starting => started?,
            signal = signals.any() => {
                tracing::info!("{signal} during the start: stopping");
                return Ok(Served::Ended);
            }
        };
        let outcome = tokio::select! {
            end = running.first_end() => Err(ServiceError::from(end)),
            signal = signals.any() => {
                tracing::info!("{signal}: stopping");
                Ok(Stopping::Ends)
            }
            () = self.desk.swap_is_due() => Ok(running.for_swap()),
        };
        // What it ends with, unless its stores are exchanged.
        let (why, end) = match outcome {
            Ok(why) => (why, Ok(Served::Ended)),
            Err(error) => (Stopping::Ends, Err(error)),
        };
        let stopping = async {
            match why {
                Stopping::ForSwap { closing, tip } => {
                    let (doors, kept) = running.leave().await;
                    Some(Served::Exchanges {
                        doors: Box::new(doors),
                        kept,
                        closing,
                        tip,
                    })
                }
                Stopping::Ends => {
                    running.stop(self.folder).await;
                    None
                }
            }
        };
        tokio::select! {
            exchange = stopping => exchange.map_or(end, Ok),
            signal = signals.any() => {
                tracing::warn!("{signal} again: not waiting any longer");
                end
            }
        }
    }

    /// Exchanges the stores once nobody holds the live one any more, and nobody signs.
    async fn swap(&self, closing: &[Closing], tip: Option<ChainTip>) -> Result<(), ServiceError> {
        let desk = Arc::clone(&self.desk);
        let is_closed = || closing.iter().all(Closing::is_closed);
        if !within_patience(|| is_closed() && desk.is_closed()).await {
            // The live store cannot be opened again in this process either.
            return Err(ServiceError::StillOpen);
        }
        on_disk(move || desk.swap(tip)).await
    }
}

/// Waits until work under way has ended; false if it does not.
pub(super) async fn within_patience(has_ended: impl Fn() -> bool) -> bool {
    let patience = tokio::time::Instant::now() + STOP_PATIENCE;
    while !has_ended() && tokio::time::Instant::now() < patience {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    has_ended()
}

/// Blocking work on files.
async fn on_disk(
    work: impl FnOnce() -> Result<(), ServiceError> + Send + 'static,
) -> Result<(), ServiceError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}
