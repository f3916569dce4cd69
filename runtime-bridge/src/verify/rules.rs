use super::{ParentFacts, Sealed, check_not_future};
use crate::{
    chain_block::ChainBlock,
    execute::BlockContext,
    store::{Store, StoreError},
};
use chain_spec::ChainSpec;
use sp_consensus_aura::{Slot, SlotDuration};
use sp_core::H256;
use sp_runtime::traits::{Header as HeaderT, NumberFor};
use std::{collections::BTreeMap, time::Duration};
use sync_component::{
    BlockId,
    block_id::{height, number},
    ports::{HeaderFault, UnixMillis},
};

/// What the chain spec says about validity.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) genesis: H256,
    pub(crate) slot_duration: SlotDuration,
    drift: Duration,
    pub(crate) block_bytes: usize,
    bad_blocks: Vec<H256>,
    checkpoints: BTreeMap<u64, H256>,
}

impl Rules {
    pub(crate) fn new(spec: &ChainSpec, genesis: H256) -> Self {
        let checkpoints = spec
            .checkpoints
            .iter()
            .map(|checkpoint| (checkpoint.number.into(), checkpoint.hash));
        Self {
            genesis,
            slot_duration: spec.slot_duration,
            drift: spec.sync.limits.drift,
            block_bytes: spec.sync.limits.block_bytes,
            bad_blocks: spec.bad_blocks.clone(),
            checkpoints: checkpoints.collect(),
        }
    }

    /// Everything about the header `id` that depends neither on its seal nor on the time.
    pub(crate) fn check_header<B: ChainBlock>(
        &self,
        parent: &ParentFacts<B::Header>,
        header: &B::Header,
        id: BlockId<B>,
    ) -> Result<Sealed, HeaderFault> {
        let sealed = parent.check_child(header)?;
        if self.bad_blocks.contains(&id.hash) {
            return Err(HeaderFault::BadBlock);
        }
        if self
            .checkpoints
            .get(&id.height())
            .is_some_and(|hash| *hash != id.hash)
        {
            return Err(HeaderFault::AgainstCheckpoint);
        }
        Ok(sealed)
    }

    /// Whether `slot` has begun, or begins soon enough.
    pub(crate) fn check_time(&self, slot: Slot, now: UnixMillis) -> Result<(), HeaderFault> {
        check_not_future(slot, self.slot_duration, now, self.drift)
    }

    /// A block of the stored chain that these rules do not allow: they may be younger than the chain.
    pub(crate) fn forbidden<B: ChainBlock>(
        &self,
        store: &Store<B>,
    ) -> Result<Option<BlockId<B>>, StoreError> {
        for (height, hash) in &self.checkpoints {
            if let Some(stored) = store.canonical(*height)?
                && stored != *hash
            {
                return Ok(Some(BlockId::new(number::<B>(*height), stored)));
            }
        }
        for hash in &self.bad_blocks {
            if let Some(header) = store.header(*hash)?
                && store.canonical(height::<B>(*header.number()))? == Some(*hash)
            {
                return Ok(Some(BlockId::new(*header.number(), *hash)));
            }
        }
        Ok(None)
    }

    pub(crate) fn context<B: ChainBlock>(
        &self,
        number: NumberFor<B>,
        slot: Slot,
    ) -> BlockContext<B> {
        BlockContext {
            number,
            genesis: self.genesis,
            slot,
            slot_duration: self.slot_duration,
        }
    }
}
