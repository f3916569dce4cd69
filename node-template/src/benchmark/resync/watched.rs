//! What is looked at while a resync goes on.

use crate::status_view::{NodeClient, NodeFile};
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};
use tokio::{sync::oneshot, task::JoinHandle};

/// Pause between two questions to the node. Shorter: answering takes a core from the resync; longer: pauses are known less well.
const ASK_EVERY: Duration = Duration::from_millis(10);

/// Pause between two looks at the disk.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Bytes of a block as the system counts them in `stat`.
const BLOCK: u64 = 512;

/// A time between two answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Silence {
    from: Instant,
    to: Instant,
}

/// The times in which a node did not answer.
#[derive(Debug)]
pub(super) struct Pauses {
    enough: oneshot::Sender<()>,
    found: JoinHandle<Vec<Silence>>,
}

impl Pauses {
    /// From now on the node of this chain's folder is asked all the time.
    pub(super) fn begin(folder: &Path) -> Self {
        let (enough, mut told) = oneshot::channel();
        let folder = folder.to_owned();
        let found = tokio::spawn(async move {
            let mut silences = Vec::new();
            let mut client = client_of(&folder);
            let mut answered = Instant::now();
            while told.try_recv().is_err() {
                let answers = match &client {
                    Some(client) => client.health().await.is_ok(),
                    None => false,
                };
                if answers {
                    let (from, to) = (answered, Instant::now());
                    silences.push(Silence { from, to });
                    answered = to;
                } else {
                    client = client_of(&folder);
                }
                tokio::time::sleep(ASK_EVERY).await;
            }
            let (from, to) = (answered, Instant::now());
            silences.push(Silence { from, to });
            silences
        });
        Self { enough, found }
    }

    /// The longest time between two answers of which a part lies between these two moments.
    pub(super) async fn longest(self, from: Instant, to: Instant) -> Duration {
        // It may have ended by itself.
        let _ = self.enough.send(());
        let silences = self.found.await.unwrap_or_default();
        let there = silences
            .iter()
            .filter(|silence| silence.to >= from && silence.from <= to);
        let lengths = there.map(|silence| silence.to.saturating_duration_since(silence.from));
        lengths.max().unwrap_or_default()
    }
}

fn client_of(folder: &Path) -> Option<NodeClient> {
    let file = NodeFile::read(folder).ok()??;
    NodeClient::of_operator(&file).ok()
}

/// The most that a folder held.
#[derive(Debug)]
pub(super) struct DiskWatch {
    enough: mpsc::Sender<()>,
    most: thread::JoinHandle<u64>,
}

impl DiskWatch {
    pub(super) fn begin(folder: &Path) -> Self {
        let (enough, told) = mpsc::channel();
        let folder: PathBuf = folder.to_owned();
        let most = thread::spawn(move || {
            let mut most = size_of(&folder);
            while told.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                most = size_of(&folder).max(most);
            }
            size_of(&folder).max(most)
        });
        Self { enough, most }
    }

    pub(super) fn end(self) -> u64 {
        drop(self.enough);
        self.most.join().unwrap_or_default()
    }
}

/// What the files below `folder` take on the disk, in bytes. Those that go while it is looked at count nothing.
pub(super) fn size_of(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() => size_of(&entry.path()),
        Ok(found) => found.blocks().saturating_mul(BLOCK),
        Err(_) => 0,
    });
    sizes.sum()
}
