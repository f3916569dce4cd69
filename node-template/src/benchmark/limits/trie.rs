//! Updates of a state like the template's, by `sp-trie` alone.

use super::timing::Effort;
use crate::{
    benchmark::ground::{ACCOUNTS, KeyUse, key},
    runtime::{Account, account_key},
};
use codec::Encode;
use sp_core::{Blake2Hasher, H256, Hasher, Pair};
use sp_trie::{LayoutV1, MemoryDB, TrieDBMutBuilder, TrieMut};
use std::time::{Duration, Instant};

/// Where the timestamp stands in the state; any key of that length would do.
const NOW: &[u8] = b"timestamp:now";

const WORKS: &str = "the trie lies whole in memory";

/// What the update of one block costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TrieCost {
    /// Its time.
    pub(super) time: Duration,
    /// Nodes that it makes.
    pub(super) nodes: usize,
    /// Bytes of one of them.
    pub(super) node_bytes: usize,
}

struct State {
    db: MemoryDB<Blake2Hasher>,
    root: H256,
    keys: Vec<Vec<u8>>,
    /// Blocks so far; makes each block's values new.
    blocks: u64,
}

impl State {
    fn new() -> Self {
        let keys = (0..ACCOUNTS).map(|index| account_key(&key(KeyUse::Account, index).public()));
        let mut state = Self {
            db: MemoryDB::default(),
            root: H256::zero(),
            keys: keys.collect(),
            blocks: 0,
        };
        let mut trie =
            TrieDBMutBuilder::<LayoutV1<Blake2Hasher>>::new(&mut state.db, &mut state.root).build();
        for key in &state.keys {
            trie.insert(key, &account(0)).expect(WORKS);
        }
        trie.insert(NOW, &0_u64.encode()).expect(WORKS);
        drop(trie);
        state
    }

    /// What a block of `transfers` between random accounts writes.
    fn changes(&mut self, transfers: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.blocks += 1;
        let mut changes = vec![(NOW.to_vec(), self.blocks.encode())];
        for transfer in 0..transfers {
            let seed = (self.blocks, u64::try_from(transfer).unwrap_or(u64::MAX)).encode();
            let random = Blake2Hasher::hash(&seed);
            for half in [random.as_bytes().get(..7), random.as_bytes().get(8..15)]
                .into_iter()
                .flatten()
            {
                let number = half
                    .iter()
                    .fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte));
                let key = self.keys.get(number % self.keys.len()).expect("in range");
                changes.push((key.clone(), account(self.blocks)));
            }
        }
        changes
    }

    fn apply(&mut self, changes: &[(Vec<u8>, Vec<u8>)]) {
        let mut trie =
            TrieDBMutBuilder::<LayoutV1<Blake2Hasher>>::from_existing(&mut self.db, &mut self.root)
                .build();
        for (key, value) in changes {
            trie.insert(key, value).expect(WORKS);
        }
        // Dropping it commits.
    }
}

fn account(nonce: u64) -> Vec<u8> {
    let balance = 1 << 100;
    Account { nonce, balance }.encode()
}

pub(super) fn measure(effort: Effort, transfers: usize) -> TrieCost {
    let mut state = State::new();
    let mut runs = Vec::new();
    for _ in 0..5 {
        let (mut spent, mut blocks) = (Duration::ZERO, 0_u32);
        while spent < effort.0 {
            let changes = state.changes(transfers);
            let begun = Instant::now();
            state.apply(&changes);
            spent += begun.elapsed();
            blocks += 1;
        }
        runs.push(spent / blocks.max(1));
    }
    let (nodes, node_bytes) = new_nodes(&mut state, transfers);
    TrieCost {
        time: super::timing::median(runs),
        nodes,
        node_bytes,
    }
}

/// How many nodes a block makes, and how long they are: the mean of a few blocks.
fn new_nodes(state: &mut State, transfers: usize) -> (usize, usize) {
    const BLOCKS: usize = 8;
    let (mut nodes, mut bytes) = (0_usize, 0_usize);
    for _ in 0..BLOCKS {
        let before = state.db.keys();
        let changes = state.changes(transfers);
        state.apply(&changes);
        let after = state.db.keys();
        for hash in after.keys().filter(|hash| !before.contains_key(*hash)) {
            let node = state.db.raw(hash, sp_trie::EMPTY_PREFIX);
            nodes += 1;
            bytes += node.map_or(0, |(node, _)| node.len());
        }
    }
    (nodes.div_ceil(BLOCKS), bytes / nodes.max(1))
}
