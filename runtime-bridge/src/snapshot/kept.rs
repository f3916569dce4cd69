use super::walk::{NodeFeed, WalkEnd, WalkError, walk};
use crate::store::{Store, StoreError};
use sp_core::H256;
use sp_runtime::traits::Block as BlockT;
use std::collections::BTreeMap;

/// Stored nodes, kept as they are taken.
struct Kept<'a, B> {
    store: &'a Store<B>,
    nodes: BTreeMap<H256, Vec<u8>>,
}

impl<B: BlockT<Hash = H256>> NodeFeed for Kept<'_, B> {
    type Error = StoreError;

    fn next(&mut self, hash: &H256, _entries: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let node = self.store.node(hash)?;
        self.nodes
            .extend(node.iter().map(|node| (*hash, node.clone())));
        Ok(node)
    }
}

/// All nodes of the state behind `root`; `None` if they are not all there, or it has no entries.
pub(crate) fn nodes_of<B: BlockT<Hash = H256>>(
    store: &Store<B>,
    root: H256,
) -> Result<Option<BTreeMap<H256, Vec<u8>>>, StoreError> {
    let mut kept = Kept {
        store,
        nodes: BTreeMap::new(),
    };
    match walk(root, None, &mut kept) {
        Ok(walked) if walked.end == WalkEnd::Whole => Ok(Some(kept.nodes)),
        Err(WalkError::Feed(error)) => Err(error),
        Ok(_) | Err(WalkError::Malformed) => Ok(None),
    }
}
