use crate::Preset;
use std::path::PathBuf;
use sync_component::settings::document::DocumentError;

/// A chain specification cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ChainSpecError {
    /// Neither a preset nor a file.
    #[error(
        "{}: no such file, and no preset of that name; presets: {}. `build-spec` prints one as a start for your own",
        .path.display(),
        Preset::ALL.map(Preset::name).join(", ")
    )]
    NotFound {
        /// What was asked for.
        path: PathBuf,
    },
    /// Reading it might wait for ever.
    #[error("{} is no file, but a pipe, a socket or a device; give the path of a chain spec", .path.display())]
    NotAFile {
        /// What was asked for.
        path: PathBuf,
    },
    /// The file cannot be used.
    #[error(transparent)]
    Document(#[from] DocumentError),
}
