use crate::{
    BlockId,
    block_id::number,
    ports::{PeerId, UnixMillis},
    test_kit::SLOT,
    wire::Attestation,
};
use sp_core::sr25519;
use sp_runtime::traits::Block as BlockT;
use std::{collections::BTreeMap, time::Duration};
use tokio::time::Instant;

/// The attestations that each node heard or sent, as the oracle counts them: on its own, and no later than the rule says.
#[derive(Debug)]
pub(super) struct Words<B: BlockT>(BTreeMap<PeerId, BTreeMap<sr25519::Public, Held<B>>>);

/// The newest word of one authority at one node.
#[derive(Debug)]
struct Held<B: BlockT> {
    newest: Word<B>,
    since: Instant,
    /// What was the newest before that moment: in the moment itself the node may not have looked at the newer one yet.
    before: Option<Word<B>>,
}

/// What an authority signed.
#[derive(Clone, Debug)]
pub(super) struct Word<B: BlockT> {
    slot: u64,
    counter: u64,
    standing: Standing,
    tip: BlockId<B>,
    below: Vec<B::Hash>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Counts,
    /// Another was signed with its counter: neither counts.
    Contradicted,
}

/// When a word counts: from its slot's start less `drift`, for `slots` slots.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) slots: u64,
    pub(super) drift: Duration,
}

impl Span {
    fn holds(self, slot: u64, now: UnixMillis) -> bool {
        let start = u128::from(slot) * u128::from(SLOT.as_millis());
        let length = u128::from(self.slots) * u128::from(SLOT.as_millis());
        let now = u128::from(now.0);
        now + self.drift.as_millis() >= start && now < start + length
    }
}

impl<B: BlockT> Default for Words<B> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<B: BlockT> Words<B> {
    /// What `node` heard before was in its memory.
    pub(super) fn forget(&mut self, node: &PeerId) {
        self.0.remove(node);
    }

    /// `node` hears or sends `attestation` while its clock shows `now`.
    pub(super) fn hears(
        &mut self,
        node: &PeerId,
        attestation: &Attestation<B>,
        span: Span,
        now: UnixMillis,
    ) {
        let tip = &attestation.tip;
        if !span.holds(tip.slot, now) {
            return;
        }
        let word = Word {
            slot: tip.slot,
            counter: tip.counter,
            standing: Standing::Counts,
            tip: tip.best,
            below: tip.below.clone(),
        };
        let moment = Instant::now();
        let of_node = self.0.entry(node.clone()).or_default();
        let Some(held) = of_node.get_mut(&attestation.authority) else {
            let held = Held {
                newest: word,
                since: moment,
                before: None,
            };
            of_node.insert(attestation.authority, held);
            return;
        };
        let says_else = word.slot != held.newest.slot
            || word.tip != held.newest.tip
            || word.below != held.newest.below;
        let contradicts = word.counter == held.newest.counter && says_else;
        if word.counter <= held.newest.counter && !contradicts {
            return;
        }
        if held.since < moment {
            held.before = Some(held.newest.clone());
            held.since = moment;
        }
        if contradicts {
            held.newest.standing = Standing::Contradicted;
        } else {
            held.newest = word;
        }
    }

    /// What `node` may count now of each authority: one word, or in the very moment of a change either of two.
    pub(super) fn counting(
        &self,
        node: &PeerId,
        span: Span,
        now: UnixMillis,
    ) -> Vec<(sr25519::Public, Vec<Word<B>>)> {
        let moment = Instant::now();
        let of_node = self.0.get(node).into_iter().flatten();
        let words = of_node.map(|(authority, held)| {
            let before = held.before.iter().filter(|_| held.since == moment);
            let words = before.chain([&held.newest]);
            let counts =
                |word: &&Word<B>| word.standing == Standing::Counts && span.holds(word.slot, now);
            (*authority, words.filter(counts).cloned().collect())
        });
        words.collect()
    }
}

impl<B: BlockT> Word<B> {
    /// Its tip.
    pub(super) fn tip(&self) -> BlockId<B> {
        self.tip
    }

    /// The blocks that it names, the highest first.
    pub(super) fn blocks(&self) -> impl Iterator<Item = BlockId<B>> {
        let below = self.below.iter().zip(1_u64..);
        let below = below.map_while(|(hash, down)| {
            let height = self.tip.height().checked_sub(down)?;
            Some(BlockId::new(number::<B>(height), *hash))
        });
        std::iter::once(self.tip).chain(below)
    }
}
