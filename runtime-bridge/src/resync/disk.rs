use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// What the swap asks of a file system, each step by itself, so that a test can stop between any two.
pub trait Disk: fmt::Debug + Send + Sync {
    /// A whole file; `None` if there is none.
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>>;
    /// Writes a file, readable for its owner only, and syncs its bytes; its name is not on disk before the folder is synced.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Removes a file; none is no error.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Moves a file or folder in one step; replaces a file and an empty folder.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Exchanges two folders in one step. `Unsupported` where the system cannot.
    fn exchange(&self, one: &Path, other: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
    /// Makes a folder with all that is in it durable.
    fn sync_tree(&self, path: &Path) -> io::Result<()>;
    /// Makes a folder and those above it; one that is there is no error.
    fn create_folder(&self, path: &Path) -> io::Result<()>;
    /// Removes a folder with all that is in it; none is no error.
    fn remove_tree(&self, path: &Path) -> io::Result<()>;
    /// Whether anything has this name.
    fn exists(&self, path: &Path) -> io::Result<bool>;
    /// Names in a folder, in order; none if there is no folder.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;
}

/// The machine's file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        none_if_missing(fs::read(path))
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        none_if_missing(fs::remove_file(path)).map(|_| ())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn exchange(&self, one: &Path, other: &Path) -> io::Result<()> {
        use rustix::io::Errno;
        renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).map_err(|error| match error {
            // File systems without it say any of these.
            Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP => {
                io::Error::new(io::ErrorKind::Unsupported, error)
            }
            error => error.into(),
        })
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn sync_tree(&self, path: &Path) -> io::Result<()> {
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                self.sync_tree(&entry.path())?;
            } else {
                File::open(entry.path())?.sync_all()?;
            }
        }
        self.sync_folder(path)
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn remove_tree(&self, path: &Path) -> io::Result<()> {
        none_if_missing(fs::remove_dir_all(path)).map(|_| ())
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        path.try_exists()
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let Some(entries) = none_if_missing(fs::read_dir(path))? else {
            return Ok(Vec::new());
        };
        let mut names = Vec::new();
        for entry in entries {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }
}

fn none_if_missing<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
