use sp_consensus_aura::sr25519::AuthorityId;
use sp_core::H256;
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Seals of a generation: as many as are verified ahead of the blocks (`headers_ahead`). Lower: headers that were verified are verified
/// once more with their bodies, at 10 µs and more each; higher: more memory, about 130 bytes for each of twice as many.
const GENERATION: usize = 49_152;

/// Who sealed the headers that were verified last. A header's hash covers its seal, so what is known of a hash holds for
/// whatever has it.
///
/// Two generations: when the young one is full it becomes the old one, and the old one goes. Each is filled once and emptied as a whole:
/// a table from which the oldest is taken for each one that comes would grow to twice its size for what it has forgotten.
#[derive(Debug)]
pub(crate) struct KnownSeals {
    generation: usize,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    young: HashMap<H256, AuthorityId>,
    old: HashMap<H256, AuthorityId>,
}

impl KnownSeals {
    pub(crate) fn new() -> Self {
        Self::of_generations(GENERATION)
    }

    pub(super) fn of_generations(generation: usize) -> Self {
        Self {
            generation,
            known: Mutex::default(),
        }
    }

    /// Who sealed the header with this hash, if its seal was found good lately.
    pub(crate) fn author(&self, hash: &H256) -> Option<AuthorityId> {
        let known = self.lock();
        let author = known.young.get(hash).or_else(|| known.old.get(hash));
        author.cloned()
    }

    /// Remembers seals that were found good, each with its header's hash.
    pub(crate) fn add(&self, seals: impl IntoIterator<Item = (H256, AuthorityId)>) {
        let mut known = self.lock();
        for (hash, author) in seals {
            if known.young.len() >= self.generation {
                known.old = std::mem::take(&mut known.young);
            }
            known.young.insert(hash, author);
        }
    }

    /// How many are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let known = self.lock();
        known.young.len() + known.old.len()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
