use super::{StateChanges, StateError, StateReader};
use crate::store::{Store, StoreError};
use sp_core::{Blake2Hasher, H256};
use sp_runtime::{StateVersion, traits::Block as BlockT};
use sp_state_machine::{
    Backend, DefaultError, TrieBackend, TrieBackendBuilder, TrieBackendStorage,
};
use sp_trie::DBValue;
use sp_trie::{LayoutV1, MemoryDB, PrefixedMemoryDB, TrieConfiguration};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Trie nodes of one import that are not written yet, by hash.
pub type NewNodes = HashMap<H256, Vec<u8>>;

/// Reads trie nodes by hash, first from the import under way, then from the store.
struct Nodes<'a, B> {
    store: &'a Store<B>,
    new: &'a NewNodes,
    /// The trie library turns errors into strings, and computing a root swallows them: the first one is kept here.
    failure: Arc<Mutex<Option<StoreError>>>,
}

impl<B: BlockT<Hash = H256>> TrieBackendStorage<Blake2Hasher> for Nodes<'_, B> {
    fn get(
        &self,
        key: &H256,
        _prefix: (&[u8], Option<u8>),
    ) -> Result<Option<DBValue>, DefaultError> {
        if let Some(node) = self.new.get(key) {
            return Ok(Some(node.clone()));
        }
        // The empty trie's node never gets here, so a node that is not there is missing.
        let missing = || StoreError::Damaged {
            what: "a node of the state trie",
        };
        let node = self
            .store
            .node(key)
            .and_then(|node| node.ok_or_else(missing));
        node.map(Some).map_err(|error| {
            let text = error.to_string();
            self.failure
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_or_insert(error);
            text
        })
    }
}

/// The state behind one root.
pub struct TrieState<'a, B: BlockT<Hash = H256>> {
    backend: TrieBackend<Nodes<'a, B>, Blake2Hasher>,
    failure: Arc<Mutex<Option<StoreError>>>,
}

impl<B: BlockT<Hash = H256>> std::fmt::Debug for TrieState<'_, B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrieState")
            .field("root", self.backend.root())
            .finish_non_exhaustive()
    }
}

/// A node that a root names is not there, or does not decode.
#[derive(Debug, thiserror::Error)]
#[error("the state trie is damaged: {0}")]
struct BrokenTrie(String);

impl<'a, B: BlockT<Hash = H256>> TrieState<'a, B> {
    /// The state behind `root`; nodes come from `new` and from `store`.
    pub fn at(store: &'a Store<B>, new: &'a NewNodes, root: H256) -> Self {
        let failure = Arc::default();
        let nodes = Nodes {
            store,
            new,
            failure: Arc::clone(&failure),
        };
        Self {
            backend: TrieBackendBuilder::new(nodes, root).build(),
            failure,
        }
    }

    /// The root after `changes`, and the nodes that it adds. Replaced nodes stay: older roots need them.
    pub fn apply(&self, changes: &StateChanges) -> Result<(H256, NewNodes), StateError> {
        let delta = changes
            .iter()
            .map(|(key, value)| (key.as_slice(), value.as_deref()));
        let (root, transaction) = self.backend.storage_root(delta, StateVersion::V1);
        self.check()?;
        Ok((root, added_nodes(transaction)))
    }

    fn check(&self) -> Result<(), StateError> {
        match self
            .failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        {
            Some(error) => Err(StateError::new(error)),
            None => Ok(()),
        }
    }
}

impl<B: BlockT<Hash = H256>> StateReader for TrieState<'_, B> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        let value = self.backend.storage(key);
        self.check()?;
        value.map_err(|text| StateError::new(BrokenTrie(text)))
    }
}

/// The trie of these entries and nothing else: its root and its nodes.
pub fn first_state(entries: &StateChanges) -> Result<(H256, NewNodes), StateError> {
    let root = LayoutV1::<Blake2Hasher>::trie_root(std::iter::empty::<(Vec<u8>, Vec<u8>)>());
    let backend = TrieBackendBuilder::new(MemoryDB::<Blake2Hasher>::default(), root).build();
    let delta = entries
        .iter()
        .map(|(key, value)| (key.as_slice(), value.as_deref()));
    let (root, transaction) = backend.storage_root(delta, StateVersion::V1);
    Ok((root, added_nodes(transaction)))
}

/// The nodes that a change of the trie adds. A negative count is a removal, which an archive does not do. Keys are a
/// prefix and then the hash.
fn added_nodes(mut transaction: PrefixedMemoryDB<Blake2Hasher>) -> NewNodes {
    let added = transaction
        .drain()
        .into_iter()
        .filter(|(_, (_, references))| *references > 0);
    added
        .filter_map(|(key, (node, _))| {
            let hash = key
                .len()
                .checked_sub(32)
                .and_then(|start| key.get(start..))?;
            Some((H256::from_slice(hash), node))
        })
        .collect()
}
