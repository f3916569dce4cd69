//! What was verified together, and what follows from it alone.

use crate::{block_id::BlockId, ports::Bridge};
use sp_consensus_aura::Slot;
use sp_runtime::traits::Block as BlockT;
use std::{
    borrow::Cow,
    ops::Range,
    sync::{Arc, OnceLock},
};

/// Linked headers and their ids, both rising and of one length.
#[derive(Debug)]
pub(super) struct Verified<B: BlockT> {
    /// Shared with the run that it goes on from.
    pub(super) headers: Vec<Arc<B::Header>>,
    pub(super) ids: Arc<[BlockId<B>]>,
    /// Of the headers, once somebody asks.
    slots: OnceLock<Vec<Option<Slot>>>,
    /// How many authorities there are, and who sealed how many in a row, once somebody asks: every judgement does, and one may have
    /// sealed all.
    stretches: OnceLock<(usize, Vec<Stretch>)>,
}

/// Headers in a row that are of one turn.
#[derive(Clone, Debug)]
struct Stretch {
    /// The place of the first one.
    from: usize,
    /// Whose: that place among the authorities. `None` for a header without slot, which is never a verified one.
    turn: Option<usize>,
}

impl<B: BlockT> Verified<B> {
    pub(super) fn new(headers: Vec<Arc<B::Header>>, ids: Arc<[BlockId<B>]>) -> Arc<Self> {
        Arc::new(Self {
            headers,
            ids,
            slots: OnceLock::new(),
            stretches: OnceLock::new(),
        })
    }

    pub(super) fn slots(&self, chain: &dyn Bridge<B>) -> &[Option<Slot>] {
        self.slots.get_or_init(|| {
            let slots = self.headers.iter();
            slots.map(|header| chain.slot_of(header).ok()).collect()
        })
    }

    /// Where those at the end of `range` begin whose turn `is_one`.
    pub(super) fn below_last(
        &self,
        range: &Range<usize>,
        authorities: usize,
        chain: &dyn Bridge<B>,
        mut is_one: impl FnMut(Option<usize>) -> bool,
    ) -> usize {
        let stretches = self.stretches(authorities, chain);
        let count = stretches.partition_point(|stretch| stretch.from < range.end);
        let mut left = range.end;
        for stretch in stretches.iter().take(count).rev() {
            if left <= range.start || !is_one(stretch.turn) {
                break;
            }
            left = stretch.from;
        }
        left
    }

    fn stretches(&self, authorities: usize, chain: &dyn Bridge<B>) -> Cow<'_, [Stretch]> {
        let of = || stretches(self.slots(chain), authorities);
        let (counted, known) = self.stretches.get_or_init(|| (authorities, of()));
        if *counted == authorities {
            Cow::Borrowed(known)
        } else {
            Cow::Owned(of())
        }
    }
}

/// Which of them are of one turn in a row.
fn stretches(slots: &[Option<Slot>], authorities: usize) -> Vec<Stretch> {
    let mut found: Vec<Stretch> = Vec::new();
    for (from, slot) in slots.iter().enumerate() {
        let turn = slot.and_then(|slot| slot.checked_rem(authorities as u64));
        let turn = turn.and_then(|turn| usize::try_from(turn).ok());
        if found.last().is_none_or(|last| last.turn != turn) {
            found.push(Stretch { from, turn });
        }
    }
    found
}
