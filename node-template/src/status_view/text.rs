use super::{BlockView, ProgressView, StatusView, VerdictKind};
use crate::terminal::Colour;
use std::fmt;

/// Columns of what a row is about.
pub(crate) const LABEL: usize = 10;

/// How a hash is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hashes {
    /// Whole, to copy.
    Whole,
    /// Its two ends, to compare by eye.
    Short,
}

impl VerdictKind {
    /// The colour in which it is shown.
    pub(crate) fn colour(self) -> Colour {
        match self {
            Self::InSync => Colour::Green,
            Self::Critical => Colour::Red,
            _ => Colour::Yellow,
        }
    }
}

impl StatusView {
    /// What is behind the health line: of what, and what is said of it.
    pub(crate) fn rows(&self, hashes: Hashes) -> Vec<(&'static str, String)> {
        let mut rows = Vec::new();
        if let Some(reason) = self.explanation() {
            rows.push(("reason", reason.to_owned()));
        }
        let blocks = [
            ("best", Some(&self.best)),
            ("finalized", Some(&self.finalized)),
            ("consensus", self.consensus.as_ref()),
            ("target", self.target.as_ref()),
        ];
        rows.extend(
            blocks
                .into_iter()
                .filter_map(|(label, block)| Some((label, block_text(block?, hashes)))),
        );
        rows.push((
            "peers",
            format!(
                "{} connected, {} of {} voters with us",
                self.peers, self.with_us, self.voters
            ),
        ));
        rows.push((
            "checked",
            format!(
                "Tier {}, round {}, {} ms old",
                self.tier, self.round, self.age_ms
            ),
        ));
        if let Some(progress) = &self.progress {
            rows.push(("progress", progress.to_string()));
        }
        rows.extend(self.notes.iter().map(|note| ("note", note.to_string())));
        rows
    }
}

/// What `node-template status` prints: the health line, then what is behind it.
impl fmt::Display for StatusView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.health)?;
        for (label, text) in self.rows(Hashes::Whole) {
            write!(f, "\n  {label:<LABEL$} {text}")?;
        }
        Ok(())
    }
}

fn block_text(block: &BlockView, hashes: Hashes) -> String {
    let hash = match hashes {
        Hashes::Whole => block.hash.clone(),
        Hashes::Short => short_hash(&block.hash),
    };
    format!("#{} ({hash})", block.number)
}

/// `0x1234…abcd`. Texts that are too short for it stay as they are.
pub(crate) fn short_hash(hash: &str) -> String {
    match (
        hash.get(..6),
        hash.len().checked_sub(4).and_then(|from| hash.get(from..)),
    ) {
        (Some(head), Some(tail)) if hash.len() > 11 => format!("{head}…{tail}"),
        _ => hash.to_owned(),
    }
}

/// So many of a kind: `1 peer`, `2 peers`.
pub(crate) fn counted(count: usize, one: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{count} {one}{end}")
}

impl fmt::Display for ProgressView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(stage) = &self.stage {
            f.write_str(stage)?;
            return match (self.done, self.total) {
                (0, _) => Ok(()),
                (done, 0) => write!(f, ", {done}"),
                (done, total) => write!(f, ", {done} of {total}"),
            };
        }
        write!(
            f,
            "{} of {} blocks from {}",
            self.done,
            self.total,
            counted(self.peers, "peer")
        )?;
        if let Some(rate) = self.rate {
            write!(f, ", {rate:.1} blocks/s")?;
        }
        if let Some(eta) = self.eta_secs {
            write!(f, ", about {eta} s left")?;
        }
        if let Some(bytes) = self.bytes {
            #[expect(clippy::cast_precision_loss, reason = "shown to people, in MiB")]
            let mib = bytes as f64 / (1024.0 * 1024.0);
            write!(f, ", {mib:.1} MiB received")?;
        }
        Ok(())
    }
}
