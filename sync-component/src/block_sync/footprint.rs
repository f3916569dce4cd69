//! What peers can grow here, with the bounds (invariant I6).

use super::scheduler::Room;
use crate::settings::SyncSettings;
use std::sync::{Mutex, PoisonError};

/// What lies in the buffers of a session at one moment, and on the shelf beside it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sizes {
    /// Answers that wait for a core, and their bytes.
    pub(super) unread: (usize, usize),
    /// What waits for import.
    pub(super) ready: Room,
    /// What earlier sessions left.
    pub(super) shelf: Room,
}

/// The most that lay in each of Tier 2's buffers since that was last asked.
#[derive(Debug, Default)]
pub(crate) struct Buffers(Mutex<Sizes>);

impl Buffers {
    /// So much lies there now.
    pub(super) fn hold(&self, now: Sizes) {
        let mut most = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *most = Sizes {
            unread: (
                most.unread.0.max(now.unread.0),
                most.unread.1.max(now.unread.1),
            ),
            ready: most.ready.or_more(now.ready),
            shelf: most.shelf.or_more(now.shelf),
        };
    }

    /// Name, the largest size since the last call, and the most that `settings` allow.
    pub(crate) fn footprint(&self, settings: &SyncSettings) -> [(&'static str, usize, usize); 6] {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Sizes {
            unread: (answers, unread),
            ready,
            shelf,
        } = std::mem::take(&mut *held);
        let most = most_held(settings);
        let blocks = |room: Room| usize::try_from(room.blocks).unwrap_or(usize::MAX);
        let most_blocks = blocks(most);
        [
            // Each is for one block at least.
            ("answers that wait to be read", answers, most_blocks),
            ("bytes that wait to be read", unread, most.bytes),
            ("blocks that wait for import", blocks(ready), most_blocks),
            ("bytes that wait for import", ready.bytes, most.bytes),
            ("blocks left by sessions", blocks(shelf), most_blocks),
            ("bytes left by sessions", shelf.bytes, most.bytes),
        ]
    }
}

/// The most that one of the buffers holds: a window that waits, another one that the importer gave back, a branch that must become better in
/// one step, and whatever is under way when the window is full, which is nobody's to refuse: as many answers as there may be requests,
/// one by the second peer for the lowest blocks, and one with the blocks that the import waits for next.
fn most_held(settings: &SyncSettings) -> Room {
    let limits = &settings.limits;
    let answers = limits.requests_in_flight.max(1).saturating_add(2);
    let per_answer = usize::try_from(limits.blocks_per_request).unwrap_or(usize::MAX);
    let branch = settings
        .tier2
        .max_reorg
        .saturating_add(settings.tier1.max_gap)
        .saturating_add(1);
    let branch = usize::try_from(branch).unwrap_or(usize::MAX);
    let blocks = (limits.window_blocks.saturating_mul(2))
        .saturating_add(answers.saturating_mul(per_answer))
        .saturating_add(branch);
    let bytes = (limits.window_bytes.saturating_mul(2))
        .saturating_add(answers.saturating_mul(limits.reply_hard_bytes))
        .saturating_add(branch.saturating_mul(limits.block_bytes));
    Room {
        blocks: blocks as u64,
        bytes,
    }
}
