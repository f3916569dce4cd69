//! How work that may take longer than a moment is shown: a bar on a terminal, plain lines elsewhere, events of the log with
//! `--log`.

use super::{CliError, args::LogArgs, pace::left_text, print};
use crate::{service::ServiceError, telemetry::start_log};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    io::Write,
    time::{Duration, Instant},
};

/// Pause between two lines about the same thing. Shorter: logs fill up; longer: nobody knows whether it goes on.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How long work may take before there is a first line about it. Longer: nobody knows whether it began.
const PATIENCE: Duration = Duration::from_secs(1);

/// Pause between two looks at how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Who is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    /// People: a bar, or plain lines.
    People,
    /// The log, since `--log` was given.
    Log,
}

impl Audience {
    /// What `--log` says; starts the log if it was given.
    pub(super) fn of(args: &LogArgs) -> Result<Self, CliError> {
        if args.log.is_empty() {
            return Ok(Self::People);
        }
        start_log(&args.log.join(",")).map_err(ServiceError::from)?;
        Ok(Self::Log)
    }
}

/// Where plain lines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lines {
    /// Standard output.
    Out,
    /// Standard error: standard output has data, or what a script wants to read.
    Err,
    /// Nowhere: the command says enough by itself.
    None,
}

impl Lines {
    /// A line there.
    pub(super) fn say(self, line: &str) -> Result<(), CliError> {
        match self {
            Self::Out => print(&format!("{line}\n"))?,
            // Nowhere is left to say that standard error is gone.
            Self::Err => drop(writeln!(std::io::stderr().lock(), "{line}")),
            Self::None => {}
        }
        Ok(())
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Blocks,
    Headers,
    /// Of a state.
    Entries,
    Bytes,
}

impl Unit {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Blocks => "blocks",
            Self::Headers => "headers",
            Self::Entries => "entries",
            Self::Bytes => "bytes",
        }
    }
}

/// How far work is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Moment {
    /// What is being done. A change of it is told at once.
    pub(super) doing: String,
    /// What else there is to say of it; may be empty.
    pub(super) note: String,
    /// How much is done.
    pub(super) done: u64,
    /// How much there is to do, if that is known.
    pub(super) total: Option<u64>,
    /// Of what.
    pub(super) unit: Unit,
    /// How many of them come in a second; blocks where bytes are counted.
    pub(super) rate: Option<f64>,
    /// Time left.
    pub(super) left: Option<Duration>,
}

impl Moment {
    /// What goes before the bar.
    pub(super) fn text(&self) -> String {
        // Of a file the length is known, and not how many blocks are in it.
        let unit = match self.unit {
            Unit::Bytes => Unit::Blocks.name(),
            unit => unit.name(),
        };
        let rate = self.rate.map(|rate| format!(", {rate:.1} {unit}/s"));
        let left = self.left.map(|left| format!(", {}", left_text(left)));
        format!(
            "{}{}{}{}",
            self.doing,
            self.note,
            rate.unwrap_or_default(),
            left.unwrap_or_default()
        )
    }

    /// The same with what the bar shows.
    pub(super) fn line(&self) -> String {
        match (self.total, self.unit) {
            (Some(total), Unit::Blocks | Unit::Headers | Unit::Entries) => {
                let unit = self.unit.name();
                format!("{} ({} of {total} {unit})", self.text(), self.done)
            }
            (None, Unit::Headers | Unit::Entries) => {
                format!("{} ({} {})", self.text(), self.done, self.unit.name())
            }
            (Some(total), Unit::Bytes) if total > 0 => {
                let percent = u128::from(self.done) * 100 / u128::from(total);
                format!("{} ({percent} %)", self.text())
            }
            _ => self.text(),
        }
    }
}

/// Work under way. Its bar is gone when this is dropped.
#[derive(Debug)]
pub(super) struct Progress {
    way: Way,
    /// No line before.
    silent_until: Instant,
    looked: Option<Instant>,
    told: Option<(String, Instant)>,
}

#[derive(Debug)]
enum Way {
    Bar(ProgressBar),
    Lines(Lines),
    Log,
}

impl Progress {
    /// Nothing yet. Off a terminal, `lines` says where lines go.
    pub(super) fn new(audience: Audience, lines: Lines) -> Self {
        let bar = ProgressBar::new(0);
        let way = match audience {
            Audience::Log => Way::Log,
            // It draws on standard error, and hides itself where that is no terminal.
            Audience::People if bar.is_hidden() => Way::Lines(lines),
            Audience::People => {
                // Until it is known what to write beside it: each change of a bar is drawn.
                bar.set_draw_target(ProgressDrawTarget::hidden());
                Way::Bar(bar)
            }
        };
        Self::by(way)
    }

    /// Nothing at all: the work itself runs over the screen.
    pub(super) fn none() -> Self {
        Self::by(Way::Lines(Lines::None))
    }

    fn by(way: Way) -> Self {
        Self {
            way,
            silent_until: Instant::now(),
            looked: None,
            told: None,
        }
    }

    /// Work that may be over at once: no line before it took a second.
    #[must_use]
    pub(super) fn patient(mut self) -> Self {
        self.silent_until += PATIENCE;
        self
    }

    /// Work of which nobody knows how far it is: a moving sign on a terminal, nothing elsewhere.
    pub(super) fn busy(doing: &'static str) -> Self {
        let progress = Self::new(Audience::People, Lines::None);
        if let Way::Bar(bar) = &progress.way {
            bar.set_style(style("{spinner} {msg} ({elapsed})"));
            bar.set_message(doing);
            bar.set_draw_target(ProgressDrawTarget::stderr());
            bar.enable_steady_tick(LOOK_EVERY);
        }
        progress
    }

    /// How far it is now. May be called as often as one likes: `moment` is asked only now and then.
    pub(super) fn show(&mut self, moment: impl FnOnce(Instant) -> Moment) -> Result<(), CliError> {
        let now = Instant::now();
        let is_early = |looked: Instant| now.duration_since(looked) < LOOK_EVERY;
        if self.looked.is_some_and(is_early) {
            return Ok(());
        }
        let is_first = self.looked.replace(now).is_none();
        let moment = moment(now);
        if let Way::Bar(bar) = &self.way {
            draw(bar, &moment);
            if is_first {
                bar.set_draw_target(ProgressDrawTarget::stderr());
                bar.tick();
            }
            return Ok(());
        }
        if now < self.silent_until {
            return Ok(());
        }
        let is_known = |(doing, at): &(String, Instant)| {
            *doing == moment.doing && now.duration_since(*at) < LINE_EVERY
        };
        if self.told.as_ref().is_some_and(is_known) {
            return Ok(());
        }
        match &self.way {
            Way::Lines(lines) => lines.say(&moment.line())?,
            Way::Log | Way::Bar(_) => log(&moment),
        }
        self.told = Some((moment.doing, now));
        Ok(())
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Way::Bar(bar) = &self.way {
            bar.finish_and_clear();
        }
    }
}

fn draw(bar: &ProgressBar, moment: &Moment) {
    bar.set_style(style(match (moment.total, moment.unit) {
        (None, Unit::Headers) => "{spinner} {msg}  {human_pos} headers",
        (None, Unit::Entries) => "{spinner} {msg}  {human_pos} entries",
        (None, Unit::Blocks | Unit::Bytes) => "{msg}",
        (Some(_), Unit::Blocks) => "{msg}  {bar:30} {pos}/{len} blocks",
        (Some(_), Unit::Headers) => "{msg}  {bar:30} {pos}/{len} headers",
        (Some(_), Unit::Entries) => "{msg}  {bar:30} {pos}/{len} entries",
        (Some(_), Unit::Bytes) => "{msg}  {bar:30} {bytes}/{total_bytes}",
    }));
    bar.set_length(moment.total.unwrap_or_default());
    bar.set_position(moment.done);
    bar.set_message(moment.text());
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is a constant and well formed")
}

fn log(moment: &Moment) {
    tracing::info!(
        doing = format!("{}{}", moment.doing, moment.note),
        done = moment.done,
        total = moment.total,
        unit = moment.unit.name(),
        blocks_per_second = moment.rate,
        seconds_left = moment.left.map(|left| left.as_secs()),
        "progress"
    );
}
