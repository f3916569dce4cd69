//! The picture on a terminal, drawn anew at each look.

use super::{table::table, write};
use crate::{
    cli::CliError,
    rpc::PeerView,
    status_view::{ClientError, Hashes, LABEL, StatusView},
    terminal::{Colour, Line, Paint, Reader, Size, wrapped},
};
use std::{io::stdout, time::Instant};

/// To the screen beside the one with the shell's history, where nothing is overwritten; without a cursor.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";

/// Back.
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// What the node said at one look.
#[derive(Debug)]
pub(super) struct Picture {
    view: StatusView,
    peers: Vec<PeerView>,
    seen: Instant,
}

impl Picture {
    pub(super) fn of(view: StatusView, peers: Vec<PeerView>) -> Self {
        Self {
            view,
            peers,
            seen: Instant::now(),
        }
    }

    /// The lines for a screen of this size, `above` of which are taken.
    pub(super) fn lines(&self, size: Size, above: usize) -> Vec<Line> {
        let colour = self.view.verdict.colour();
        let health = wrapped(&self.view.health, "", "   ", size.columns);
        let mut lines: Vec<Line> = health
            .into_iter()
            .map(|line| Line::coloured(colour, line))
            .collect();
        // `  best       #12345 (0x…)`: the longest row of a calm node.
        let hashes = if size.columns < 96 {
            Hashes::Short
        } else {
            Hashes::Whole
        };
        for (label, text) in self.view.rows(hashes) {
            let (first, next) = (format!("  {label:<LABEL$} "), " ".repeat(LABEL + 3));
            let colour = match label {
                "reason" => colour,
                "note" => Colour::Yellow,
                _ => Colour::Usual,
            };
            let row = wrapped(&text, &first, &next, size.columns);
            lines.extend(row.into_iter().map(|line| Line::coloured(colour, line)));
        }
        lines.push(Line::default());
        let left = size.rows.saturating_sub(above + lines.len());
        lines.extend(table(&self.peers, left));
        lines
    }
}

/// The terminal, from the first picture on.
#[derive(Debug, Default)]
pub(super) struct Screen {
    last: Option<Picture>,
}

impl Screen {
    pub(super) fn show(&mut self, picture: Picture) -> Result<Reader, CliError> {
        let enter = if self.last.is_some() { "" } else { ENTER };
        let size = Size::now();
        let lines = picture.lines(size, 0);
        self.last = Some(picture);
        write(&format!("{enter}{}", drawn(&lines, size)))
    }

    /// The node does not answer: says so above what it said last.
    pub(super) fn away(&mut self, error: &ClientError) -> Result<Reader, CliError> {
        let size = Size::now();
        write(&drawn(&away(error, self.last.as_ref(), size), size))
    }

    /// Gives the terminal back, with the last picture as text in the shell's history.
    pub(super) fn close(mut self) -> Result<(), CliError> {
        let Some(picture) = self.last.take() else {
            return Ok(());
        };
        let size = Size::now();
        let paint = Paint::on(&stdout());
        let text: String = picture
            .lines(size, 1)
            .iter()
            .map(|line| line.drawn(size.columns, paint) + "\n")
            .collect();
        write(&format!("{LEAVE}{text}")).map(|_| ())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if self.last.is_some() {
            // Nowhere is left to say that standard output is gone.
            let _ = write(LEAVE);
        }
    }
}

pub(super) fn away(error: &ClientError, last: Option<&Picture>, size: Size) -> Vec<Line> {
    let mut lines: Vec<Line> = wrapped(&error.to_string(), "", "   ", size.columns)
        .into_iter()
        .map(|line| Line::coloured(Colour::Red, line))
        .collect();
    if let Some(last) = last {
        let age = last.seen.elapsed().as_secs();
        lines.push(Line::of(format!("waiting for it; {age} s ago it said:")));
        lines.push(Line::default());
        let above = lines.len();
        let faded = last.lines(size, above).into_iter();
        lines.extend(faded.map(|line| line.all_in(Colour::Dim)));
    }
    lines
}

/// The lines from the top left on, each cleared to its end, then the rest. Never more than there are rows: a terminal would
/// scroll.
pub(super) fn drawn(lines: &[Line], size: Size) -> String {
    let paint = Paint::on(&stdout());
    let lines: Vec<String> = lines
        .iter()
        .take(size.rows)
        .map(|line| line.drawn(size.columns, paint))
        .collect();
    format!("\x1b[H{}\x1b[K\x1b[J", lines.join("\x1b[K\r\n"))
}
