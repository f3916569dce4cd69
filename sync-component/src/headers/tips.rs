use crate::{
    block_id::BlockId,
    ports::{Bridge, BridgeError, Presence},
};
use sp_runtime::traits::{Block as BlockT, Header as HeaderT};
use std::sync::Arc;

/// A run of verified headers above a block that we hold. Never empty.
#[derive(Clone, Debug)]
pub struct VerifiedTip<B: BlockT> {
    /// Highest block of our best chain that the run builds on.
    pub ancestor: BlockId<B>,
    /// The stored block that the first header follows: `ancestor`, or a stored block of a branch above it.
    pub base: BlockId<B>,
    headers: Arc<Vec<B::Header>>,
    ids: Arc<Vec<BlockId<B>>>,
    /// Whether its claimant has more above.
    pub beyond: Beyond,
}

/// Whether the chain goes on above the highest header that was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beyond {
    /// It ends there.
    Nothing,
    /// A claim names a higher tip; the gap is "at least" what is verified.
    Claimed,
}

impl<B: BlockT> VerifiedTip<B> {
    /// A run above `base`; `None` if it is empty.
    pub fn new(
        ancestor: BlockId<B>,
        base: BlockId<B>,
        headers: Vec<B::Header>,
        beyond: Beyond,
    ) -> Option<Self> {
        if headers.is_empty() {
            return None;
        }
        let ids = Arc::new(headers.iter().map(BlockId::of).collect());
        Some(Self {
            ancestor,
            base,
            headers: Arc::new(headers),
            ids,
            beyond,
        })
    }

    /// The highest block of the run.
    pub fn tip(&self) -> BlockId<B> {
        *self
            .ids
            .last()
            .expect("a run is never empty: `new` and `advance` see to it")
    }

    /// The highest header of the run.
    pub fn tip_header(&self) -> &B::Header {
        self.headers
            .last()
            .expect("a run is never empty: `new` and `advance` see to it")
    }

    /// All headers, rising.
    pub fn headers(&self) -> &Arc<Vec<B::Header>> {
        &self.headers
    }

    /// All ids, rising, in the order of [`VerifiedTip::headers`].
    pub fn ids(&self) -> &[BlockId<B>] {
        &self.ids
    }

    /// Whether the run holds this block.
    pub fn contains(&self, block: &BlockId<B>) -> bool {
        let Some(offset) = block
            .height()
            .checked_sub(self.base.height().saturating_add(1))
        else {
            return false;
        };
        usize::try_from(offset)
            .ok()
            .and_then(|offset| self.ids.get(offset))
            == Some(block)
    }

    /// How many blocks of ours, with tip `ours`, leave the best chain if this run becomes it.
    pub fn depth_below(&self, ours: &BlockId<B>) -> u64 {
        ours.height().saturating_sub(self.ancestor.height())
    }

    /// The run without `block` and what follows it; `None` if nothing is left or the run does not hold it.
    fn cut_before(&self, block: &BlockId<B>) -> Option<Self> {
        let keep = self.ids.iter().position(|id| id == block)?;
        let headers = self.headers.get(..keep)?.to_vec();
        Self::new(self.ancestor, self.base, headers, Beyond::Nothing)
    }

    /// The run above what is stored by now; `None` if all of it is.
    fn advance(&self, chain: &dyn Bridge<B>) -> Result<Option<Self>, BridgeError> {
        let mut stored: usize = 0;
        for id in self.ids() {
            if chain.presence(id.hash)? == Presence::Absent {
                break;
            }
            stored += 1;
        }
        let base = stored
            .checked_sub(1)
            .and_then(|last| self.ids.get(last))
            .copied()
            .unwrap_or(self.base);
        let Some(ancestor) = canonical_ancestor(chain, base)? else {
            return Ok(None);
        };
        if stored == 0 {
            return Ok(Some(Self {
                ancestor,
                ..self.clone()
            }));
        }
        Ok(Self::new(
            ancestor,
            base,
            self.headers.iter().skip(stored).cloned().collect(),
            self.beyond,
        ))
    }
}

/// The highest block of the best chain at or below the stored block `from`; `None` if the store does not know it.
pub(crate) fn canonical_ancestor<B: BlockT>(
    chain: &dyn Bridge<B>,
    from: BlockId<B>,
) -> Result<Option<BlockId<B>>, BridgeError> {
    let mut block = from;
    while chain.canonical_hash(block.number)? != Some(block.hash) {
        // Ends at genesis at the latest, which is always canonical; stored branches start above the final block.
        let Some(header) = chain.header(block.hash)? else {
            return Ok(None);
        };
        let Some(number) = block.height().checked_sub(1) else {
            return Ok(None);
        };
        block = BlockId::new(crate::block_id::number::<B>(number), *header.parent_hash());
    }
    Ok(Some(block))
}

/// The verified tips that are worth keeping: at most `most`, the highest ones.
#[derive(Debug)]
pub struct TipStore<B: BlockT> {
    tips: Vec<VerifiedTip<B>>,
    /// Blocks whose execution failed here; runs end below them (SPEC section 3, *parked by hash*).
    parked: Vec<BlockId<B>>,
    most: usize,
}

impl<B: BlockT> TipStore<B> {
    /// An empty store for at most `most` tips and as many parked blocks.
    pub fn new(most: usize) -> Self {
        Self {
            tips: Vec::new(),
            parked: Vec::new(),
            most,
        }
    }

    /// All tips, the highest first; among equals the lower hash.
    pub fn iter(&self) -> impl Iterator<Item = &VerifiedTip<B>> {
        self.tips.iter()
    }

    /// The tip whose run holds `block`.
    pub fn holding(&self, block: &BlockId<B>) -> Option<&VerifiedTip<B>> {
        self.tips.iter().find(|tip| tip.contains(block))
    }

    /// Adds a verified run. Runs that it contains go; the lowest goes when there are too many.
    pub fn insert(&mut self, tip: VerifiedTip<B>) {
        let parked = self.parked.iter().find(|block| tip.contains(block));
        let Some(tip) = (match parked {
            Some(block) => tip.cut_before(block),
            None => Some(tip),
        }) else {
            return;
        };
        if self
            .tips
            .iter()
            .any(|known| known.contains(&tip.tip()) && known.base.number <= tip.base.number)
        {
            return;
        }
        self.tips.retain(|known| !tip.contains(&known.tip()));
        self.tips.push(tip);
        self.tips.sort_by(|a, b| {
            let (a, b) = (a.tip(), b.tip());
            b.number.cmp(&a.number).then_with(|| a.hash.cmp(&b.hash))
        });
        self.tips.truncate(self.most);
    }

    /// The run that `header` would extend by one, if there is one.
    pub fn extendable_by(&self, header: &B::Header) -> Option<&VerifiedTip<B>> {
        self.tips
            .iter()
            .find(|tip| tip.tip().hash == *header.parent_hash())
    }

    /// Brings all runs up to date after the chain changed: what is stored leaves them.
    pub fn advance(&mut self, chain: &dyn Bridge<B>) -> Result<(), BridgeError> {
        let runs = std::mem::take(&mut self.tips);
        for run in runs {
            if let Some(run) = run.advance(chain)? {
                self.insert(run);
            }
        }
        let finalized = chain.finalized();
        self.parked.retain(|block| block.number > finalized.number);
        Ok(())
    }

    /// Parks a block that does not execute here: no run holds it from now on.
    pub fn park(&mut self, block: BlockId<B>) {
        if !self.parked.contains(&block) {
            if self.parked.len() >= self.most {
                self.parked.remove(0);
            }
            self.parked.push(block);
        }
        let runs = std::mem::take(&mut self.tips);
        for run in runs {
            self.insert(run);
        }
    }

    /// Whether this block is parked.
    pub fn is_parked(&self, block: &BlockId<B>) -> bool {
        self.parked.contains(block)
    }
}
