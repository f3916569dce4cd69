use std::{collections::BTreeMap, fmt, sync::Arc};

/// Reading storage at one state root. The state trie implements it.
pub trait StateReader {
    /// The value under `key`; `None` if there is none.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError>;
}

/// The state trie could not be read: a missing node or a failing disk. Always a local fault.
#[derive(Clone, Debug, thiserror::Error)]
#[error("reading the state failed: {source}")]
pub struct StateError {
    /// What the trie or the database said.
    #[source]
    pub source: Arc<dyn std::error::Error + Send + Sync>,
}

impl StateError {
    /// A local fault caused by `source`.
    pub fn new(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self {
            source: Arc::new(source),
        }
    }
}

/// What changes in a state, by key; `None` for a removal.
pub type StateChanges = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// What the execution of one block changes, over the parent's state. Nothing of it outlives the block: the changes go
/// into the trie as one root.
pub struct State<'a> {
    parent: &'a dyn StateReader,
    block: StateChanges,
    extrinsic: StateChanges,
}

impl fmt::Debug for State<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("changed", &(self.block.len() + self.extrinsic.len()))
            .finish_non_exhaustive()
    }
}

impl<'a> State<'a> {
    /// No changes yet, over `parent`.
    pub fn over(parent: &'a dyn StateReader) -> Self {
        Self {
            parent,
            block: StateChanges::new(),
            extrinsic: StateChanges::new(),
        }
    }

    /// Sets `key` to `value`.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.extrinsic.insert(key, Some(value));
    }

    /// Removes `key`.
    pub fn remove(&mut self, key: Vec<u8>) {
        self.extrinsic.insert(key, None);
    }

    /// Keeps what the last extrinsic changed.
    pub fn commit_extrinsic(&mut self) {
        self.block.append(&mut self.extrinsic);
    }

    /// Forgets what the last extrinsic changed.
    pub fn discard_extrinsic(&mut self) {
        self.extrinsic.clear();
    }

    /// All changes that were kept, `None` for a removal.
    pub fn into_changes(self) -> StateChanges {
        self.block
    }
}

impl StateReader for State<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        match self.extrinsic.get(key).or_else(|| self.block.get(key)) {
            Some(changed) => Ok(changed.clone()),
            None => self.parent.get(key),
        }
    }
}
