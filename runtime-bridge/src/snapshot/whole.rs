use super::walk::{NodeFeed, WalkEnd, WalkError, walk};
use crate::store::{Store, StoreError};
use sp_core::{Blake2Hasher, H256, Hasher};
use sp_runtime::traits::Block as BlockT;

/// Stored nodes, each hashed again: the database does not check what it reads.
struct Hashed<'a, B>(&'a Store<B>);

impl<B: BlockT<Hash = H256>> NodeFeed for Hashed<'_, B> {
    type Error = StoreError;

    fn next(&mut self, hash: &H256, _entries: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let node = self.0.node(hash)?;
        Ok(node.filter(|node| Blake2Hasher::hash(node) == *hash))
    }
}

/// Whether the whole state behind `root` is stored, with so many entries: every node is there and has its hash.
pub(crate) fn is_whole<B: BlockT<Hash = H256>>(
    store: &Store<B>,
    root: H256,
    entries: u64,
) -> Result<bool, StoreError> {
    match walk(root, None, &mut Hashed(store)) {
        Ok(walked) => Ok(walked.end == WalkEnd::Whole && walked.entries == entries),
        Err(WalkError::Malformed) => Ok(false),
        Err(WalkError::Feed(error)) => Err(error),
    }
}
