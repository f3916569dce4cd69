use crate::block_id::BlockId;
use sp_runtime::traits::Block as BlockT;
use std::{collections::BTreeMap, iter, ops::Range, sync::Arc};

/// What is known of the chain that a voter is on: where it leaves ours, and the blocks above that, as far as they are known.
/// Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lineage<B: BlockT> {
    shared: BlockId<B>,
    blocks: Arc<[BlockId<B>]>,
    above: Range<usize>,
}

impl<B: BlockT> Lineage<B> {
    /// A chain that ends in `tip`, a block of our best chain.
    pub fn on_our_chain(tip: BlockId<B>) -> Self {
        Self::leaving(tip, Arc::new([]))
    }

    /// A chain that has `shared` of our best chain and `above` it other blocks, rising.
    pub fn leaving(shared: BlockId<B>, above: Arc<[BlockId<B>]>) -> Self {
        let all = 0..above.len();
        Self::within(shared, above, all)
    }

    /// A chain that has `shared` of our best chain and above it those of `blocks` that `above` names, rising.
    pub(crate) fn within(
        shared: BlockId<B>,
        blocks: Arc<[BlockId<B>]>,
        above: Range<usize>,
    ) -> Self {
        Self {
            shared,
            blocks,
            above,
        }
    }

    /// The highest block of our best chain that is known to be in it.
    pub fn shared(&self) -> BlockId<B> {
        self.shared
    }

    /// The blocks above that, rising.
    pub fn above(&self) -> &[BlockId<B>] {
        self.blocks.get(self.above.clone()).unwrap_or_default()
    }

    /// Its highest block that is known.
    pub fn end(&self) -> BlockId<B> {
        self.above().last().copied().unwrap_or(self.shared)
    }

    /// The block at `height` above the highest that it shares with ours; `None` if it is not known, or is ours.
    pub(super) fn above_at(&self, height: u64) -> Option<BlockId<B>> {
        let first = self.above().first()?.height();
        let at = usize::try_from(height.checked_sub(first)?).ok()?;
        self.above().get(at).copied()
    }

    /// The greatest height of [`Lineage::above`] that is no more than `height`.
    fn above_at_most(&self, height: u64) -> Option<u64> {
        let above = self.above();
        let (first, last) = (above.first()?.height(), above.last()?.height());
        (first <= height).then(|| last.min(height))
    }
}

/// The highest block that at least `need` of these chains hold (SPEC section 0, *consensus block*); `None` if `need` is 0 or
/// more than there are. `need` is more than half of them, so there is one at most.
pub fn consensus_block<'a, B: BlockT>(
    chains: impl IntoIterator<Item = &'a Lineage<B>>,
    need: usize,
) -> Option<BlockId<B>> {
    let chains: Vec<_> = chains.into_iter().collect();
    let mut shared: Vec<_> = chains.iter().map(|chain| chain.shared()).collect();
    shared.sort_by(|a, b| b.cmp(a));
    // On our own chain, whoever holds a block holds all below it.
    let on_ours = *shared.get(need.checked_sub(1)?)?;
    let mut ends: Vec<_> = chains.iter().map(|chain| chain.end().height()).collect();
    ends.sort_unstable_by(|a, b| b.cmp(a));
    let known_at_most = |height: u64| {
        let known = chains
            .iter()
            .filter_map(|chain| chain.above_at_most(height));
        known.max().filter(|height| *height > on_ours.height())
    };
    // Higher up there are too few chains.
    let highest = known_at_most(*ends.get(need.checked_sub(1)?)?);
    let mut heights = iter::successors(highest, |height| known_at_most(height.checked_sub(1)?));
    let beside_ours = heights.find_map(|height| {
        let mut votes = BTreeMap::new();
        for block in chains.iter().filter_map(|chain| chain.above_at(height)) {
            *votes.entry(block).or_insert(0) += 1;
        }
        votes
            .into_iter()
            .find_map(|(block, votes)| (votes >= need).then_some(block))
    });
    Some(beside_ours.unwrap_or(on_ours))
}
