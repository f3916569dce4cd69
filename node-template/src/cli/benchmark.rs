//! `benchmark`: what this machine can do, and how near the node comes to it (SPEC section 14).

use super::{
    CliError, ExitCode, print,
    progress::{Audience, Lines, Moment, Progress, Unit},
    stopping::{Stop, stoppable},
};
use crate::{
    benchmark::{
        BenchmarkError, Machine, Told, Watch,
        gate::{self, GatePlan},
        limits::{self, Effort, LimitsPlan},
    },
    block_file::Next,
};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::{fmt, num::NonZeroUsize, path::PathBuf, time::Duration};
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
