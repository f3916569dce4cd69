use super::walk::{NodeFeed, WalkEnd, WalkError, walk};
use crate::store::{Store, StoreError};
use codec::{Compact, CompactLen};
use sp_core::{Blake2Hasher, H256, Hasher};
use sp_runtime::traits::Block as BlockT;
use sync_component::ports::{ProofBudget, StateProof};

/// The node of a state without entries, which no store holds.
const NO_ENTRIES: [u8; 1] = [0];

/// Stored nodes, written down as they are taken, within a budget.
struct Recorded<'a, B> {
    store: &'a Store<B>,
    budget: ProofBudget,
    bytes: usize,
    nodes: Vec<Vec<u8>>,
}

impl<B: BlockT<Hash = H256>> NodeFeed for Recorded<'_, B> {
    type Error = StoreError;

    fn next(&mut self, hash: &H256, entries: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let node = stored(self.store, hash)?.ok_or(StoreError::Damaged {
            what: "a node of the state trie",
        })?;
        let limit = if entries == 0 {
            self.budget.hard
        } else {
            self.budget.soft
        };
        let length = u32::try_from(node.len()).unwrap_or(u32::MAX);
        let cost = node.len() + Compact::<u32>::compact_len(&length);
        if self.bytes.saturating_add(cost) > limit {
            return Ok(None);
        }
        self.bytes += cost;
        self.nodes.push(node.clone());
        Ok(Some(node))
    }
}

fn stored<B: BlockT<Hash = H256>>(
    store: &Store<B>,
    hash: &H256,
) -> Result<Option<Vec<u8>>, StoreError> {
    match store.node(hash)? {
        None if *hash == Blake2Hasher::hash(&NO_ENTRIES) => Ok(Some(NO_ENTRIES.to_vec())),
        node => Ok(node),
    }
}

/// The next entries behind `root` after `after`, within `budget`. `None` if the state is not kept, or one entry breaks the
/// budget alone.
pub(crate) fn prove<B: BlockT<Hash = H256>>(
    store: &Store<B>,
    root: H256,
    after: Option<&[u8]>,
    budget: ProofBudget,
) -> Result<Option<StateProof>, StoreError> {
    if stored(store, &root)?.is_none() {
        return Ok(None);
    }
    let mut recorded = Recorded {
        store,
        budget,
        bytes: 0,
        nodes: Vec::new(),
    };
    let walked = walk(root, after, &mut recorded).map_err(|error| match error {
        WalkError::Feed(error) => error,
        WalkError::Malformed => StoreError::Damaged {
            what: "a node of the state trie",
        },
    })?;
    let is_useless = walked.entries == 0 && walked.end == WalkEnd::Cut;
    Ok((!is_useless).then_some(StateProof(recorded.nodes)))
}
