use crate::{
    chain_block::ChainBlock,
    execute::{NewNodes, Runtime, StateChanges, StateError, StateReader, TrieState},
    store::Store,
};
use sp_consensus_aura::sr25519::AuthorityId;
use sp_core::H256;
use std::{cell::RefCell, collections::BTreeSet, sync::Arc};

/// The authorities after one state. Kept from block to block and from import to import: as long as no block changes a key that
/// the runtime reads to name them they stay, and nothing is read.
#[derive(Debug, Default)]
pub(crate) struct Authorities(Option<Known>);

#[derive(Debug)]
struct Known {
    root: H256,
    authorities: Arc<[AuthorityId]>,
    /// What was read to learn them.
    keys: BTreeSet<Vec<u8>>,
}

impl Authorities {
    /// Those after the state with this root.
    pub(crate) fn after<B: ChainBlock, R: Runtime<B>>(
        &mut self,
        runtime: &R,
        store: &Store<B>,
        nodes: &NewNodes,
        root: H256,
    ) -> Result<Arc<[AuthorityId]>, StateError> {
        if let Some(known) = self.0.as_ref().filter(|known| known.root == root) {
            return Ok(Arc::clone(&known.authorities));
        }
        let trie = TrieState::at(store, nodes, root);
        let noting = Noting {
            state: &trie,
            keys: RefCell::default(),
        };
        let authorities: Arc<[AuthorityId]> = runtime.authorities(&noting)?.into();
        self.0 = Some(Known {
            root,
            authorities: Arc::clone(&authorities),
            keys: noting.keys.into_inner(),
        });
        Ok(authorities)
    }

    /// A block made the state `to` of the state `from` with these changes.
    pub(crate) fn follow(&mut self, from: H256, to: H256, changes: &StateChanges) {
        if let Some(known) = self.0.as_mut().filter(|known| known.root == from)
            && !known.keys.iter().any(|key| changes.contains_key(key))
        {
            known.root = to;
        }
    }
}

/// Writes down what is read.
struct Noting<'a> {
    state: &'a dyn StateReader,
    keys: RefCell<BTreeSet<Vec<u8>>>,
}

impl StateReader for Noting<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        self.keys.borrow_mut().insert(key.to_vec());
        self.state.get(key)
    }
}
