use super::{
    CliError, ExitCode,
    args::ExportBlocksArgs,
    pace::{Pace, over_all},
    progress::{Audience, Lines, Moment, Progress, Unit},
    stopping::{Stop, stoppable},
    stored::open,
};
use crate::{
    block_file::{BlockRange, BlockWriter, End, ExportError, Exported, Format, NewFile, export},
    service::Offline,
};
use std::{
    fs,
    io::{self, BufWriter, IsTerminal, Write},
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use sync_component::ports::ReadChain;

/// Bytes that are written at once. Less: more calls into the system.
const BUFFER: usize = 256 * 1024;

/// Writes blocks of a stopped node to a file or standard output.
pub(super) fn run(args: &ExportBlocksArgs) -> Result<ExitCode, CliError> {
    let job = Job {
        offline: open(&args.place)?,
        format: format(args.binary),
        output: args.output.clone().filter(|path| path != Path::new("-")),
        audience: Audience::of(&args.log)?,
    };
    let range = range(args, job.offline.chain.best().number)?;
    stoppable(move |stop| job.carry_out(range, stop))
}

/// `--binary`.
pub(super) fn format(binary: bool) -> Format {
    if binary { Format::Binary } else { Format::Json }
}

fn range(args: &ExportBlocksArgs, best: u32) -> Result<BlockRange, CliError> {
    let from = args.from;
    if let Some(to) = args.to.filter(|to| *to < from) {
        return Err(CliError::EmptyRange { from, to });
    }
    let to = args.to.unwrap_or(best);
    let highest = to.max(from);
    if highest > best {
        return Err(CliError::AboveBest {
            number: highest,
            best,
        });
    }
    Ok(BlockRange { from, to })
}

struct Job {
    offline: Offline,
    format: Format,
    output: Option<PathBuf>,
    audience: Audience,
}

impl Job {
    fn carry_out(&self, range: BlockRange, stop: &Stop) -> Result<ExitCode, CliError> {
        let sink = match &self.output {
            None => Sink::Stream(Box::new(io::stdout())),
            Some(path) => Sink::at(path)?,
        };
        let out = BufWriter::with_capacity(BUFFER, sink);
        let start = Instant::now();
        let mut seen = None;
        let written = self.write(range, out, stop, &mut seen);
        let blocks = seen.map_or(0, |seen: Exported| seen.blocks);
        match written {
            Ok(End::Whole) => self.done(range, blocks, start.elapsed())?,
            Ok(End::Stopped) => return Err(self.stopped(stop, seen)),
            // Whoever reads has had enough, as `head` has.
            Err(ExportError::Write(error))
                if error.kind() == io::ErrorKind::BrokenPipe && self.output.is_none() => {}
            Err(error) => return Err(CliError::Export(error)),
        }
        Ok(ExitCode::Done)
    }

    fn write(
        &self,
        range: BlockRange,
        out: BufWriter<Sink>,
        stop: &Stop,
        seen: &mut Option<Exported>,
    ) -> Result<End, ExportError> {
        let total = range.count();
        let mut writer = BlockWriter::begin(out, self.format, total).map_err(ExportError::Write)?;
        let mut progress = self.progress();
        let (start, mut pace) = (Instant::now(), Pace::new());
        let end = export(&self.offline.chain, range, &mut writer, &mut |now| {
            *seen = Some(now);
            // What cannot be shown does not stop the work.
            let _ = progress.show(|at| moment(&mut pace, at.duration_since(start), now, total));
            stop.next()
        })?;
        let out = writer.finish().map_err(ExportError::Write)?;
        let sink = out
            .into_inner()
            .map_err(|error| ExportError::Write(error.into_error()))?;
        if end == End::Whole {
            sink.finish()?;
        }
        Ok(end)
    }

    fn progress(&self) -> Progress {
        if self.output.is_none() && io::stdout().is_terminal() {
            return Progress::none();
        }
        Progress::new(self.audience, Lines::Err).patient()
    }

    fn done(&self, range: BlockRange, blocks: u64, took: Duration) -> Result<(), CliError> {
        let rate = over_all(blocks, took);
        let (from, to) = (range.from, range.to);
        if self.audience == Audience::Log {
            let seconds = took.as_secs_f64();
            tracing::info!(
                blocks,
                from,
                to,
                seconds,
                blocks_per_second = rate,
                "exported"
            );
            return Ok(());
        }
        let lines = if self.output.is_some() {
            Lines::Out
        } else {
            Lines::Err
        };
        let place = self.output.as_ref().map_or_else(
            || "standard output".to_owned(),
            |path| path.display().to_string(),
        );
        lines.say(&format!(
            "exported {blocks} blocks, #{from} to #{to}, to {place} in {:.1} s ({rate:.1} blocks/s)",
            took.as_secs_f64()
        ))
    }

    fn stopped(&self, stop: &Stop, seen: Option<Exported>) -> CliError {
        let last = seen.map_or_else(String::new, |seen| format!(" behind block #{}", seen.last));
        let left = match &self.output {
            Some(path) => format!("{} is not written", path.display()),
            None => "what was written is not whole".to_owned(),
        };
        CliError::stopped(stop, format!("the export was stopped{last}, and {left}"))
    }
}

fn moment(pace: &mut Pace, at: Duration, now: Exported, total: u64) -> Moment {
    pace.reached(at, now.blocks, now.blocks);
    Moment {
        doing: "exporting".to_owned(),
        note: format!(" #{}", now.last),
        done: now.blocks,
        total: Some(total),
        unit: Unit::Blocks,
        rate: pace.rate(),
        left: pace.left(total),
    }
}

/// Where the blocks go.
enum Sink {
    /// A file that gets its name at the end.
    File(NewFile),
    /// Standard output, or a pipe or device that has its name already.
    Stream(Box<dyn Write>),
}

impl Sink {
    fn at(path: &Path) -> Result<Self, CliError> {
        let is_stream = fs::metadata(path).is_ok_and(|data| {
            let kind = data.file_type();
            kind.is_fifo() || kind.is_char_device() || kind.is_socket()
        });
        if !is_stream {
            let file = NewFile::create(path).map_err(ExportError::File);
            return file.map(Self::File).map_err(CliError::Export);
        }
        let stream = fs::OpenOptions::new().write(true).open(path);
        let stream = stream.map_err(|source| CliError::NotWritten {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self::Stream(Box::new(stream)))
    }

    fn finish(self) -> Result<(), ExportError> {
        match self {
            Self::File(file) => Ok(file.finish()?),
            Self::Stream(_) => Ok(()),
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(bytes),
            Self::Stream(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.flush(),
            Self::Stream(stream) => stream.flush(),
        }
    }
}
