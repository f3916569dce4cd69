use sp_core::H256;
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Bytes that a generation of nodes may take. Lower: the nodes of one import are read back from the database by the next one;
/// higher: more memory, twice this for each open chain.
const GENERATION_BYTES: usize = 8 << 20;

/// What the map takes for a node beside its bytes, about.
const OVERHEAD_BYTES: usize = 96;

/// The trie nodes that imports wrote or read last. A node is named by its hash, so what is kept is never out of date.
///
/// Two generations: what is used moves to the young one; when that is full it becomes the old one, and the old one goes.
#[derive(Debug)]
pub struct RecentNodes {
    most: usize,
    generations: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<H256, Vec<u8>>,
    young_bytes: usize,
    old: HashMap<H256, Vec<u8>>,
}

impl Default for RecentNodes {
    fn default() -> Self {
        Self::of_bytes(GENERATION_BYTES)
    }
}

impl RecentNodes {
    pub(super) fn of_bytes(most: usize) -> Self {
        Self {
            most,
            generations: Mutex::default(),
        }
    }

    /// The node with this hash, if it is kept.
    pub fn get(&self, hash: &H256) -> Option<Vec<u8>> {
        let mut generations = self.lock();
        if let Some(node) = generations.young.get(hash) {
            return Some(node.clone());
        }
        let node = generations.old.remove(hash)?;
        generations.add(*hash, node.clone(), self.most);
        Some(node)
    }

    /// Keeps nodes that are in the database.
    pub fn add(&self, nodes: impl IntoIterator<Item = (H256, Vec<u8>)>) {
        let mut generations = self.lock();
        for (hash, node) in nodes {
            generations.add(hash, node, self.most);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn add(&mut self, hash: H256, node: Vec<u8>, most: usize) {
        let bytes = node.len() + OVERHEAD_BYTES;
        if self.young.insert(hash, node).is_some() {
            return;
        }
        self.young_bytes += bytes;
        if self.young_bytes > most {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
    }
}
