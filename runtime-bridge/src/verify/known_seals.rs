use sp_consensus_aura::sr25519::AuthorityId;
use sp_core::H256;
use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Most seals that are remembered: twice what is verified ahead of the blocks (`headers_ahead`). Lower: headers that were verified are verified once more with their
/// bodies, at 10 µs and more each; higher: more memory, about 130 bytes each.
const MOST_KNOWN_SEALS: usize = 98_304;

/// Who sealed the headers that were verified last. A header's hash covers its seal, so what is known of a hash holds for
/// whatever has it.
#[derive(Debug)]
pub(crate) struct KnownSeals {
    most: usize,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    authors: HashMap<H256, AuthorityId>,
    /// The oldest first.
    order: VecDeque<H256>,
}

impl KnownSeals {
    pub(crate) fn new() -> Self {
        Self::at_most(MOST_KNOWN_SEALS)
    }

    pub(super) fn at_most(most: usize) -> Self {
        Self {
            most,
            known: Mutex::default(),
        }
    }

    /// Who sealed the header with this hash, if its seal was found good lately.
    pub(crate) fn author(&self, hash: &H256) -> Option<AuthorityId> {
        self.lock().authors.get(hash).cloned()
    }

    /// Remembers seals that were found good, each with its header's hash.
    pub(crate) fn add(&self, seals: impl IntoIterator<Item = (H256, AuthorityId)>) {
        let mut known = self.lock();
        for (hash, author) in seals {
            if known.authors.insert(hash, author).is_none() {
                known.order.push_back(hash);
            }
            if known.order.len() > self.most
                && let Some(oldest) = known.order.pop_front()
            {
                known.authors.remove(&oldest);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
