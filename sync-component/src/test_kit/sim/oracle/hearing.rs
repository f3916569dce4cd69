//! What nodes hear of each other.

use super::Oracle;
use crate::{
    block_id::height_of,
    ports::{Clock, PeerId, Presence, Protocol},
    test_kit::{
        SLOT, TestBlock,
        network::{Message, Tap, Way},
        sim::slot_of,
    },
    wire::{Announcement, Attestation, HeadersReply, StatusReply},
};
use codec::{Compact, Decode};
use sp_runtime::traits::{BlakeTwo256, Hash as _, Header as HeaderT};

impl<B: TestBlock> Oracle<B> {
    /// What both ends of a message have heard by now.
    pub(in crate::test_kit::sim) fn hears_attestations(
        &self,
        ends: [&PeerId; 2],
        attestations: &[Attestation<B>],
    ) {
        let mut state = self.state();
        let span = self.span(self.attestation_slots);
        for end in ends {
            let now = self.clock_of(&state, end);
            for attestation in attestations {
                state.words.hears(end, attestation, span, now);
            }
        }
    }

    /// I11: no key signs two attestations for one counter.
    fn left(&self, from: &PeerId, attestations: &[Attestation<B>]) {
        for attestation in attestations {
            let before = self.state().counters.left(from, attestation);
            if let Some(before) = before {
                let name = self.name(from);
                let tip = &attestation.tip;
                self.violated(
                    "I11",
                    format_args!(
                        "{name} attests {} with counter {}, with which it attested {}",
                        tip.best, tip.counter, before.best
                    ),
                );
            }
        }
    }

    fn hears(&self, to: &PeerId, headers: impl IntoIterator<Item = B::Header>) {
        let mut state = self.state();
        let heard = state.heard.entry(to.clone()).or_default();
        heard.extend(headers.into_iter().map(|header| header.hash()));
    }

    fn hears_announcement(&self, to: &PeerId, header: &B::Header) {
        let height = height_of::<B>(header);
        let hash = header.hash();
        let slot = slot_of::<B>(header).unwrap_or_default();
        self.hears(to, [header.clone()]);
        let mut state = self.state();
        let parent = *header.parent_hash();
        let start = slot.saturating_mul(SLOT.as_millis());
        let is_placed = state.running.get(to).is_some_and(|(chain, clock)| {
            let place = chain.presence(parent).ok();
            start <= clock.wall().0 && place.is_some_and(|place| place != Presence::Absent)
        });
        if is_placed && state.known.contains_key(&hash) {
            let announced = state.announced.entry(to.clone()).or_default();
            announced.insert(hash, (height, tokio::time::Instant::now()));
        }
    }
}

impl<B: TestBlock> Tap for Oracle<B> {
    fn arrived(&self, message: &Message<'_>) {
        let Message {
            from,
            to,
            protocol,
            way,
            bytes,
        } = message;
        self.note(format_args!(
            "{} -> {} {protocol:?} {way:?}, {} bytes, {}",
            self.name(from),
            self.name(to),
            bytes.len(),
            BlakeTwo256::hash(bytes)
        ));
        let mut input = *bytes;
        match (protocol, way) {
            (Protocol::Status, Way::Reply) => {
                if let Ok(StatusReply::<B>::Status(status)) = Decode::decode(&mut input) {
                    self.left(from, &status.attestations);
                    self.hears_attestations([from, to], &status.attestations);
                }
            }
            (Protocol::Headers, Way::Reply) => {
                if let Ok(HeadersReply::<B>::Items(headers)) = Decode::decode(&mut input) {
                    self.hears(to, headers);
                }
            }
            (Protocol::Blocks, Way::Reply) => {
                // The tag of the items, then how many they are.
                let (tag, count) = bytes.split_at(bytes.len().min(1));
                let count = Compact::<u32>::decode(&mut &*count).map_or(0, |count| count.0);
                let is_honest = self.state().honest.contains(*from);
                if is_honest
                    && tag == [0]
                    && count > 1
                    && bytes.len() > self.limits.reply_soft_bytes + 16
                {
                    let from = self.name(from);
                    self.violated("SPEC 2", format_args!("{from} exceeds the byte budget"));
                }
            }
            (Protocol::Announce, Way::Request) => {
                if let Ok(announcement) = Announcement::<B>::decode(&mut input) {
                    self.hears_announcement(to, &announcement.header);
                    self.left(from, announcement.attestation.as_slice());
                    self.hears_attestations([from, to], announcement.attestation.as_slice());
                }
            }
            _ => {}
        }
    }
}
