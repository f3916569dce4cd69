//! `benchmark`: what this machine can do, and how near the node comes to it (SPEC section 14).

use super::{
    CliError, ExitCode,
    place::default_base_path,
    print,
    progress::{Audience, Lines, Moment, Progress, Unit},
    stopping::{Stop, stoppable},
};
use crate::{
    benchmark::{
        BenchmarkError, Machine, Told, Watch,
        gate::{self, GatePlan},
        limits::{self, Effort, LimitsPlan},
        resync::{self, ResyncPlan},
        sync::{self, Order, Report, SyncPlan},
    },
    block_file::Next,
};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::{
    fmt,
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    time::Duration,
};
use sync_component::registry::defaults;

/// `benchmark`.
#[derive(Clone, Debug, Subcommand)]
pub enum BenchmarkCommand {
    /// Measure a cached and a fresh decision of the gate, with peers over TCP on this machine
    #[command(after_help = "Examples:
  node-template benchmark gate
  node-template benchmark gate --latency-ms 200 --mute 5
  node-template benchmark gate --strategy authority-quorum --json")]
    Gate(GateArgs),
    /// Measure what one core can do with the parts of which importing a block is made, and the bound that follows
    #[command(after_help = "Examples:
  node-template benchmark limits
  node-template benchmark limits --transfers 200 --json")]
    Limits(LimitsArgs),
    /// Measure how fast a fresh node joins, against the import of the same chain from a file and against the bound
    ///
    /// The chain is built once and kept in the folder `benchmark` of the base path.
    #[command(after_help = "Examples:
  node-template benchmark sync
  node-template benchmark sync --transfers 50 --blocks 10000
  node-template benchmark sync --latency-ms 100 --mute 1 --lying 1 --json")]
    Sync(SyncArgs),
    /// Measure a whole resync of a node, against a fresh join of the same chain, and the pause in which it does not serve
    ///
    /// The chain is built once and kept in the folder `benchmark` of the base path.
    #[command(after_help = "Examples:
  node-template benchmark resync
  node-template benchmark resync --strategy snapshot --blocks 400000 --accounts 10000
  node-template benchmark resync --strategy full-chain --json")]
    Resync(ResyncArgs),
    /// Do a part of a benchmark; started by the benchmark itself
    #[command(hide = true)]
    Worker(WorkerArgs),
}

/// `benchmark gate`.
#[derive(Clone, Debug, Args)]
pub struct GateArgs {
    /// Peers that answer
    #[arg(long, value_name = "N", default_value_t = 25, value_parser = clap::value_parser!(u16).range(1..=200))]
    pub peers: u16,
    /// Time to each of them and back, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 50, value_parser = clap::value_parser!(u64).range(0..=10_000))]
    pub latency_ms: u64,
    /// Further peers that take every request and never answer
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(0..=200))]
    pub mute: u16,
    /// The strategy of Tier 1; where it counts attestations, all peers are authorities
    #[arg(long, value_name = "NAME", default_value = defaults::TIER1)]
    pub strategy: String,
    /// Fresh decisions; their median is shown
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub rounds: u16,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `benchmark limits`.
#[derive(Clone, Debug, Args)]
pub struct LimitsArgs {
    /// Transfers in a block, beside empty blocks
    #[arg(long, value_name = "K", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub transfers: u16,
    /// Folder to write in, on the disk that is to be measured [default: the system's folder for temporary files]
    #[arg(long, short = 'd', value_name = "PATH")]
    pub base_path: Option<PathBuf>,
    /// Time for each measurement, in milliseconds; shorter is quicker, and says less
    #[arg(long, value_name = "MS", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub effort_ms: u64,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `benchmark sync`.
#[derive(Clone, Debug, Args)]
pub struct SyncArgs {
    /// Blocks of the chain
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub blocks: u32,
    /// Transfers in each
    #[arg(long, value_name = "K", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=10_000))]
    pub transfers: u16,
    /// Peers that answer
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub peers: u16,
    /// Time to each of them and back, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=10_000))]
    pub latency_ms: u64,
    /// Further peers that say where they stand and then answer no request for blocks
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=20))]
    pub mute: u16,
    /// Further peers that hand out blocks which are not the chain's
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=20))]
    pub lying: u16,
    /// The strategy of Tier 2
    #[arg(long, value_name = "NAME", default_value = defaults::TIER2)]
    pub strategy: String,
    /// Folder of all chains' data: the chain is kept in it, and the disk that it is on is measured [default: node-template
    /// in the user's data folder]
    #[arg(long, short = 'd', value_name = "PATH")]
    pub base_path: Option<PathBuf>,
    /// Time for each measurement of the bound, in milliseconds; shorter is quicker, and says less
    #[arg(long, value_name = "MS", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub effort_ms: u64,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `benchmark resync`.
#[derive(Clone, Debug, Args)]
pub struct ResyncArgs {
    /// Blocks of the chain
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub blocks: u32,
    /// Accounts with a balance
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1_000..=1_000_000))]
    pub accounts: u32,
    /// Transfers in each block
    #[arg(long, value_name = "K", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=10_000))]
    pub transfers: u16,
    /// Peers that serve
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub peers: u16,
    /// The strategy of Tier 3
    #[arg(long, value_name = "NAME", default_value = defaults::TIER3)]
    pub strategy: String,
    /// Folder of all chains' data: the chain is kept in it, and the disk that it is on is measured [default: node-template
    /// in the user's data folder]
    #[arg(long, short = 'd', value_name = "PATH")]
    pub base_path: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `benchmark worker`.
#[derive(Clone, Debug, Args)]
pub struct WorkerArgs {
    /// What to do, in JSON
    #[arg(value_name = "ORDER", value_parser = order)]
    pub order: Order,
}

fn order(text: &str) -> Result<Order, String> {
    serde_json::from_str(text).map_err(|_| "only `benchmark sync` gives such orders".to_owned())
}

/// Runs the command.
pub(super) fn run(command: &BenchmarkCommand) -> Result<ExitCode, CliError> {
    match command {
        BenchmarkCommand::Gate(args) => {
            let plan = GatePlan {
                peers: at_least_one(args.peers),
                round_trip: Duration::from_millis(args.latency_ms),
                mute: args.mute.into(),
                strategy: args.strategy.clone(),
                rounds: at_least_one(args.rounds),
            };
            measure(Form::of(args.json), move |watch| gate::run(&plan, watch))
        }
        BenchmarkCommand::Limits(args) => {
            let plan = LimitsPlan {
                transfers: args.transfers.into(),
                effort: Effort(Duration::from_millis(args.effort_ms)),
            };
            let folder = args.base_path.clone().unwrap_or_else(std::env::temp_dir);
            measure(Form::of(args.json), move |watch| {
                limits::run(plan, &folder, watch)
            })
        }
        BenchmarkCommand::Sync(args) => {
            let plan = SyncPlan {
                blocks: NonZeroU32::new(args.blocks).unwrap_or(NonZeroU32::MIN),
                transfers: args.transfers.into(),
                peers: at_least_one(args.peers),
                round_trip: Duration::from_millis(args.latency_ms),
                mute: args.mute.into(),
                lying: args.lying.into(),
                strategy: args.strategy.clone(),
                effort: Effort(Duration::from_millis(args.effort_ms)),
            };
            let base = match &args.base_path {
                Some(path) => path.clone(),
                None => default_base_path()?,
            };
            measure(Form::of(args.json), move |watch| {
                sync::run(&plan, &base, watch)
            })
        }
        BenchmarkCommand::Resync(args) => {
            let accounts = usize::try_from(args.accounts).unwrap_or(usize::MAX);
            let plan = ResyncPlan {
                blocks: NonZeroU32::new(args.blocks).unwrap_or(NonZeroU32::MIN),
                accounts: NonZeroUsize::new(accounts).unwrap_or(NonZeroUsize::MIN),
                transfers: args.transfers.into(),
                peers: at_least_one(args.peers),
                strategy: args.strategy.clone(),
            };
            let base = match &args.base_path {
                Some(path) => path.clone(),
                None => default_base_path()?,
            };
            measure(Form::of(args.json), move |watch| {
                resync::run(&plan, &base, watch)
            })
        }
        BenchmarkCommand::Worker(args) => Ok(work(args.order.clone())),
    }
}

/// Does a worker's part. Whoever started it reads the lines, a failure included.
fn work(order: Order) -> ExitCode {
    let mut tell = |report: &Report| {
        let line = serde_json::to_string(report).expect("reports have text keys only");
        // Nobody is left to be told; the end of standard input ends this process.
        let _ = print(&format!("{line}\n"));
    };
    match sync::work(order, &mut tell) {
        Ok(()) => ExitCode::Done,
        Err(error) => {
            tell(&Report::Failed(error.to_string()));
            ExitCode::Failed
        }
    }
}

/// The parser has refused 0.
fn at_least_one(count: u16) -> NonZeroUsize {
    NonZeroUsize::new(count.into()).unwrap_or(NonZeroUsize::MIN)
}

/// How figures are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    People,
    Json,
}

impl Form {
    fn of(json: bool) -> Self {
        if json { Self::Json } else { Self::People }
    }
}

fn measure<F: Serialize + fmt::Display + Send + 'static>(
    form: Form,
    work: impl FnOnce(&mut Shown) -> Result<F, BenchmarkError> + Send + 'static,
) -> Result<ExitCode, CliError> {
    let figures = stoppable(move |stop| {
        let mut shown = Shown {
            stop: stop.clone(),
            progress: Progress::new(Audience::People, Lines::Err),
        };
        work(&mut shown).map_err(|error| match error {
            BenchmarkError::Stopped => CliError::stopped(
                stop,
                "the benchmark was stopped; it has no figures, and nothing of it is left"
                    .to_owned(),
            ),
            error => CliError::Benchmark(Box::new(error)),
        })
    })?;
    let warning = Machine::here().warning();
    match form {
        Form::Json => {
            if let Some(warning) = warning {
                Lines::Err.say(warning)?;
            }
            let text = serde_json::to_string(&figures).expect("figures have text keys only");
            print(&format!("{text}\n"))?;
        }
        Form::People => {
            if let Some(warning) = warning {
                print(&format!("{warning}\n"))?;
            }
            print(&format!("{figures}\n"))?;
        }
    }
    Ok(ExitCode::Done)
}

/// Shows how far a benchmark is, and stops it when a signal came.
struct Shown {
    stop: Stop,
    progress: Progress,
}

impl Watch for Shown {
    fn told(&mut self, told: Told<'_>) {
        let moment = match told {
            Told::Doing(doing) => Moment {
                doing: doing.to_owned(),
                note: String::new(),
                done: 0,
                total: None,
                unit: Unit::Blocks,
                rate: None,
                left: None,
            },
            Told::Blocks { doing, done, total } => Moment {
                doing: doing.to_owned(),
                note: String::new(),
                done,
                total: Some(total),
                unit: Unit::Blocks,
                rate: None,
                left: None,
            },
        };
        // What cannot be shown does not stop the work.
        let _ = self.progress.show(|_| moment);
    }

    fn next(&self) -> Next {
        self.stop.next()
    }
}
