use super::{suspects::author, verified::Verified};
use crate::{
    block_id::BlockId,
    height_sync::Lineage,
    ports::{Bridge, BridgeError, Presence},
};
use sp_consensus_aura::Slot;
use sp_runtime::traits::{Block as BlockT, Header as HeaderT};
use std::{cmp::Reverse, collections::BTreeSet, ops::Range, sync::Arc};

/// A run of verified headers above a block that we hold. Never empty; cheap to clone and to shorten.
#[derive(Clone, Debug)]
pub struct VerifiedTip<B: BlockT> {
    /// Highest block of our best chain that the run builds on.
    pub ancestor: BlockId<B>,
    /// The stored block that the first header follows: `ancestor`, or a stored block of a branch above it.
    pub base: BlockId<B>,
    /// What was verified together, of which `range` is this run.
    verified: Arc<Verified<B>>,
    range: Range<usize>,
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
    /// It goes on, and nothing above is taken before enough authorities hold what is below.
    Unvoted,
}

impl<B: BlockT> VerifiedTip<B> {
    /// A run above `base`; `None` if it is empty.
    pub fn new(
        ancestor: BlockId<B>,
        base: BlockId<B>,
        headers: Vec<impl Into<Arc<B::Header>>>,
        beyond: Beyond,
    ) -> Option<Self> {
        if headers.is_empty() {
            return None;
        }
        let headers: Vec<_> = headers.into_iter().map(Into::into).collect();
        let ids = ids_of::<B>(&headers).collect();
        Some(Self {
            ancestor,
            base,
            range: 0..headers.len(),
            verified: Verified::new(headers, ids),
            beyond,
        })
    }

    /// The run with `more` above it, verified too.
    pub(crate) fn extended(&self, more: Vec<impl Into<Arc<B::Header>>>, beyond: Beyond) -> Self {
        let more: Vec<_> = more.into_iter().map(Into::into).collect();
        let ids = self.ids().iter().copied().chain(ids_of::<B>(&more));
        let ids: Arc<[_]> = ids.collect();
        let headers: Vec<_> = self.headers().iter().cloned().chain(more).collect();
        Self {
            ancestor: self.ancestor,
            base: self.base,
            range: 0..headers.len(),
            verified: Verified::new(headers, ids),
            beyond,
        }
    }

    /// The highest block of the run.
    pub fn tip(&self) -> BlockId<B> {
        *self.ids().last().expect(NEVER_EMPTY)
    }

    /// The highest header of the run.
    pub fn tip_header(&self) -> &B::Header {
        self.headers().last().expect(NEVER_EMPTY)
    }

    /// All headers, rising.
    pub fn headers(&self) -> &[Arc<B::Header>] {
        self.verified
            .headers
            .get(self.range.clone())
            .expect(NEVER_EMPTY)
    }

    /// All ids, rising, in the order of [`VerifiedTip::headers`].
    pub fn ids(&self) -> &[BlockId<B>] {
        self.verified
            .ids
            .get(self.range.clone())
            .expect(NEVER_EMPTY)
    }

    /// The slots of all headers; `None` for one without, which is never a verified one.
    pub(crate) fn slots(&self, chain: &dyn Bridge<B>) -> &[Option<Slot>] {
        let slots = self.verified.slots(chain);
        slots.get(self.range.clone()).expect(NEVER_EMPTY)
    }

    /// How many headers are left below those at the end whose turn `is_one`: a place among so many authorities. Each turn is asked for once
    /// however many headers in a row have it.
    pub(crate) fn below_last(
        &self,
        authorities: usize,
        chain: &dyn Bridge<B>,
        is_one: impl FnMut(Option<usize>) -> bool,
    ) -> usize {
        let below = self
            .verified
            .below_last(&self.range, authorities, chain, is_one);
        below.saturating_sub(self.range.start)
    }

    /// The chain of whoever has `block`, a block of this run; `None` if it is not.
    pub fn lineage_to(&self, block: &BlockId<B>) -> Option<Lineage<B>> {
        let above = self.range.start..self.range.start + self.place_of(block)? + 1;
        Some(Lineage::within(
            self.ancestor,
            Arc::clone(&self.verified.ids),
            above,
        ))
    }

    /// Whether the run holds this block.
    pub fn contains(&self, block: &BlockId<B>) -> bool {
        self.id_at(block.height()) == Some(block)
    }

    /// Whether the two chains differ at a height that both runs reach.
    pub fn conflicts_with(&self, other: &Self) -> bool {
        let height = self.tip().height().min(other.tip().height());
        match (self.id_at(height), other.id_at(height)) {
            (Some(here), Some(there)) => here != there,
            // One of them begins above the other's end: that says nothing.
            _ => false,
        }
    }

    /// Its block at `height`.
    pub(crate) fn id_at(&self, height: u64) -> Option<&BlockId<B>> {
        self.ids().get(self.place(height)?)
    }

    /// Its header at `height`.
    pub(crate) fn header_at(&self, height: u64) -> Option<&B::Header> {
        self.headers().get(self.place(height)?).map(Arc::as_ref)
    }

    fn place(&self, height: u64) -> Option<usize> {
        let offset = height.checked_sub(self.base.height().saturating_add(1))?;
        usize::try_from(offset).ok()
    }

    /// Where `block` is in the run; `None` if it is not.
    fn place_of(&self, block: &BlockId<B>) -> Option<usize> {
        let at = self.place(block.height())?;
        (self.ids().get(at) == Some(block)).then_some(at)
    }

    /// The headers above `block`, which is the run's base or in it; `None` if it is neither.
    pub(crate) fn above(&self, block: &BlockId<B>) -> Option<&[Arc<B::Header>]> {
        if *block == self.base {
            return Some(self.headers());
        }
        let at = block.height().checked_sub(self.base.height())?;
        let known = self.contains(block);
        self.headers()
            .get(usize::try_from(at).ok()?..)
            .filter(|_| known)
    }

    /// How many blocks of ours, with tip `ours`, leave the best chain if this run becomes it.
    pub fn depth_below(&self, ours: &BlockId<B>) -> u64 {
        ours.height().saturating_sub(self.ancestor.height())
    }

    /// The run without `block` and what follows it; `None` if nothing is left or the run does not hold it.
    fn cut_before(&self, block: &BlockId<B>) -> Option<Self> {
        self.first(self.place_of(block)?)
    }

    /// The run up to `block` and with it; `None` if the run does not hold it.
    pub(crate) fn up_to(&self, block: &BlockId<B>) -> Option<Self> {
        self.first(self.place_of(block)? + 1)
    }

    /// The first `keep` blocks of the run, or all there are; `None` if that is none.
    pub(crate) fn first(&self, keep: usize) -> Option<Self> {
        if keep >= self.range.len() {
            return Some(self.clone());
        }
        (keep > 0).then(|| Self {
            range: self.range.start..self.range.start + keep,
            beyond: Beyond::Nothing,
            ..self.clone()
        })
    }

    /// The run above what is stored by now; `None` if all of it is.
    pub(crate) fn advance(&self, chain: &dyn Bridge<B>) -> Result<Option<Self>, BridgeError> {
        let ids = self.ids();
        let stored = self.stored(chain)?;
        let base = match stored.checked_sub(1).and_then(|last| ids.get(last)) {
            Some(last) => *last,
            None => self.base,
        };
        let range = self.range.start + stored..self.range.end;
        if range.is_empty() {
            return Ok(None);
        }
        Ok(canonical_ancestor(chain, base)?.map(|ancestor| Self {
            ancestor,
            base,
            range,
            ..self.clone()
        }))
    }

    /// How many of its blocks are stored.
    fn stored(&self, chain: &dyn Bridge<B>) -> Result<usize, BridgeError> {
        let ids = self.ids();
        let is_stored = |at: usize| match ids.get(at) {
            Some(id) => Ok::<_, BridgeError>(chain.presence(id.hash)? != Presence::Absent),
            None => Ok(false),
        };
        // A stored block's parent is stored too. While the run is imported our best block is its last stored one.
        let best = chain.best();
        if let Some(at) = self.place_of(&best)
            && !is_stored(at + 1)?
        {
            return Ok(at + 1);
        }
        let (mut stored, mut absent) = (0, ids.len());
        while stored < absent {
            let middle = usize::midpoint(stored, absent);
            if is_stored(middle)? {
                stored = middle + 1;
            } else {
                absent = middle;
            }
        }
        Ok(stored)
    }
}

/// The ids of linked headers: each is named by the one that follows it, so that only the last is hashed.
fn ids_of<B: BlockT>(headers: &[Arc<B::Header>]) -> impl Iterator<Item = BlockId<B>> {
    let named = headers.iter().zip(headers.iter().skip(1));
    let named = named.map(|(header, child)| BlockId::new(*header.number(), *child.parent_hash()));
    named.chain(headers.last().map(|header| BlockId::of(&**header)))
}

const NEVER_EMPTY: &str = "a run is never empty: who makes or shortens one sees to it";

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

/// Whether `block` is stored. Its hash alone does not say so: whoever names it may put any height beside it.
pub(crate) fn is_stored<B: BlockT>(
    chain: &dyn Bridge<B>,
    block: &BlockId<B>,
) -> Result<bool, BridgeError> {
    if chain.canonical_hash(block.number)? == Some(block.hash) {
        return Ok(true);
    }
    if chain.presence(block.hash)? == Presence::Absent {
        return Ok(false);
    }
    let header = chain.header(block.hash)?;
    Ok(header.is_some_and(|header| *header.number() == block.number))
}

/// The verified tips that are worth keeping: at most `most`, or two for each authority where that is more. The highest ones stay,
/// but of those that one authority sealed more of than any other did, the lowest go first, and among equals what came later:
/// whoever seals many headers, for one slot or for many, pushes nobody else's out. What an authority attests stays: it has that block,
/// and waits for votes that nobody gives who does not know of it.
#[derive(Debug)]
pub struct TipStore<B: BlockT> {
    tips: Vec<VerifiedTip<B>>,
    /// Blocks whose execution failed here; runs end below them (SPEC section 3, *parked by hash*).
    parked: Vec<(BlockId<B>, Delivery)>,
    most: usize,
}

/// What became of a run that was to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted<B: BlockT> {
    /// It is held, as far as it is not stored.
    Whole,
    /// All of it is stored.
    Stored,
    /// It is held below this parked block.
    Parked(BlockId<B>),
    /// It is not held: its author has too many.
    Crowded,
}

/// How often a parked block was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Delivery {
    /// By one peer.
    Once,
    /// By a second peer too, the same bytes: the fault may be ours.
    Confirmed,
}

impl<B: BlockT> TipStore<B> {
    /// An empty store for at most `most` tips, where there are not more than half as many authorities, and as many parked blocks.
    pub fn new(most: usize) -> Self {
        Self {
            tips: Vec::new(),
            parked: Vec::new(),
            most,
        }
    }

    /// All tips, the highest first; among equals what came first.
    pub fn iter(&self) -> impl Iterator<Item = &VerifiedTip<B>> {
        self.tips.iter()
    }

    /// The tip whose run holds `block`.
    pub fn holding(&self, block: &BlockId<B>) -> Option<&VerifiedTip<B>> {
        self.tips.iter().find(|tip| tip.contains(block))
    }

    /// Adds what of a verified run is not stored by now. Runs that it contains go, and the least of all when there are too many.
    /// `attested` are the authorities' tips, one of each.
    pub fn insert(
        &mut self,
        run: &VerifiedTip<B>,
        chain: &dyn Bridge<B>,
        attested: &[BlockId<B>],
    ) -> Result<Inserted<B>, BridgeError> {
        // While it was fetched the chain went on, or the peer chose the ancestor: only our own store says where it is.
        Ok(match run.advance(chain)? {
            None => Inserted::Stored,
            Some(run) => {
                let authorities = chain.authorities_at(run.base.hash)?;
                let tip = run.tip();
                let parked = self.insert_current(run);
                let most = self.most.max(authorities.len().saturating_mul(2));
                self.trim(most, attested, |header| {
                    author(&authorities, header, chain).map(|(author, _)| author)
                });
                match parked {
                    Some(block) => Inserted::Parked(block),
                    None if self.holding(&tip).is_none() => Inserted::Crowded,
                    None => Inserted::Whole,
                }
            }
        })
    }

    /// Leaves no more than `most`, and of each of the `attested` blocks the highest run that holds it.
    pub(super) fn trim<A: PartialEq>(
        &mut self,
        most: usize,
        attested: &[BlockId<B>],
        author_of: impl Fn(&B::Header) -> Option<A>,
    ) {
        while self.tips.len() > most {
            let holders = attested.iter();
            let holders =
                holders.filter_map(|block| self.tips.iter().position(|tip| tip.contains(block)));
            let kept: BTreeSet<_> = holders.collect();
            let tips = self.tips.iter().enumerate();
            let free = tips.filter(|(at, _)| !kept.contains(at));
            let free: Vec<_> = free
                .map(|(at, tip)| (at, tip, author_of(tip.tip_header())))
                .collect();
            let crowd_of =
                |author: &Option<A>| free.iter().filter(|(_, _, of)| of == author).count();
            // Of the largest crowd the lowest, and of these the last.
            let least = free
                .iter()
                .max_by_key(|(at, tip, author)| (crowd_of(author), Reverse(tip.tip().number), *at));
            let Some((least, ..)) = least else { return };
            self.tips.remove(*least);
        }
    }

    /// Adds a run that is up to date; returns the parked block that it holds, if it holds one: only what is below that is
    /// kept.
    pub(super) fn insert_current(&mut self, tip: VerifiedTip<B>) -> Option<BlockId<B>> {
        let parked = self.parked.iter().map(|(block, _)| *block);
        let parked = parked.filter(|block| tip.contains(block)).min();
        let tip = match parked {
            Some(block) => tip.cut_before(&block),
            None => Some(tip),
        };
        if let Some(tip) = tip {
            self.keep(tip);
        }
        parked
    }

    fn keep(&mut self, tip: VerifiedTip<B>) {
        if self
            .tips
            .iter()
            .any(|known| known.contains(&tip.tip()) && known.base.number <= tip.base.number)
        {
            return;
        }
        self.tips.retain(|known| !tip.contains(&known.tip()));
        self.tips.push(tip);
        // Stable: among equals, what came first.
        self.tips.sort_by_key(|tip| Reverse(tip.tip().number));
    }

    /// The run that `header` would extend by one, if there is one.
    pub fn extendable_by(&self, header: &B::Header) -> Option<&VerifiedTip<B>> {
        self.tips
            .iter()
            .find(|tip| tip.tip().hash == *header.parent_hash())
    }

    /// Brings all runs up to date after the chain changed: what is stored leaves them. A run of which the store cannot tell stays as it
    /// is, and keeps no other from being brought up to date. Returns the first such error.
    pub fn advance(&mut self, chain: &dyn Bridge<B>) -> Result<(), BridgeError> {
        let mut fault = None;
        for run in std::mem::take(&mut self.tips) {
            let left = match run.advance(chain) {
                Ok(left) => left,
                Err(error) => {
                    fault.get_or_insert(error);
                    Some(run)
                }
            };
            if let Some(left) = left {
                self.insert_current(left);
            }
        }
        let finalized = chain.finalized();
        self.parked
            .retain(|(block, _)| block.number > finalized.number);
        fault.map_or(Ok(()), Err)
    }

    /// Forgets every run that holds `block`.
    pub fn forget(&mut self, block: &BlockId<B>) {
        self.tips.retain(|run| !run.contains(block));
    }

    /// Parks a block that does not execute here: no run holds it from now on.
    pub fn park(&mut self, block: BlockId<B>, delivery: Delivery) {
        if let Some((_, known)) = self.parked.iter_mut().find(|(parked, _)| *parked == block) {
            *known = delivery.max(*known);
        } else {
            if self.parked.len() >= self.most {
                self.parked.remove(0);
            }
            self.parked.push((block, delivery));
        }
        let runs = std::mem::take(&mut self.tips);
        for run in runs {
            self.insert_current(run);
        }
    }

    /// Whether this block is parked.
    pub fn is_parked(&self, block: &BlockId<B>) -> bool {
        self.parked.iter().any(|(parked, _)| parked == block)
    }

    /// Verified tips and parked blocks: how many.
    #[cfg(feature = "test-kit")]
    pub(crate) fn footprint(&self) -> (usize, usize) {
        (self.tips.len(), self.parked.len())
    }

    /// The parked blocks above `ours` that two peers delivered alike.
    pub fn confirmed_above(&self, ours: &BlockId<B>) -> impl Iterator<Item = BlockId<B>> {
        let height = ours.number;
        self.parked
            .iter()
            .filter(move |(block, delivery)| {
                *delivery == Delivery::Confirmed && block.number > height
            })
            .map(|(block, _)| *block)
    }
}
