//! The scheduler by itself, for a benchmark.

use super::{Bounds, Scheduler, Standing, Worth};
use crate::{
    SyncSettings,
    peers::Proof,
    ports::{MonoTime, PeerId},
};
use std::time::Duration;

/// Bytes of a block.
const BYTES: usize = 200;

/// How long everything takes: an answer, an import.
const STEP: Duration = Duration::from_millis(5);

/// Fetches `blocks` blocks from so many peers that answer everything in one step, and imports them. Returns how many requests that takes.
pub fn schedule(blocks: u64, peers: u8) -> u64 {
    let standing = Standing {
        best: blocks,
        lowest: 0,
        shown: Some(blocks),
        latency: Some(STEP),
        proof: Proof::Delivered,
        undelivered: 0,
        most_requests: 12,
    };
    let bounds = Bounds::of(&SyncSettings::default());
    let mut scheduler = Scheduler::new(1, blocks + 1, bounds);
    let (mut now, mut requests) = (MonoTime(Duration::ZERO), 0);
    let mut asked = Vec::new();
    while !scheduler.is_done() {
        scheduler.suppliers((0..peers).map(|n| (PeerId::from_bytes(&[n]), standing)));
        now = now.plus(STEP);
        for (id, count) in std::mem::take(&mut asked) {
            let bytes = usize::try_from(count).map_or(usize::MAX, |count| count * BYTES);
            scheduler.arrived(id, bytes, now);
            scheduler.checked(id, Worth::Good(count), bytes, now);
        }
        for ask in scheduler.poll(now) {
            requests += 1;
            asked.push((ask.id, ask.span.count));
        }
        let most = scheduler.batch();
        while let Some(span) = scheduler.importable(most) {
            scheduler.importing(span);
            scheduler.imported(span.count, STEP);
        }
    }
    requests
}
