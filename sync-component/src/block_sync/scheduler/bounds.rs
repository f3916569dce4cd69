use super::{gaps::Gap, pace::Pace};
use crate::settings::SyncSettings;
use std::{num::NonZeroU32, time::Duration};

/// The shortest time that is given for an answer. Too low: a moment of load at the other end looks like silence; too high: a
/// silent peer holds its blocks up for so long, unless they are the lowest missing ones.
const SHORTEST_PATIENCE: Duration = Duration::from_secs(1);

/// How many times the usual time an answer may take.
const PATIENCE: u32 = 4;

/// How long one import may take, about. Too low: each write costs more than what it writes; too high: whoever waits for the
/// chain's lock (our own block, a revert) waits for so long.
const IMPORT_TIME: Duration = Duration::from_millis(100);

/// Blocks of one import. Fewer: what comes once per import (the write, the news of it) weighs more; more: what was executed leaves the
/// processor's cache before it is written.
const IMPORT_BLOCKS: u64 = 512;

/// Blocks of the first import, while nobody knows how long one takes. Fewer: it is only written sooner; more: blocks that change much
/// of the state leave as much in memory until they are written, which their own bytes say nothing of.
const FIRST_IMPORT_BLOCKS: u64 = 64;

/// Bytes of one import. More gains nothing per block, and a failed write loses more.
const IMPORT_BYTES: usize = 4 * 1024 * 1024;

/// A number of blocks and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::block_sync) struct Room {
    /// Blocks.
    pub(in crate::block_sync) blocks: u64,
    /// Bytes.
    pub(in crate::block_sync) bytes: usize,
}

impl Room {
    pub(in crate::block_sync) fn add(&mut self, blocks: u64, bytes: usize) {
        self.blocks = self.blocks.saturating_add(blocks);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// The larger of both, by blocks and by bytes.
    #[cfg(feature = "test-kit")]
    pub(in crate::block_sync) fn or_more(self, other: Self) -> Self {
        Self {
            blocks: self.blocks.max(other.blocks),
            bytes: self.bytes.max(other.bytes),
        }
    }

    pub(in crate::block_sync) fn fits(&self, most: Self) -> bool {
        self.blocks <= most.blocks && self.bytes <= most.bytes
    }
}

/// What the settings allow.
#[derive(Clone, Debug)]
pub(in crate::block_sync) struct Bounds {
    /// `blocks_per_request`.
    pub(super) per_request: u64,
    /// `reply_soft_bytes`: beyond this a peer's answer ends.
    pub(super) reply_bytes: usize,
    /// `requests_in_flight`.
    pub(super) flights: usize,
    /// `window_blocks` and `window_bytes`.
    pub(in crate::block_sync) window: Room,
    /// `tier2_max_retries`.
    pub(super) attempts: NonZeroU32,
    /// `tier2_timeout_per_block`.
    pub(super) longest_patience: Duration,
    /// `backoff_first_ms`.
    pub(super) pause: Duration,
}

impl Bounds {
    /// The bounds of these settings.
    pub(in crate::block_sync) fn of(settings: &SyncSettings) -> Self {
        let limits = &settings.limits;
        Self {
            per_request: u64::from(limits.blocks_per_request).max(1),
            reply_bytes: limits.reply_soft_bytes,
            flights: limits.requests_in_flight.max(1),
            window: Room {
                blocks: limits.window_blocks as u64,
                bytes: limits.window_bytes,
            },
            attempts: settings.tier2.max_retries,
            longest_patience: settings.tier2.timeout_per_block,
            pause: limits.backoff_first,
        }
    }

    /// How many blocks of `gap` one request may ask for: no more than an answer holds.
    pub(super) fn items(&self, gap: &Gap, pace: &Pace) -> u64 {
        let fit = pace.blocks_in(self.reply_bytes).unwrap_or(self.per_request);
        gap.count.min(self.per_request).min(fit.max(1))
    }

    /// How far above the import requests may reach: so far that the window is full while as many blocks are under way as are
    /// imported in the time that an answer takes.
    pub(super) fn reach(&self, pace: &Pace) -> u64 {
        let most = self.per_request.saturating_mul(self.flights as u64);
        let under_way = pace.imported_during_an_answer().unwrap_or(most);
        self.window
            .blocks
            .max(1)
            .saturating_add(under_way.min(most))
    }

    /// Whether more may be asked for while so much waits and so many blocks are under way.
    pub(super) fn has_bytes(&self, waiting: usize, in_flight: u64, pace: &Pace) -> bool {
        waiting.saturating_add(pace.bytes_of(in_flight)) < self.window.bytes
    }

    /// How many attempts at the same blocks may fail until nobody is asked for them again: strangers may have used up those that there are,
    /// and as many more are for those who delivered before.
    pub(super) fn most_failures(&self) -> u32 {
        self.attempts.get().saturating_mul(2)
    }

    /// How long to wait for an answer that usually takes `usual`, from a peer that was silent `doubts` times in a row.
    pub(super) fn patience(&self, usual: Duration, doubts: u32) -> Duration {
        let usual = usual.saturating_mul(PATIENCE).max(SHORTEST_PATIENCE);
        usual
            .saturating_mul(1 << doubts.min(8))
            .min(self.longest_patience)
    }

    /// How long what is asked of one peer may take to come: well below the longest patience, or the last of it would be given up while it
    /// still comes.
    pub(super) fn longest_load(&self) -> Duration {
        self.longest_patience / 2
    }

    /// How much to import at once.
    pub(super) fn batch(&self, pace: &Pace) -> Room {
        let most = self.window.blocks.clamp(1, IMPORT_BLOCKS);
        let known = pace.imported_in(IMPORT_TIME);
        let blocks = known.unwrap_or(FIRST_IMPORT_BLOCKS.min(self.per_request));
        Room {
            blocks: blocks.clamp(1, most),
            bytes: IMPORT_BYTES.min(self.window.bytes),
        }
    }
}
