use crate::{ChainSpec, ChainSpecError};
use std::path::Path;
use sync_component::settings::{
    StrategyNames,
    document::{Document, DocumentError},
};

/// A chain specification that comes with this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// `dev`: Alice alone; needs no peers.
    Dev,
    /// `local`: Alice, Bob, Charlie and Dave on one machine.
    Local,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Dev, Self::Local];

    /// The name by which `--chain` knows it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Local => "local",
        }
    }

    /// Its file, comments included: a start for a chain of one's own.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Dev => include_str!("../presets/dev.toml"),
            Self::Local => include_str!("../presets/local.toml"),
        }
    }

    /// The preset called `name`.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name)
    }

    /// The specification.
    pub fn spec(self) -> ChainSpec {
        ChainSpec::from_toml(self.name(), self.text())
            .expect("a test reads every preset, and its text is part of the program")
    }
}

impl ChainSpec {
    /// The preset of that name, else the file at that path (`.toml` or `.json`). A file called like a preset is reached
    /// as `./dev`.
    pub fn load(name_or_path: &str) -> Result<Self, ChainSpecError> {
        Self::load_by(name_or_path, |document| document)
    }

    /// The same; a strategy that is not among `strategies` is one of the problems of a file.
    pub fn load_knowing(
        name_or_path: &str,
        strategies: StrategyNames,
    ) -> Result<Self, ChainSpecError> {
        Self::load_by(name_or_path, |document| document.knowing(strategies))
    }

    fn load_by(
        name_or_path: &str,
        told: impl FnOnce(Document) -> Document,
    ) -> Result<Self, ChainSpecError> {
        if let Some(preset) = Preset::by_name(name_or_path) {
            return Ok(preset.spec());
        }
        let path = Path::new(name_or_path);
        if !path.exists() {
            let path = path.to_owned();
            return Err(ChainSpecError::NotFound { path });
        }
        // A folder is told apart when it is opened.
        if !path.is_file() && !path.is_dir() {
            let path = path.to_owned();
            return Err(ChainSpecError::NotAFile { path });
        }
        let document = Document::open(path)?;
        Ok(Self::from_document(told(document)).map_err(DocumentError::from)?)
    }
}
