use crate::{
    chain_block::ChainBlock,
    store::{Changes, Head, Store, StoreError},
};
use sp_core::H256;
use sp_runtime::traits::Header as HeaderT;
use sync_component::{BlockId, block_id::number, ports::Retracted};

/// One import under way: what it adds, and where the chain will stand.
#[derive(Debug)]
pub(crate) struct Batch<'a, B: ChainBlock> {
    pub(crate) store: &'a Store<B>,
    pub(crate) changes: Changes<B>,
    pub(crate) head: Head<B>,
    pub(crate) retracted: Option<Retracted<B>>,
}

impl<'a, B: ChainBlock> Batch<'a, B> {
    pub(crate) fn on(store: &'a Store<B>, head: Head<B>) -> Self {
        Self {
            store,
            changes: Changes::default(),
            head,
            retracted: None,
        }
    }

    pub(crate) fn header(&self, hash: H256) -> Result<Option<B::Header>, StoreError> {
        self.changes.header(self.store, hash)
    }

    /// A header that another stored value names.
    pub(crate) fn known_header(&self, hash: H256) -> Result<B::Header, StoreError> {
        self.header(hash)?.ok_or(StoreError::Damaged {
            what: "a header that its child names",
        })
    }

    pub(crate) fn has_block(&self, hash: H256) -> Result<bool, StoreError> {
        Ok(self.changes.blocks.contains_key(&hash) || self.store.has_block(hash)?)
    }

    pub(crate) fn canonical(&self, height: u64) -> Result<Option<H256>, StoreError> {
        self.changes.canonical(self.store, height)
    }

    /// Adds a validated block and makes it a leaf in its parent's place.
    pub(crate) fn add(&mut self, id: BlockId<B>, block: B) {
        let parent = *block.header().parent_hash();
        self.head.leaves.retain(|leaf| leaf.hash != parent);
        self.head.leaves.push(id);
        self.head.leaves.sort();
        self.changes.add(block);
    }

    /// The blocks of `tip`'s branch above the best chain, rising, with the best chain's block below them; `None` if the
    /// branch leaves the best chain below the final block.
    pub(crate) fn branch(
        &self,
        tip: BlockId<B>,
    ) -> Result<Option<(BlockId<B>, Vec<BlockId<B>>)>, StoreError> {
        let mut branch = Vec::new();
        let mut at = tip;
        while self.canonical(at.height())? != Some(at.hash) {
            if at.number <= self.head.finalized.number {
                return Ok(None);
            }
            let header = self.known_header(at.hash)?;
            branch.push(at);
            // Above the final block, so above 0.
            at = BlockId::new(number::<B>(at.height() - 1), *header.parent_hash());
        }
        if at.number < self.head.finalized.number {
            return Ok(None);
        }
        branch.reverse();
        Ok(Some((at, branch)))
    }
}
