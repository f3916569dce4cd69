//! The folder of a store. A new one is built beside its place and renamed into it, so that at every instant there is
//! none or a whole one.

use super::{StoreError, column};
use kvdb::KeyValueDB;
use kvdb_rocksdb::{Database, DatabaseConfig};
use sp_core::{Blake2Hasher, Hasher};
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Version of the bytes in the columns and of the marker file. A change of either is a new version.
pub const FORMAT: u32 = 2;

/// Name of the marker file. `RocksDB` leaves names that it does not know alone.
const MARKER: &str = "STORE";

/// `RocksDB`'s memory per column in MiB: a third of the sum is its cache of what it read, filters and indexes of its tables among it, and a
/// column's write buffers take up to one and a half times its part. Twice as much made a sync take more memory the longer it was, lengthened
/// the log, and made an import from a file a twentieth faster, a sync no faster that shows.
const MEMORY_MIB: [(u32, usize); 6] = [
    (column::META, 1),
    (column::HEADER, 4),
    (column::BODY, 4),
    (column::INDEX, 1),
    (column::STATE, 48),
    (column::NUMBER, 4),
];

/// Open files per store; `RocksDB` closes the ones not used lately.
const OPEN_FILES: i32 = 256;

/// Once `RocksDB`'s log holds so much it writes its contents to its tables, as soon as it finds time for that. A start
/// after a kill, and the first opening of a store that was just built, read the log back.
///
/// No bound where it falls on a moment at which a column is being written to its table already: `RocksDB` passes that column over then, and
/// the log grows, by what is written to all columns, until that one's write buffer is full: 12 MiB for the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLimit {
    /// Of a store that a node runs on: 8 MiB.
    Usual,
    /// 4 MiB. Of one that is closed and opened once more as soon as it is built: that opening writes all that the log holds to tables, and only
    /// then removes it, so for a moment it lies on the disk twice.
    Small,
}

impl LogLimit {
    /// How many bytes. More: a start after a kill takes longer; less: tables are written more often, and smaller.
    pub(super) const fn bytes(self) -> u64 {
        match self {
            Self::Usual => 8 << 20,
            Self::Small => 4 << 20,
        }
    }
}

/// The plain text file in a store's folder: what it is, without opening the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// Tells this store from every other one.
    pub id: String,
    /// [`FORMAT`] of the store.
    pub format: u32,
    /// Genesis hash, `0x` and hex.
    pub genesis: String,
}

impl Marker {
    fn new(genesis: &str, place: &Path) -> Self {
        // Unique among the stores of one machine, which is all that recovery compares.
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        let seed = format!(
            "{}:{}:{}",
            place.display(),
            std::process::id(),
            now.as_nanos()
        );
        let id = format!("{:?}", Blake2Hasher::hash(seed.as_bytes()));
        Self {
            id,
            format: FORMAT,
            genesis: genesis.to_owned(),
        }
    }

    /// Where the marker of the store in `folder` lies.
    pub fn path(folder: &Path) -> PathBuf {
        folder.join(MARKER)
    }

    /// The marker of the store in `folder`; `None` if there is no marker file. `OtherFormat` if this program cannot
    /// read it.
    pub fn read(folder: &Path) -> Result<Option<Self>, StoreError> {
        let path = Self::path(folder);
        match fs::read_to_string(&path) {
            Ok(text) => Self::parse(folder, &text).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Err(StoreError::BrokenMarker { path })
            }
            Err(source) => Err(StoreError::Folder { path, source }),
        }
    }

    /// Reads the text of the marker file in `folder`.
    pub fn parse(folder: &Path, text: &str) -> Result<Self, StoreError> {
        let value = |key: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once(" = "));
            lines
                .find(|(name, _)| *name == key)
                .map(|(_, value)| value.to_owned())
        };
        // The format first: another one may have other lines.
        let broken = || StoreError::BrokenMarker {
            path: Self::path(folder),
        };
        let format = value("format").and_then(|text| text.parse().ok());
        let format = format.ok_or_else(broken)?;
        if format != FORMAT {
            return Err(StoreError::OtherFormat {
                path: folder.to_owned(),
                found: format,
                supported: FORMAT,
            });
        }
        let (id, genesis) = value("id").zip(value("genesis")).ok_or_else(broken)?;
        Ok(Self {
            id,
            format,
            genesis,
        })
    }

    fn write(&self, folder: &Path) -> io::Result<()> {
        let mut file = File::create_new(Self::path(folder))?;
        writeln!(
            file,
            "id = {}\nformat = {}\ngenesis = {}",
            self.id, self.format, self.genesis
        )?;
        file.sync_all()
    }
}

/// Opens the store in `folder`, or makes one there if the folder is missing or empty. `fill` writes the genesis into a
/// new one.
pub fn open_folder(
    folder: &Path,
    genesis: &str,
    log: LogLimit,
    fill: impl FnOnce(&dyn KeyValueDB) -> Result<(), StoreError>,
) -> Result<Database, StoreError> {
    if is_missing_or_empty(folder)? {
        create(folder, genesis, fill)?;
    }
    let marker = Marker::read(folder)?.ok_or_else(|| StoreError::NotAStore {
        path: folder.to_owned(),
    })?;
    if marker.genesis != genesis {
        return Err(StoreError::OtherGenesis {
            path: folder.to_owned(),
            found: marker.genesis,
            expected: genesis.to_owned(),
        });
    }
    open_database(folder, Creation::Never, log)
}

fn create(
    folder: &Path,
    genesis: &str,
    fill: impl FnOnce(&dyn KeyValueDB) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| StoreError::Folder { path, source }
    };
    let draft = draft_of(folder);
    // A draft that is left over was never a store: its making was interrupted.
    match fs::remove_dir_all(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&draft)(error)),
        _ => {}
    }
    fs::create_dir_all(&draft).map_err(at(&draft))?;
    let database = open_database(&draft, Creation::IfMissing, LogLimit::Usual)?;
    fill(&database)?;
    drop(database);
    Marker::new(genesis, folder)
        .write(&draft)
        .map_err(at(&draft))?;
    sync_files(&draft).map_err(at(&draft))?;
    // Renaming onto an empty folder replaces it.
    fs::rename(&draft, folder).map_err(at(folder))?;
    let parent = folder.parent().unwrap_or(folder);
    File::open(parent)
        .and_then(|parent| parent.sync_all())
        .map_err(at(parent))
}

/// Where a new store is made before it gets its place.
pub(crate) fn draft_of(folder: &Path) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    folder.with_file_name(name)
}

fn sync_files(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            File::open(entry.path())?.sync_all()?;
        }
    }
    File::open(folder)?.sync_all()
}

fn is_missing_or_empty(folder: &Path) -> Result<bool, StoreError> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(source) => Err(StoreError::Folder {
            path: folder.to_owned(),
            source,
        }),
    }
}

/// Whether the database may make a new one. `RocksDB` takes a damaged folder for an empty one if it may.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Creation {
    IfMissing,
    Never,
}

fn open_database(folder: &Path, creation: Creation, log: LogLimit) -> Result<Database, StoreError> {
    let mut config = DatabaseConfig::with_columns(column::COUNT);
    config.create_if_missing = creation == Creation::IfMissing;
    config.memory_budget = MEMORY_MIB.into_iter().collect();
    config.max_open_files = OPEN_FILES;
    config.max_total_wal_size = Some(log.bytes());
    Database::open(&config, folder).map_err(|source| open_error(folder, source))
}

/// With fewer free bytes no database opens, whatever its error says.
const LEAST_FREE: u64 = 1 << 20;

/// The library's errors are texts; these are the ones of which the reader can do something else than look at the disk.
fn open_error(folder: &Path, source: io::Error) -> StoreError {
    let path = folder.to_owned();
    let text = source.to_string();
    if text.contains("lock file") || text.contains("lock hold by current process") {
        StoreError::InUse { path }
    } else if text.contains("Permission denied") {
        let source = io::Error::new(io::ErrorKind::PermissionDenied, source);
        StoreError::Folder { path, source }
    } else if free_space(folder).is_some_and(|free| free < LEAST_FREE) {
        StoreError::DiskFull { path }
    } else {
        StoreError::DoesNotOpen { path, source }
    }
}

fn free_space(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}
