use crate::{block_id::BlockId, observer::EquivocationKind, wire::Attestation};
use codec::Encode;
use sp_consensus_aura::Slot;
use sp_core::sr25519;
use sp_runtime::traits::Block as BlockT;
use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
    sync::Arc,
};

/// Two statements that one key must never sign both. Proves a fault of the authority, never of whoever carried it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Equivocation<B: BlockT> {
    /// Two headers sealed for one slot.
    Seals {
        /// Who.
        authority: sr25519::Public,
        /// The slot.
        slot: Slot,
        /// The first that was seen, with its seal.
        first: Box<B::Header>,
        /// The other, with its seal.
        second: Box<B::Header>,
    },
    /// Two attestations with one counter.
    Attestations {
        /// The first that was seen.
        first: Box<Attestation<B>>,
        /// The other.
        second: Box<Attestation<B>>,
    },
}

impl<B: BlockT> Equivocation<B> {
    /// Whose fault it is.
    pub fn authority(&self) -> sr25519::Public {
        match self {
            Self::Seals { authority, .. } => *authority,
            Self::Attestations { first, .. } => first.authority,
        }
    }

    /// What was signed twice.
    pub const fn kind(&self) -> EquivocationKind {
        match self {
            Self::Seals { .. } => EquivocationKind::Headers,
            Self::Attestations { .. } => EquivocationKind::Attestations,
        }
    }

    /// Both statements with their signatures, SCALE encoded, the first that was seen first: whoever has the chain's authorities can
    /// check them.
    pub fn statements(&self) -> [Vec<u8>; 2] {
        match self {
            Self::Seals { first, second, .. } => [first.encode(), second.encode()],
            Self::Attestations { first, second } => [first.encode(), second.encode()],
        }
    }

    /// Whether both are of one slot or one counter: the third and fourth header of a slot are no news.
    fn is_of_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Seals { slot: a, .. }, Self::Seals { slot: b, .. }) => a == b,
            (Self::Attestations { first: a, .. }, Self::Attestations { first: b, .. }) => {
                a.tip.counter == b.tip.counter
            }
            _ => false,
        }
    }
}

impl<B: BlockT> fmt::Display for Equivocation<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seals {
                authority,
                slot,
                first,
                second,
            } => write!(
                f,
                "authority {authority} sealed both {} and {} for slot {slot}",
                BlockId::<B>::of(first),
                BlockId::<B>::of(second)
            ),
            Self::Attestations { first, second } => write!(
                f,
                "authority {} attested both {} and {} with counter {}",
                first.authority, first.tip.best, second.tip.best, first.tip.counter
            ),
        }
    }
}

/// Slots of which the sealed header is remembered. Lower, and a second one that comes late goes unnoticed; higher, and
/// more memory is kept, some 300 bytes a slot.
pub(crate) const REMEMBERED_SEALS: usize = 512;

/// Finds equivocations, and keeps the newest of each authority.
#[derive(Debug)]
pub struct EvidenceBook<B: BlockT> {
    /// By slot and authority: where these changed, two branches name different authors for one slot.
    seals: BTreeMap<(u64, sr25519::Public), Arc<B::Header>>,
    kept: BTreeMap<sr25519::Public, Equivocation<B>>,
    most: usize,
}

impl<B: BlockT> EvidenceBook<B> {
    /// Keeps evidence of at most `most` authorities.
    pub fn new(most: usize) -> Self {
        Self {
            seals: BTreeMap::new(),
            kept: BTreeMap::new(),
            most,
        }
    }

    /// `authority` sealed `header` for `slot`: its seal was checked. Returns the equivocation if it is one; [`EvidenceBook::keep`]
    /// it.
    pub fn sealed(
        &mut self,
        authority: sr25519::Public,
        slot: Slot,
        header: &Arc<B::Header>,
    ) -> Option<Equivocation<B>> {
        let first = match self.seals.entry((*slot, authority)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => {
                free.insert(Arc::clone(header));
                while self.seals.len() > REMEMBERED_SEALS {
                    self.seals.pop_first();
                }
                return None;
            }
        };
        if first == header {
            return None;
        }
        Some(Equivocation::Seals {
            authority,
            slot,
            first: Box::new(B::Header::clone(first)),
            second: Box::new(B::Header::clone(header)),
        })
    }

    /// Keeps `found` as the newest of its authority, and returns it if it is news.
    pub fn keep(&mut self, found: Equivocation<B>) -> Option<Equivocation<B>> {
        let authority = found.authority();
        let known = self.kept.get(&authority);
        let is_full = known.is_none() && self.kept.len() >= self.most;
        if is_full || known.is_some_and(|known| known.is_of_the_same(&found)) {
            return None;
        }
        self.kept.insert(authority, found.clone());
        Some(found)
    }

    /// What is kept, in the order of the authorities.
    pub fn iter(&self) -> impl Iterator<Item = &Equivocation<B>> {
        self.kept.values()
    }

    /// Slots of which the sealed header is remembered, and authorities of which evidence is kept: how many.
    #[cfg(feature = "test-kit")]
    pub(crate) fn footprint(&self) -> (usize, usize) {
        (self.seals.len(), self.kept.len())
    }
}
