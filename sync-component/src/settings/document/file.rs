use super::{Node, ProblemReport, Problems, Section, json, toml_text};
use crate::settings::StrategyNames;
use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

/// Longest document that is read, in bytes. A genesis of 200 000 accounts is about half of it; without a bound a wrong
/// path (a disk image, `/dev/zero`) would fill the memory.
pub const MAX_DOCUMENT_BYTES: u64 = 32 * 1024 * 1024;

/// How a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `.toml`
    Toml,
    /// `.json`
    Json,
}

impl Format {
    /// By the extension of `path`.
    pub fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?;
        match extension.to_ascii_lowercase().as_str() {
            "toml" => Some(Self::Toml),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// A settings file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The name ends in neither `.toml` nor `.json`.
    #[error("{}: the name has to end in .toml or .json, so that its format is known; rename it", .path.display())]
    Extension {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be opened or read.
    #[error("{}: {source}; check that it is there and that this user may read it", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Longer than [`MAX_DOCUMENT_BYTES`].
    #[error("{}: longer than {MAX_DOCUMENT_BYTES} bytes, so this is no settings file; check the path", .path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// Not UTF-8.
    #[error("{}: not UTF-8 text from byte {valid} on; save it as UTF-8", .path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// How many bytes are text.
        valid: usize,
    },
    /// What is written in it.
    #[error(transparent)]
    Problems(#[from] ProblemReport),
}

/// A parsed document; [`Document::read`] gives its content.
#[derive(Debug)]
pub struct Document {
    name: String,
    pub(super) root: Node,
    problems: Problems,
}

impl Document {
    /// Reads and parses the file at `path`; its extension says how.
    pub fn open(path: &Path) -> Result<Self, DocumentError> {
        let owned = || path.to_owned();
        let format = Format::of(path).ok_or_else(|| DocumentError::Extension { path: owned() })?;
        let unreadable = |source| DocumentError::Unreadable {
            path: owned(),
            source,
        };
        let file = File::open(path).map_err(unreadable)?;
        let mut bytes = Vec::new();
        let mut limited = file.take(MAX_DOCUMENT_BYTES + 1);
        let length = limited.read_to_end(&mut bytes).map_err(unreadable)?;
        if u64::try_from(length).map_or(true, |length| length > MAX_DOCUMENT_BYTES) {
            return Err(DocumentError::TooLong { path: owned() });
        }
        let text = String::from_utf8(bytes).map_err(|error| DocumentError::NotText {
            path: owned(),
            valid: error.utf8_error().valid_up_to(),
        })?;
        Ok(Self::parse(&path.display().to_string(), format, &text)?)
    }

    /// Parses `text`; `name` stands at the head of a report.
    pub fn parse(name: &str, format: Format, text: &str) -> Result<Self, ProblemReport> {
        let mut problems = Problems::default();
        let root = match format {
            Format::Toml => toml_text::parse(text),
            Format::Json => json::parse(text, &mut problems),
        }
        .map_err(|syntax| syntax.into_report(name))?;
        Ok(Self {
            name: name.to_owned(),
            root,
            problems,
        })
    }

    /// Says which strategies there are: a name that is not among them is a problem.
    #[must_use]
    pub fn knowing(mut self, strategies: StrategyNames) -> Self {
        self.problems.strategies = Some(strategies);
        self
    }

    /// Lets `reader` read the whole document and gives its value, or everything that is wrong. Keys at the top that it
    /// did not ask for are among it. It returns `None` only if it noted a problem.
    pub fn read<T>(
        self,
        reader: impl FnOnce(&mut Section<'_>, &mut Problems) -> Option<T>,
    ) -> Result<T, ProblemReport> {
        let Self {
            name,
            root,
            mut problems,
        } = self;
        let value = Section::open("", &root, &mut problems).and_then(|mut section| {
            let value = reader(&mut section, &mut problems);
            section.finish(&mut problems);
            value
        });
        match value {
            Some(value) if problems.is_empty() => Ok(value),
            _ => Err(problems.into_report(&name)),
        }
    }
}
