use std::{
    fs::{self, File, Permissions},
    io::{self, BufWriter, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};
use tempfile::NamedTempFile;

/// Why a new file is not made.
#[derive(Debug, thiserror::Error)]
pub enum NewFileError {
    /// Something has that name, and is not touched.
    #[error("{} is there already, and nothing is overwritten; name a new file, or remove that one", .path.display())]
    Exists {
        /// The path.
        path: PathBuf,
    },
    /// The path has no name of a file at its end.
    #[error("{} names no file; give a file in a folder that is writable for this user", .path.display())]
    NoName {
        /// The path.
        path: PathBuf,
    },
    /// The system refused. Nothing of the file is left.
    #[error("{} is not written ({source}); check that there is room, and that its folder is there and writable for this user", .path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
}

/// A file that gets its name when it is whole. Until then it lies beside its place, as `NAME.*.part`; it is removed when
/// dropped, and only a kill leaves it.
#[derive(Debug)]
pub struct NewFile {
    part: BufWriter<NamedTempFile>,
    path: PathBuf,
}

impl NewFile {
    /// Begins the file at `path`, where nothing may be.
    pub fn create(path: &Path) -> Result<Self, NewFileError> {
        let io = |source| NewFileError::Io {
            path: path.to_owned(),
            source,
        };
        match fs::symlink_metadata(path) {
            Ok(_) => {
                return Err(NewFileError::Exists {
                    path: path.to_owned(),
                });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(io(error)),
        }
        let name = path.file_name().ok_or_else(|| NewFileError::NoName {
            path: path.to_owned(),
        })?;
        // Said here, where the error names nothing that nobody gave.
        fs::metadata(folder_of(path)).map_err(io)?;
        let mut prefix = name.to_owned();
        prefix.push(".");
        let part = tempfile::Builder::new()
            .prefix(&prefix)
            .suffix(".part")
            // As any new file; the user's mask is taken off.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder_of(path))
            .map_err(io)?;
        Ok(Self {
            part: BufWriter::new(part),
            path: path.to_owned(),
        })
    }

    /// Syncs the file and gives it its name, in one step and only if nothing has got it meanwhile.
    pub fn finish(self) -> Result<(), NewFileError> {
        let Self { part, path } = self;
        let io = |source| NewFileError::Io {
            path: path.clone(),
            source,
        };
        let part = part.into_inner().map_err(|error| io(error.into_error()))?;
        part.as_file().sync_all().map_err(io)?;
        part.persist_noclobber(&path).map_err(|error| {
            if error.error.kind() == io::ErrorKind::AlreadyExists {
                NewFileError::Exists { path: path.clone() }
            } else {
                io(error.error)
            }
        })?;
        // Its name, too, has to outlive a power cut.
        let folder = File::open(folder_of(&path));
        folder.and_then(|folder| folder.sync_all()).map_err(io)
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.part.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.part.flush()
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}
