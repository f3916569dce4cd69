//! What this program asks of the terminal, and draws on it.

mod line;
#[cfg(test)]
mod tests;

pub(crate) use line::{Line, wrapped};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    termios::tcgetwinsize,
};
use std::{
    io::{ErrorKind, IsTerminal, Write, stdout},
    os::fd::AsFd,
};

/// Whether words are coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paint {
    /// ANSI colours.
    Coloured,
    /// None: not a terminal, or `NO_COLOR` is set.
    Plain,
}

impl Paint {
    /// What suits `output`.
    pub(crate) fn on(output: &impl IsTerminal) -> Self {
        // https://no-color.org: present and not empty.
        let is_unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if is_unwanted || !output.is_terminal() {
            Self::Plain
        } else {
            Self::Coloured
        }
    }

    /// `text` in a colour, if there are any.
    pub(crate) fn apply(self, colour: Colour, text: &str) -> String {
        match (self, colour.code()) {
            (Self::Coloured, Some(code)) => format!("\x1b[{code}m{text}\x1b[0m"),
            _ => text.to_owned(),
        }
    }
}

/// The colours that are used; those that every terminal has, so that they suit its background.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Colour {
    /// The terminal's own.
    #[default]
    Usual,
    /// All is well.
    Green,
    /// It may pass by itself.
    Yellow,
    /// A person should look.
    Red,
    /// Of less interest.
    Dim,
}

impl Colour {
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Usual => None,
            Self::Green => Some("32"),
            Self::Yellow => Some("33"),
            Self::Red => Some("31"),
            Self::Dim => Some("2"),
        }
    }
}

/// How much fits on the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    /// Characters in a line.
    pub(crate) columns: usize,
    /// Lines.
    pub(crate) rows: usize,
}

impl Size {
    /// Of a terminal that does not say.
    const USUAL: Self = Self {
        columns: 80,
        rows: 24,
    };

    /// That of the terminal on standard output, which may have changed since the last look.
    pub(crate) fn now() -> Self {
        match tcgetwinsize(stdout()) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Self {
                columns: size.ws_col.into(),
                rows: size.ws_row.into(),
            },
            _ => Self::USUAL,
        }
    }
}

/// Who reads standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Somebody, as far as can be told.
    There,
    /// It has gone away (`| head`), and nobody sees what would come.
    Gone,
}

impl Reader {
    /// Whether it is there, without writing anything.
    pub(crate) fn of_stdout() -> Self {
        let out = stdout();
        Self::of(&out)
    }

    fn of(output: &impl AsFd) -> Self {
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // The ends of a pipe are told whether one asks for them or not.
        let mut ends = [PollFd::new(output, PollFlags::empty())];
        let asked = poll(&mut ends, Some(&now));
        let gone = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
        match asked {
            Ok(1..) if ends.iter().any(|end| end.revents().intersects(gone)) => Self::Gone,
            _ => Self::There,
        }
    }

    /// Writes `text` for it at once.
    pub(crate) fn write(text: &str) -> std::io::Result<Self> {
        let mut out = stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Ok(()) => Ok(Self::There),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Self::Gone),
            Err(error) => Err(error),
        }
    }
}
