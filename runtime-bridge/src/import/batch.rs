use super::authorities::Authorities;
use crate::{
    chain_block::ChainBlock,
    execute::{NodeSource, RecentNodes, Runtime, TrieState},
    store::{Changes, Head, Store, StoreError},
};
use sp_consensus_aura::sr25519::AuthorityId;
use sp_core::H256;
use sp_runtime::traits::Header as HeaderT;
use std::{borrow::Cow, collections::HashMap, sync::Arc};
use sync_component::{
    BlockId,
    block_id::number,
    ports::{BridgeError, Retracted},
};

/// What an import leaves to the next one, so that it reads less.
#[derive(Debug, Default)]
pub(crate) struct Left {
    /// Those after the newest block.
    pub(crate) authorities: Authorities,
    pub(crate) nodes: RecentNodes,
}

/// One import under way: what it adds, and where the chain will stand.
#[derive(Debug)]
pub(crate) struct Batch<'a, B: ChainBlock> {
    pub(crate) store: &'a Store<B>,
    pub(crate) changes: Changes<B>,
    pub(crate) head: Head<B>,
    pub(crate) retracted: Option<Retracted<B>>,
    pub(crate) left: &'a mut Left,
    /// Who sealed the blocks that it adds.
    authors: HashMap<H256, AuthorityId>,
    /// Above this the stored index has nothing: it holds the best chain and no more.
    stored_height: u64,
}

impl<'a, B: ChainBlock> Batch<'a, B> {
    pub(crate) fn on(store: &'a Store<B>, head: Head<B>, left: &'a mut Left) -> Self {
        Self {
            store,
            changes: Changes::default(),
            stored_height: head.best.height(),
            head,
            retracted: None,
            left,
            authors: HashMap::new(),
        }
    }

    pub(crate) fn header(&self, hash: H256) -> Result<Option<Cow<'_, B::Header>>, StoreError> {
        match self.changes.blocks.get(&hash) {
            Some(block) => Ok(Some(Cow::Borrowed(block.header()))),
            None => Ok(self.store.header(hash)?.map(Cow::Owned)),
        }
    }

    /// A header that another stored value names.
    pub(crate) fn known_header(&self, hash: H256) -> Result<Cow<'_, B::Header>, StoreError> {
        self.header(hash)?.ok_or(StoreError::Damaged {
            what: "a header that its child names",
        })
    }

    /// Whether the block with this hash, a child of `parent`, is stored or added.
    pub(crate) fn has_child(&self, parent: H256, hash: H256) -> Result<bool, StoreError> {
        if self.changes.blocks.contains_key(&hash) {
            return Ok(true);
        }
        // What follows a block that only this import adds is new: in a run nobody need look for each block in the store.
        if self.changes.blocks.contains_key(&parent) {
            return Ok(false);
        }
        self.store.has_block(hash)
    }

    pub(crate) fn canonical(&self, height: u64) -> Result<Option<H256>, StoreError> {
        match self.changes.index.get(&height) {
            Some(hash) => Ok(*hash),
            None if height > self.stored_height => Ok(None),
            None => self.store.canonical(height),
        }
    }

    /// The state behind `root`, of a block that is stored or added.
    pub(crate) fn state(&self, root: H256) -> TrieState<'_, B> {
        let source = NodeSource {
            new: &self.changes.nodes,
            recent: Some(&self.left.nodes),
            store: self.store,
        };
        TrieState::at(source, root)
    }

    /// The authorities that may seal the children of a block with this state.
    pub(crate) fn authorities_after<R: Runtime<B>>(
        &mut self,
        runtime: &R,
        state_root: H256,
    ) -> Result<Arc<[AuthorityId]>, BridgeError> {
        if let Some(known) = self.left.authorities.at(state_root) {
            return Ok(known);
        }
        let read = Authorities::read(runtime, &self.state(state_root), state_root);
        let (authorities, known) = read.map_err(BridgeError::new)?;
        self.left.authorities = authorities;
        Ok(known)
    }

    /// Who sealed a block, if the batch adds it.
    pub(crate) fn author(&self, hash: H256) -> Option<&AuthorityId> {
        self.authors.get(&hash)
    }

    /// Adds a validated block, sealed by `author`, and makes it a leaf in its parent's place.
    pub(crate) fn add(&mut self, id: BlockId<B>, author: AuthorityId, block: B) {
        let parent = *block.header().parent_hash();
        self.head.leaves.retain(|leaf| leaf.hash != parent);
        self.head.leaves.push(id);
        self.head.leaves.sort();
        self.authors.insert(id.hash, author);
        self.changes.blocks.insert(id.hash, block);
    }

    /// The blocks that it would have added, rising.
    pub(crate) fn into_blocks(self) -> impl Iterator<Item = B> {
        let mut blocks: Vec<_> = self.changes.blocks.into_values().collect();
        blocks.sort_by_key(|block| *block.header().number());
        blocks.into_iter()
    }

    /// Whether the way from the stored block `id` down to the best chain is stored. A branch that was forgotten keeps its blocks
    /// when a revert takes those away that it builds on.
    pub(crate) fn is_rooted(&self, id: BlockId<B>) -> Result<bool, StoreError> {
        if self.head.leaves.contains(&id) {
            return Ok(true);
        }
        let floor = self.head.finalized.height();
        let mut at = id;
        while at.height() > floor && self.canonical(at.height())? != Some(at.hash) {
            let Some(header) = self.header(at.hash)? else {
                return Ok(false);
            };
            // Above the floor, so above 0.
            at = BlockId::new(number::<B>(at.height() - 1), *header.parent_hash());
        }
        Ok(true)
    }

    /// Whether the final block is `id` or below it on its branch.
    pub(crate) fn holds_final(&self, id: BlockId<B>) -> Result<bool, StoreError> {
        // Leaves are dropped when the final block rises past their branch, so that a run of blocks on a branch costs
        // one look each.
        Ok(self.head.leaves.contains(&id)
            || self.branch(id, self.head.finalized.height())?.is_some())
    }

    /// The branch that ends in `tip`; `None` if it leaves the best chain below `floor`, which lies no higher than the
    /// best block.
    pub(crate) fn branch(
        &self,
        tip: BlockId<B>,
        floor: u64,
    ) -> Result<Option<Branch<B>>, StoreError> {
        let mut blocks = Vec::new();
        let mut at = tip;
        while self.canonical(at.height())? != Some(at.hash) {
            if at.height() <= floor {
                return Ok(None);
            }
            let header = self.known_header(at.hash)?;
            blocks.push(at);
            // Above the floor, so above 0.
            at = BlockId::new(number::<B>(at.height() - 1), *header.parent_hash());
        }
        blocks.reverse();
        let branch = Branch {
            ancestor: at,
            blocks,
        };
        Ok((at.height() >= floor).then_some(branch))
    }
}

/// The way from the best chain to a tip.
#[derive(Clone, Debug)]
pub(crate) struct Branch<B: ChainBlock> {
    /// The highest block on the best chain.
    pub(crate) ancestor: BlockId<B>,
    /// The blocks above it, rising; none if the tip itself is on the best chain.
    pub(crate) blocks: Vec<BlockId<B>>,
}

impl<B: ChainBlock> Branch<B> {
    /// The best chain itself.
    pub(crate) fn none_at(best: BlockId<B>) -> Self {
        Self {
            ancestor: best,
            blocks: Vec::new(),
        }
    }

    pub(crate) fn tip(&self) -> BlockId<B> {
        self.blocks.last().copied().unwrap_or(self.ancestor)
    }

    /// The block at `height` of the chain that ends in this branch's tip.
    pub(crate) fn at(&self, batch: &Batch<'_, B>, height: u64) -> Result<Option<H256>, StoreError> {
        let above = height.checked_sub(self.ancestor.height() + 1);
        let Some(position) = above else {
            return batch.canonical(height);
        };
        let block = usize::try_from(position)
            .ok()
            .and_then(|at| self.blocks.get(at));
        Ok(block.map(|id| id.hash))
    }
}
