//! What crosses the network, for scenarios that count it.

use codec::{Compact, Decode};
use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{Mutex, MutexGuard},
};
use sync_component::{
    ports::{PeerId, Protocol},
    test_kit::{Message, SmallBlock, Tap, Way},
    wire::RangeRequest,
};

/// Which blocks were asked for, and how many came.
#[derive(Default)]
pub(super) struct Blocks {
    asked: Mutex<Vec<(PeerId, Range<u64>)>>,
    delivered: Mutex<BTreeMap<PeerId, u64>>,
}

impl Blocks {
    fn asked(&self) -> MutexGuard<'_, Vec<(PeerId, Range<u64>)>> {
        self.asked.lock().unwrap()
    }

    /// How many requests to anybody the block at `height` was part of.
    pub(super) fn requests_for(&self, height: u64) -> usize {
        let asked = self.asked();
        let with_it = asked.iter().filter(|(_, range)| range.contains(&height));
        with_it.count()
    }

    /// Whether `peer` was asked for the block at `height`.
    pub(super) fn was_asked_for(&self, peer: &PeerId, height: u64) -> bool {
        let asked = self.asked();
        let mut its = asked.iter().filter(|(asked, _)| asked == peer);
        its.any(|(_, range)| range.contains(&height))
    }

    /// How many blocks `node` was sent, those twice that came twice.
    pub(super) fn delivered_to(&self, node: &PeerId) -> u64 {
        let delivered = self.delivered.lock().unwrap();
        delivered.get(node).copied().unwrap_or(0)
    }
}

impl Tap for Blocks {
    fn arrived(&self, message: &Message<'_>) {
        match (message.protocol, message.way) {
            (Protocol::Blocks, Way::Request) => {
                let request = RangeRequest::<SmallBlock>::decode(&mut &*message.bytes).unwrap();
                let start = u64::from(request.start);
                let range = start..start + u64::from(request.count);
                self.asked().push((message.to.clone(), range));
            }
            (Protocol::Blocks, Way::Reply) => {
                // The tag of the items, then how many they are.
                let (tag, count) = message.bytes.split_at(message.bytes.len().min(1));
                if tag == [0] {
                    let count = Compact::<u32>::decode(&mut &*count).unwrap().0;
                    let mut delivered = self.delivered.lock().unwrap();
                    *delivered.entry(message.to.clone()).or_default() += u64::from(count);
                }
            }
            _ => {}
        }
    }
}
