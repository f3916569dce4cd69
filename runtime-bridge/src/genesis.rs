//! Block 0 with its state, made from the chain spec.

use crate::{
    chain_block::ChainBlock,
    execute::{NewNodes, Runtime, StateChanges, StateError, first_state},
    store::{Changes, Head, Store, StoreError},
    verify::extrinsics_root,
};
use chain_spec::ChainSpec;
use kvdb::KeyValueDB;
use sp_core::H256;
use sp_runtime::{
    Digest,
    traits::{Header as HeaderT, NumberFor, Zero},
};
use sync_component::BlockId;

/// Block 0 with its state.
pub(crate) struct Genesis<B: ChainBlock> {
    pub(crate) id: BlockId<B>,
    block: B,
    nodes: NewNodes,
}

impl<B: ChainBlock> Genesis<B> {
    pub(crate) fn make<R: Runtime<B>>(runtime: &R, spec: &ChainSpec) -> Result<Self, StateError> {
        let entries: StateChanges = runtime
            .genesis_state(spec)
            .into_iter()
            .map(|(key, value)| (key, Some(value)))
            .collect();
        let (state_root, nodes) = first_state(&entries)?;
        let header = B::Header::new(
            NumberFor::<B>::zero(),
            extrinsics_root::<B>(&[]),
            state_root,
            H256::zero(),
            Digest::default(),
        );
        let id = BlockId::of(&header);
        Ok(Self {
            id,
            block: B::new(header, Vec::new()),
            nodes,
        })
    }

    pub(crate) fn write(&self, db: &dyn KeyValueDB) -> Result<(), StoreError> {
        let mut changes = Changes::default();
        changes.blocks.insert(self.id.hash, self.block.clone());
        changes.index.insert(0, Some(self.id.hash));
        changes.nodes.extend(self.nodes.clone());
        Store::write_to(db, &changes, &Head::genesis(self.id))
    }
}
