//! What is remembered of peers, in `network/peers` (SPEC section 3).

use crate::{Block, advice::advice, network::ReachedAt};
use libp2p::Multiaddr;
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use sync_component::{
    NetworkSyncManager,
    peers::{Ledger, UnreadableLedger},
    ports::{Clock, MonoTime, PeerId},
    settings::Limits,
};

/// How often the file is written. Too low: needless writes; too high: a crash forgets more.
const SAVE_EVERY: Duration = Duration::from_mins(1);

/// How many remembered peers are dialled beside the declared ones. Too low: the network is not found again when the bootnodes
/// are gone; too high: dials in vain.
const REMEMBERED_DIALLED: usize = 32;

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PeerFileError {
    /// It cannot be read.
    #[error("{} cannot be read ({source}); {}", .path.display(), advice(.source))]
    Read {
        /// The file.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// It cannot be written.
    #[error(
        "{} cannot be written ({source}); check the permissions of its folder and the space on the disk",
        .path.display()
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// It holds something else.
    #[error(
        "{} is no list of peers of this version ({source}); the next start of the node puts it aside and begins a new one",
        .path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: UnreadableLedger,
    },
}

/// The file of one chain's folder.
#[derive(Clone, Debug)]
pub struct PeerFile {
    path: PathBuf,
    limits: Limits,
    clock: Arc<dyn Clock>,
}

impl PeerFile {
    /// The file in this network folder.
    pub fn new(network: &Path, limits: &Limits, clock: Arc<dyn Clock>) -> Self {
        Self {
            path: network.join("peers"),
            limits: limits.clone(),
            clock,
        }
    }

    /// What is remembered; nothing if there is no file.
    pub fn read(&self) -> Result<Ledger, PeerFileError> {
        let path = self.path.clone();
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Ledger::new(&self.limits));
            }
            Err(source) => return Err(PeerFileError::Read { path, source }),
        };
        let (now, wall) = (self.clock.now(), self.clock.wall());
        Ledger::from_bytes(&bytes, &self.limits, now, wall)
            .map_err(|source| PeerFileError::Unreadable { path, source })
    }

    /// The same at the start of a node: a damaged file is put aside, as a node without its memory is better than none.
    fn read_or_begin(&self) -> Result<Ledger, PeerFileError> {
        match self.read() {
            Err(PeerFileError::Unreadable { path, source }) => {
                let aside = self.path.with_extension("unreadable");
                if let Err(source) = fs::rename(&self.path, &aside) {
                    return Err(PeerFileError::Write { path, source });
                }
                tracing::warn!(
                    "{} was no list of peers of this version ({source}); it is now {}, and trust and bans begin anew",
                    path.display(),
                    aside.display()
                );
                Ok(Ledger::new(&self.limits))
            }
            result => result,
        }
    }

    /// Writes the file, whole or not at all.
    pub fn write(&self, ledger: &Ledger) -> Result<(), PeerFileError> {
        let bytes = ledger.to_bytes(self.clock.now(), self.clock.wall());
        let folder = self.path.parent().unwrap_or(Path::new("."));
        // `tempfile` creates with 0600.
        let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut draft| {
            draft.write_all(&bytes)?;
            draft.as_file().sync_all()?;
            draft.persist(&self.path).map_err(|failed| failed.error)?;
            fs::File::open(folder)?.sync_all()
        });
        let path = self.path.clone();
        written.map_err(|source| PeerFileError::Write { path, source })
    }
}

/// The file, and what stood in it at the start of a node.
#[derive(Debug)]
pub(super) struct PeerMemory {
    pub(super) file: PeerFile,
    pub(super) ledger: Ledger,
}

impl PeerMemory {
    /// Reads the file in this network folder; a damaged one is put aside.
    pub(super) fn open(
        network: &Path,
        limits: &Limits,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, PeerFileError> {
        let file = PeerFile::new(network, limits, Arc::clone(clock));
        let ledger = file.read_or_begin()?;
        Ok(Self { file, ledger })
    }
}

/// Where the peers of an earlier run are reached: those that were consistent for the longest first, the banned ones left out.
pub(super) fn remembered(ledger: &Ledger) -> Vec<Multiaddr> {
    let mut records: Vec<_> = ledger
        .iter()
        .filter(|(_, record)| record.ban.is_none())
        .filter_map(|(_, record)| Some((record.consistent, record.address.as_ref()?.parse().ok()?)))
        .collect();
    records.sort_by_key(|(consistent, _)| std::cmp::Reverse(*consistent));
    let addresses = records.into_iter().map(|(_, address)| address);
    addresses.take(REMEMBERED_DIALLED).collect()
}

/// Keeps the file up to date while the node runs.
#[derive(Debug)]
pub struct PeerKeeper {
    pub(super) file: PeerFile,
    pub(super) manager: Arc<NetworkSyncManager<Block>>,
    pub(super) reached: ReachedAt,
    pub(super) trust_hours: f64,
}

impl PeerKeeper {
    /// `tier3_trust_hours`.
    pub(crate) fn trust_hours(&self) -> f64 {
        self.trust_hours
    }

    /// What is remembered now.
    pub(crate) fn ledger(&self) -> Ledger {
        self.manager.ledger()
    }

    /// The time that the ledger's times are in.
    pub(crate) fn now(&self) -> MonoTime {
        self.file.clock.now()
    }

    /// The operator bans a peer.
    pub(crate) fn ban(&self, peer: &PeerId) -> Result<(), PeerFileError> {
        // Before its connection is closed.
        self.note_addresses();
        self.manager.ban_peer(peer);
        self.save()
    }

    /// The operator takes a ban back. Says whether there was one.
    pub(crate) fn unban(&self, peer: &PeerId) -> Result<bool, PeerFileError> {
        let was_banned = self.manager.unban_peer(peer);
        self.save()?;
        Ok(was_banned)
    }

    fn note_addresses(&self) {
        for (peer, address) in self.reached.list() {
            let peer = PeerId::from_bytes(&peer.to_bytes());
            self.manager.reached(&peer, address.to_string());
        }
    }

    /// Writes the file.
    pub(super) fn save(&self) -> Result<(), PeerFileError> {
        self.note_addresses();
        self.file.write(&self.manager.ledger())
    }

    /// The same, where nobody waits for it.
    pub(super) fn save_or_warn(&self) {
        if let Err(error) = self.save() {
            tracing::warn!("{error}; what is remembered of peers is lost when the node stops");
        }
    }

    /// Writes the file again and again.
    pub(super) async fn run(self: Arc<Self>) {
        loop {
            self.file.clock.sleep(SAVE_EVERY).await;
            let keeper = Arc::clone(&self);
            // A panic in it is logged by the runtime, and the next round tries again.
            let _ = tokio::task::spawn_blocking(move || keeper.save_or_warn()).await;
        }
    }
}
