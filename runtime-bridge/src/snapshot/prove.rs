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
    /// The hash of the last node, and how many whole entries came before it.
    last: (H256, u64),
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
        let is_full = entries > 0 && self.nodes.len() >= self.budget.nodes;
        if is_full || self.bytes.saturating_add(cost) > limit {
            return Ok(None);
        }
        self.bytes += cost;
        self.nodes.push(node.clone());
        self.last = (*hash, entries);
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

/// The next entries behind `root` after `after`, within `budget`. `None` if the state is not kept, or the next entry breaks the
/// budget alone or cannot be sent: its key is longer than the protocol allows, or its node is none that a proof may hold.
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
        last: (root, 0),
    };
    let (entries, end) = match walk(root, after, &mut recorded) {
        Ok(walked) => (walked.entries, walked.end),
        Err(WalkError::Feed(error)) => return Err(error),
        Err(WalkError::Malformed) => (recorded.cut()?, WalkEnd::Cut),
    };
    let is_useless = entries == 0 && end == WalkEnd::Cut;
    Ok((!is_useless).then_some(StateProof(recorded.nodes)))
}

impl<B> Recorded<'_, B> {
    /// Takes back the node behind which the walk failed, without which nobody comes so far: what came before can be sent. How many
    /// entries that are. An error if the node is not the one with its hash.
    fn cut(&mut self) -> Result<u64, StoreError> {
        let node = self.nodes.pop();
        let (hash, entries) = self.last;
        if node.is_none_or(|node| Blake2Hasher::hash(&node) != hash) {
            return Err(StoreError::Damaged {
                what: "a node of the state trie",
            });
        }
        Ok(entries)
    }
}
