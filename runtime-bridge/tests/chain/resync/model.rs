//! A file system in memory that writes down every step, and shows what a disk may hold after a loss of power between any
//! two of them.

use runtime_bridge::resync::Disk;
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

/// One step, as the program asked for it.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Folder(PathBuf),
    /// A file with its bytes; `Unsynced` where only the name and not the bytes may be on disk.
    File(PathBuf, Vec<u8>, Bytes),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf),
    Exchange(PathBuf, PathBuf),
    SyncFolder(PathBuf),
    SyncTree(PathBuf),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bytes {
    Synced,
    Unsynced,
}

/// Whether two folders can be exchanged in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exchanges {
    InOneStep,
    Unsupported,
    /// The system refuses, and says nothing of another way.
    Refused,
}

#[derive(Clone, Debug)]
enum Node {
    Folder,
    /// The bytes, and the step that wrote them.
    File(Vec<u8>, usize),
}

#[derive(Clone, Debug, Default)]
struct Tree(BTreeMap<PathBuf, Node>);

#[derive(Clone, Debug)]
pub(crate) struct Model(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    steps: Vec<Step>,
    tree: Tree,
    exchanges: Exchanges,
    /// A file or folder that may not be removed.
    kept: Option<PathBuf>,
}

impl Tree {
    fn below(&self, path: &Path) -> Vec<PathBuf> {
        let all = self.0.keys().filter(|key| key.starts_with(path));
        all.cloned().collect()
    }

    fn take(&mut self, path: &Path) -> Vec<(PathBuf, Node)> {
        let below = self.below(path);
        let taken = below.into_iter().map(|key| {
            let node = self.0.remove(&key).unwrap();
            (key.strip_prefix(path).unwrap().to_owned(), node)
        });
        taken.collect()
    }

    fn put(&mut self, path: &Path, nodes: Vec<(PathBuf, Node)>) {
        for (below, node) in nodes {
            let at = if below.as_os_str().is_empty() {
                path.to_owned()
            } else {
                path.join(below)
            };
            self.0.insert(at, node);
        }
    }

    /// Does a step that changes names. One whose objects are not there, because an earlier step was lost, does nothing.
    fn apply(&mut self, index: usize, step: &Step) {
        match step {
            Step::Folder(path) => {
                self.0.entry(path.clone()).or_insert(Node::Folder);
            }
            Step::File(path, bytes, _) => {
                self.0
                    .insert(path.clone(), Node::File(bytes.clone(), index));
            }
            Step::Remove(path) => {
                self.take(path);
            }
            Step::Rename(from, to) => {
                let nodes = self.take(from);
                if !nodes.is_empty() {
                    self.take(to);
                    self.put(to, nodes);
                }
            }
            Step::Exchange(one, other) => {
                let (first, second) = (self.take(one), self.take(other));
                self.put(one, second);
                self.put(other, first);
            }
            Step::SyncFolder(_) | Step::SyncTree(_) => {}
        }
    }
}

impl Step {
    fn changes_names(&self) -> bool {
        !matches!(self, Self::SyncFolder(_) | Self::SyncTree(_))
    }

    /// The folders in which a name changes.
    fn folders(&self) -> Vec<&Path> {
        let paths = match self {
            Self::Folder(path) | Self::File(path, ..) | Self::Remove(path) => vec![path],
            Self::Rename(one, other) | Self::Exchange(one, other) => vec![one, other],
            Self::SyncFolder(_) | Self::SyncTree(_) => Vec::new(),
        };
        paths.into_iter().filter_map(|path| path.parent()).collect()
    }
}

impl Model {
    pub(crate) fn new(exchanges: Exchanges) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            steps: Vec::new(),
            tree: Tree::default(),
            exchanges,
            kept: None,
        })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    fn step(&self, step: Step) {
        let mut inner = self.inner();
        let index = inner.steps.len();
        inner.tree.apply(index, &step);
        inner.steps.push(step);
    }

    /// A file that the database wrote and nobody has synced yet.
    pub(crate) fn unsynced(&self, path: &Path, bytes: &[u8]) {
        self.step(Step::File(path.to_owned(), bytes.to_vec(), Bytes::Unsynced));
    }

    /// From now on the system does not let this file be removed.
    pub(crate) fn keep(&self, path: &Path) {
        self.inner().kept = Some(path.to_owned());
    }

    pub(crate) fn steps(&self) -> usize {
        self.inner().steps.len()
    }

    /// What a disk may hold if the power goes after the first `count` steps: names are lost from the newest on, as far as
    /// no sync of their folder holds them, and with them unsynced bytes.
    pub(crate) fn after_power_loss(&self, count: usize) -> Vec<Self> {
        let inner = self.inner();
        let steps = &inner.steps[..count];
        let durable = durable_names(steps);
        let synced = synced_files(steps);
        let names: Vec<usize> = (0..count)
            .filter(|index| *index >= durable && steps[*index].changes_names())
            .collect();
        // All unsynced names lost, all but the first, …, none lost.
        (0..=names.len())
            .map(|kept| {
                let lost: BTreeSet<usize> = names[kept..].iter().copied().collect();
                let mut tree = Tree::default();
                for (index, step) in steps.iter().enumerate() {
                    if !lost.contains(&index) {
                        tree.apply(index, step);
                    }
                }
                for node in tree.0.values_mut() {
                    if let Node::File(bytes, index) = node
                        && !synced.contains(index)
                    {
                        bytes.clear();
                    }
                }
                Self::holding(&tree, inner.exchanges)
            })
            .collect()
    }

    /// A disk that was switched on again: all that it holds is durable.
    fn holding(tree: &Tree, exchanges: Exchanges) -> Self {
        let model = Self::new(exchanges);
        for (path, node) in &tree.0 {
            model.step(match node {
                Node::Folder => Step::Folder(path.clone()),
                Node::File(bytes, _) => Step::File(path.clone(), bytes.clone(), Bytes::Synced),
            });
        }
        for (path, _) in tree
            .0
            .iter()
            .filter(|(_, node)| matches!(node, Node::Folder))
        {
            model.step(Step::SyncFolder(path.clone()));
        }
        model
    }

    pub(crate) fn names(&self) -> Vec<PathBuf> {
        self.inner().tree.0.keys().cloned().collect()
    }
}

/// The first step that changes a name and may be lost: a sync of a folder holds its names and every change before them.
fn durable_names(steps: &[Step]) -> usize {
    let mut durable = 0;
    for (at, step) in steps.iter().enumerate() {
        let (Step::SyncFolder(folder) | Step::SyncTree(folder)) = step else {
            continue;
        };
        let held = steps[..at].iter().rposition(|earlier| {
            earlier.folders().iter().any(|changed| match step {
                Step::SyncTree(_) => changed.starts_with(folder),
                _ => *changed == folder,
            })
        });
        durable = durable.max(held.map_or(0, |held| held + 1));
    }
    durable
}

/// Steps whose bytes are on disk.
fn synced_files(steps: &[Step]) -> BTreeSet<usize> {
    let mut synced = BTreeSet::new();
    let mut tree = Tree::default();
    for (index, step) in steps.iter().enumerate() {
        tree.apply(index, step);
        match step {
            Step::File(_, _, Bytes::Synced) => {
                synced.insert(index);
            }
            Step::SyncTree(folder) => {
                for path in tree.below(folder) {
                    if let Some(Node::File(_, written)) = tree.0.get(&path) {
                        synced.insert(*written);
                    }
                }
            }
            _ => {}
        }
    }
    synced
}

fn missing() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl Disk for Model {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        Ok(match self.inner().tree.0.get(path) {
            Some(Node::File(bytes, _)) => Some(bytes.clone()),
            _ => None,
        })
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.step(Step::File(path.to_owned(), bytes.to_vec(), Bytes::Synced));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        if self.inner().kept.as_deref() == Some(path) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        self.step(Step::Remove(path.to_owned()));
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        if !self.exists(from)? {
            return Err(missing());
        }
        if self.inner().tree.below(to).len() > 1 {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        self.step(Step::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn exchange(&self, one: &Path, other: &Path) -> io::Result<()> {
        match self.inner().exchanges {
            Exchanges::InOneStep => {}
            Exchanges::Unsupported => return Err(io::ErrorKind::Unsupported.into()),
            Exchanges::Refused => return Err(io::ErrorKind::PermissionDenied.into()),
        }
        if !self.exists(one)? || !self.exists(other)? {
            return Err(missing());
        }
        self.step(Step::Exchange(one.to_owned(), other.to_owned()));
        Ok(())
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        if !self.exists(path)? {
            return Err(missing());
        }
        self.step(Step::SyncFolder(path.to_owned()));
        Ok(())
    }

    fn sync_tree(&self, path: &Path) -> io::Result<()> {
        self.step(Step::SyncTree(path.to_owned()));
        Ok(())
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        let mut above: Vec<&Path> = path.ancestors().collect();
        above.reverse();
        for folder in above {
            if !self.exists(folder)? {
                self.step(Step::Folder(folder.to_owned()));
            }
        }
        Ok(())
    }

    fn remove_tree(&self, path: &Path) -> io::Result<()> {
        if self.inner().kept.as_deref() == Some(path) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        self.step(Step::Remove(path.to_owned()));
        Ok(())
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        Ok(self.inner().tree.0.contains_key(path))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let inner = self.inner();
        let children = inner.tree.0.keys().filter(|key| key.parent() == Some(path));
        let name = |key: &PathBuf| key.file_name().unwrap().to_string_lossy().into_owned();
        Ok(children.map(name).collect())
    }
}
