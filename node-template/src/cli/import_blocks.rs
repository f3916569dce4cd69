use super::{
    CliError, ExitCode,
    args::ImportBlocksArgs,
    export_blocks::format,
    pace::{Pace, over_all},
    place::Place,
    progress::{Audience, Lines, Moment, Progress, Unit},
    stopping::{Stop, stoppable},
};
use crate::{
    block_file::{BatchLimits, BlockReader, End, Format, Imported, import},
    service::{ChainFolder, Offline},
};
use std::{
    fs::{self, File},
    io::{self, IsTerminal, Read},
    path::Path,
    time::{Duration, Instant},
};
use sync_component::ports::ReadChain;

/// Validates the blocks of a file and adds them to the chain of a stopped node, or of one that never ran.
pub(super) fn run(args: &ImportBlocksArgs) -> Result<ExitCode, CliError> {
    let place = Place::of(&args.place)?;
    // Before anything is made: what cannot be read costs nothing.
    let input = Input::open(args.input.as_deref())?;
    let audience = Audience::of(&args.log)?;
    let folder = ChainFolder::at(&place.folder);
    let job = Job {
        offline: Offline::open_or_create(&folder, &place.spec)?,
        format: format(args.binary),
        block_bytes: place.spec.sync.limits.block_bytes,
        audience,
    };
    stoppable(move |stop| job.carry_out(input, stop))
}

/// What is read.
struct Input {
    name: String,
    bytes: Box<dyn Read + Send>,
    /// Absent for what has none, such as a pipe.
    length: Option<u64>,
}

impl Input {
    fn open(path: Option<&Path>) -> Result<Self, CliError> {
        let Some(path) = path.filter(|path| *path != Path::new("-")) else {
            if io::stdin().is_terminal() {
                Lines::Err.say("reading blocks from standard input, to its end (Ctrl-D)")?;
            }
            return Ok(Self {
                name: "standard input".to_owned(),
                bytes: Box::new(io::stdin()),
                length: None,
            });
        };
        let refused = |source| CliError::NotRead {
            path: path.to_owned(),
            source,
        };
        let data = fs::metadata(path).map_err(refused)?;
        if data.is_dir() {
            return Err(refused(io::ErrorKind::IsADirectory.into()));
        }
        Ok(Self {
            name: path.display().to_string(),
            bytes: Box::new(File::open(path).map_err(refused)?),
            length: data.is_file().then_some(data.len()),
        })
    }
}

struct Job {
    offline: Offline,
    format: Format,
    block_bytes: usize,
    audience: Audience,
}

impl Job {
    fn carry_out(self, input: Input, stop: &Stop) -> Result<ExitCode, CliError> {
        let Input {
            name,
            bytes,
            length,
        } = input;
        let reader = BlockReader::new(bytes, self.format, self.block_bytes);
        let start = Instant::now();
        let mut so_far = Imported::default();
        let mut pace = Pace::new();
        let mut progress = Progress::new(self.audience, Lines::Err).patient();
        let ended = import(
            &self.offline.chain,
            reader,
            BatchLimits::default(),
            &mut so_far,
            &mut |now| {
                // What cannot be shown does not stop the work.
                let _ =
                    progress.show(|at| moment(&mut pace, at.duration_since(start), now, length));
                stop.next()
            },
        );
        drop(progress);
        let failure = match ended {
            Ok(End::Whole) => {
                return self.done(&so_far, start.elapsed()).map(|()| ExitCode::Done);
            }
            Ok(End::Stopped) => CliError::stopped(
                stop,
                format!(
                    "the import was stopped; {}; import the same file once more to go on, what is stored is skipped",
                    self.so_far(&so_far)
                ),
            ),
            Err(fault) => CliError::Import {
                name,
                fault: Box::new(fault),
                so_far: self.so_far(&so_far),
            },
        };
        if so_far.imported == 0 && so_far.skipped == 0 {
            // A chain that nobody asked for would be taken for one that a node had begun.
            if let Err(error) = self.offline.take_back() {
                Lines::Err.say(&format!(
                    "the empty chain that was made for the import could not be removed: {error}"
                ))?;
            }
        }
        Err(failure)
    }

    /// What stays.
    fn so_far(&self, so_far: &Imported) -> String {
        let best = self.offline.chain.best();
        match (so_far.imported, so_far.skipped) {
            (0, 0) if self.offline.is_new() => {
                "nothing was imported, and no chain was made here".to_owned()
            }
            (0, 0) => format!("nothing was imported, best is {best}"),
            (imported, skipped) => format!(
                "{imported} blocks before that were imported and stay, {skipped} were stored already, best is {best}"
            ),
        }
    }

    fn done(&self, so_far: &Imported, took: Duration) -> Result<(), CliError> {
        let Imported {
            imported, skipped, ..
        } = *so_far;
        let rate = over_all(imported, took);
        let seconds = took.as_secs_f64();
        let chain = &self.offline.chain;
        let (best, finalized) = (chain.best(), chain.finalized().number);
        if self.audience == Audience::Log {
            let (number, hash) = (best.number, best.hash);
            tracing::info!(
                imported,
                skipped,
                seconds,
                blocks_per_second = rate,
                best = number,
                best_hash = ?hash,
                finalized,
                "imported"
            );
            return Ok(());
        }
        Lines::Out.say(&format!(
            "imported {imported} blocks in {seconds:.1} s ({rate:.1} blocks/s), skipped {skipped} that were stored already; best is #{} ({:?}), finalized #{finalized}",
            best.number, best.hash
        ))
    }
}

fn moment(pace: &mut Pace, at: Duration, now: &Imported, length: Option<u64>) -> Moment {
    let blocks = now.imported + now.skipped;
    pace.reached(at, blocks, now.bytes);
    let note = match (now.last, length) {
        (None, _) => String::new(),
        (Some(last), Some(_)) => format!(" #{}", last.number),
        (Some(last), None) => format!(" #{}, {blocks} blocks", last.number),
    };
    Moment {
        doing: "importing".to_owned(),
        note,
        done: now.bytes,
        total: length,
        unit: Unit::Bytes,
        rate: pace.rate(),
        left: length.and_then(|length| pace.left(length)),
    }
}
