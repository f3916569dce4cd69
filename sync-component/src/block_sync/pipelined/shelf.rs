use super::chain::Chain;
use crate::{
    block_sync::scheduler::{Experience, Room},
    ports::{CheckedBlocks, PeerId},
};
use sp_runtime::traits::Block as BlockT;
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Blocks that passed all checks that need no state, and wait for import.
#[derive(Debug)]
pub(super) struct Ready<B: BlockT> {
    pub(super) blocks: CheckedBlocks<B>,
    /// Who delivered them.
    pub(super) from: PeerId,
    pub(super) bytes: usize,
}

/// What a session leaves to the next one.
#[derive(Debug)]
pub(super) struct Shelf<B: BlockT>(Mutex<Kept<B>>);

#[derive(Debug)]
struct Kept<B: BlockT> {
    /// What was ready, by the height of the first block: nothing good is thrown away because something else failed. It need not
    /// be of one chain.
    ready: Vec<(u64, Ready<B>)>,
    /// The most that may lie here.
    window: Room,
    experience: Experience,
}

impl<B: BlockT> Default for Shelf<B> {
    fn default() -> Self {
        let kept = Kept {
            ready: Vec::new(),
            window: Room::default(),
            experience: Experience::default(),
        };
        Self(Mutex::new(kept))
    }
}

impl<B: BlockT> Shelf<B> {
    fn kept(&self) -> MutexGuard<'_, Kept<B>> {
        // Every change leaves it whole, so a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what a session had ready and what it learnt, and of what it left here as much as fits beside that in `window`.
    pub(super) fn keep(
        &self,
        ready: BTreeMap<u64, Ready<B>>,
        experience: Experience,
        window: Room,
    ) {
        let mut kept = self.kept();
        let left = std::mem::take(&mut kept.ready);
        kept.ready.extend(ready);
        let lies = room(kept.ready.iter().map(|(_, ready)| ready));
        kept.ready.extend(fitting(left, lies, window));
        kept.window = window;
        kept.experience = experience;
    }

    /// How much lies here.
    #[cfg(feature = "test-kit")]
    pub(super) fn holds(&self) -> Room {
        room(self.kept().ready.iter().map(|(_, ready)| ready))
    }

    /// Takes out what was learnt.
    pub(super) fn experience(&self) -> Experience {
        std::mem::take(&mut self.kept().experience)
    }

    /// Takes out what is part of `chain` above its first block. What is not stays for a later session, as far as the rest of `chain` leaves
    /// room for it; what is low enough to be stored by now does not.
    pub(super) fn take(&self, chain: &Chain<B>, above: u64) -> BTreeMap<u64, Ready<B>> {
        let mut kept = self.kept();
        let (mut taken, mut left) = (BTreeMap::new(), Vec::new());
        let mut ready = std::mem::take(&mut kept.ready);
        ready.sort_by_key(|(start, _)| *start);
        let mut free = above.saturating_add(1);
        for (start, ready) in ready {
            let blocks = || ready.blocks.blocks().iter().zip(start..);
            let stored = blocks().take_while(|(_, at)| *at <= above).count();
            if stored == ready.blocks.len() {
                continue;
            }
            // Linked as they are, none above the first that is not of the chain is.
            let of_chain = blocks()
                .skip(stored)
                .take_while(|(block, at)| chain.header(*at) == Some(block.header()))
                .count();
            if of_chain == 0 {
                left.push((start, ready));
                continue;
            }
            let end = start.saturating_add((stored + of_chain) as u64);
            let (ready, others) = split(ready, stored + of_chain);
            left.push((end, others));
            if end > free {
                // Two sessions may have fetched the same.
                let (start, ready) = above_only(start, ready, free.saturating_sub(1));
                taken.insert(start, ready);
                free = end;
            }
        }
        left.retain(|(_, ready)| !ready.blocks.is_empty());
        let mut wanted = Room::default();
        wanted.add(chain.last().height().saturating_sub(above), 0);
        kept.ready = fitting(left, wanted, kept.window);
        taken
    }
}

/// How much all of it is.
pub(super) fn room<'a, B: BlockT>(all: impl Iterator<Item = &'a Ready<B>>) -> Room {
    let mut room = Room::default();
    for ready in all {
        room.add(ready.blocks.len() as u64, ready.bytes);
    }
    room
}

/// Of `ready` as much as fits in `window` beside what `lies` there.
fn fitting<B: BlockT>(
    ready: Vec<(u64, Ready<B>)>,
    mut lies: Room,
    window: Room,
) -> Vec<(u64, Ready<B>)> {
    let fits = |(_, ready): &(u64, Ready<B>)| {
        let mut more = lies;
        more.add(ready.blocks.len() as u64, ready.bytes);
        let fits = more.fits(window);
        if fits {
            lies = more;
        }
        fits
    };
    ready.into_iter().filter(fits).collect()
}

/// Without the blocks at `above` or below it, which are stored by now.
fn above_only<B: BlockT>(start: u64, ready: Ready<B>, above: u64) -> (u64, Ready<B>) {
    let stored = above.saturating_add(1).saturating_sub(start);
    let at = usize::try_from(stored).unwrap_or(usize::MAX);
    (start.saturating_add(stored), split(ready, at).1)
}

/// The first `count` blocks, and the others. Which of them the bytes are of is not known any more.
fn split<B: BlockT>(mut ready: Ready<B>, count: usize) -> (Ready<B>, Ready<B>) {
    let all = ready.blocks.len().max(1);
    let others = ready.blocks.split_off(count);
    let bytes = ready.bytes.saturating_mul(others.len()) / all;
    ready.bytes = ready.bytes.saturating_sub(bytes);
    let others = Ready {
        blocks: others,
        from: ready.from.clone(),
        bytes,
    };
    (ready, others)
}
