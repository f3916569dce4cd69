use super::{Batch, Measure, finality::authorities_after};
use crate::{
    chain_block::ChainBlock,
    execute::{BlockContext, ExecutionError, NewNodes, Runtime, State, TrieState},
    store::{Store, StoreError},
    verify::{
        SealCheck, SignatureCheck, check_body, check_link, check_not_future, check_signatures,
        slot_of,
    },
};
use chain_spec::ChainSpec;
use sp_consensus_aura::{Slot, SlotDuration};
use sp_core::H256;
use sp_runtime::traits::Header as HeaderT;
use std::{collections::BTreeMap, time::Duration};
use sync_component::{
    BlockId,
    block_id::{height, number},
    observer::BlockStage,
    ports::{BlockFault, BridgeError, HeaderFault, ImportError, UnixMillis},
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

    /// Everything about a header but its seal.
    pub(crate) fn check_header<B: ChainBlock>(
        &self,
        parent: &B::Header,
        header: &B::Header,
        now: UnixMillis,
    ) -> Result<(), HeaderFault> {
        check_link(parent, header)?;
        let id = BlockId::<B>::of(header);
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
        check_not_future(slot_of(header)?, self.slot_duration, now, self.drift)
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

    pub(crate) fn context<B: ChainBlock>(&self, header: &B::Header, slot: Slot) -> BlockContext<B> {
        BlockContext {
            number: *header.number(),
            genesis: self.genesis,
            slot,
            slot_duration: self.slot_duration,
        }
    }
}

/// Checks everything about `block` and adds it, with the trie nodes that it makes, to `batch`.
pub(crate) fn validate<B: ChainBlock, R: Runtime<B>>(
    batch: &mut Batch<'_, B>,
    runtime: &R,
    rules: &Rules,
    measure: &Measure,
    block: B,
    now: UnixMillis,
) -> Result<(), ImportError<B>> {
    let id = BlockId::of(block.header());
    if batch.has_block(id.hash).map_err(BridgeError::new)? {
        return Ok(());
    }
    let finalized = batch.head.finalized;
    if id.number <= finalized.number {
        return Err(ImportError::AgainstFinal { id, finalized });
    }
    let parent_hash = *block.header().parent_hash();
    let parent = batch.header(parent_hash).map_err(BridgeError::new)?;
    let parent = parent.ok_or(ImportError::UnknownParent { id })?;
    let parent_id = BlockId::new(*parent.number(), parent_hash);
    if !batch.is_rooted(parent_id).map_err(BridgeError::new)? {
        return Err(ImportError::UnknownParent { id });
    }
    if !batch.holds_final(parent_id).map_err(BridgeError::new)? {
        return Err(ImportError::AgainstFinal { id, finalized });
    }
    let verified = measure.stage(BlockStage::Verify, || {
        verify(batch, runtime, rules, &parent, &block, now)
    });
    let executed = verified.and_then(|context| {
        measure.stage(BlockStage::Execute, || {
            execute(batch, runtime, &parent, &context, &block)
        })
    });
    let nodes = executed.map_err(|refusal| refusal.of(id))?;
    batch.changes.nodes.extend(nodes);
    batch.add(id, block);
    Ok(())
}

/// Checks everything about a stored block once more, at its parent's state. Changes nothing.
pub(crate) fn validate_again<B: ChainBlock, R: Runtime<B>>(
    batch: &Batch<'_, B>,
    runtime: &R,
    rules: &Rules,
    block: &B,
    now: UnixMillis,
) -> Result<(), ImportError<B>> {
    let id = BlockId::of(block.header());
    let parent = batch.known_header(*block.header().parent_hash());
    let parent = parent.map_err(BridgeError::new)?;
    let checked = verify(batch, runtime, rules, &parent, block, now)
        .and_then(|context| execute(batch, runtime, &parent, &context, block));
    checked.map(drop).map_err(|refusal| refusal.of(id))
}

/// Why a block is not taken.
enum Refusal {
    Fault(BlockFault),
    Local(BridgeError),
}

impl Refusal {
    fn of<B: ChainBlock>(self, id: BlockId<B>) -> ImportError<B> {
        match self {
            Self::Fault(fault) => ImportError::Invalid { id, fault },
            Self::Local(error) => ImportError::Local(error),
        }
    }
}

impl From<HeaderFault> for Refusal {
    fn from(fault: HeaderFault) -> Self {
        Self::Fault(fault.into())
    }
}

impl From<BlockFault> for Refusal {
    fn from(fault: BlockFault) -> Self {
        Self::Fault(fault)
    }
}

impl From<BridgeError> for Refusal {
    fn from(error: BridgeError) -> Self {
        Self::Local(error)
    }
}

impl From<ExecutionError> for Refusal {
    fn from(error: ExecutionError) -> Self {
        match error {
            ExecutionError::Refused(reason) => Self::Fault(BlockFault::Execution { reason }),
            ExecutionError::State(error) => Self::Local(BridgeError::new(error)),
        }
    }
}

/// Everything that needs no state.
fn verify<B: ChainBlock, R: Runtime<B>>(
    batch: &Batch<'_, B>,
    runtime: &R,
    rules: &Rules,
    parent: &B::Header,
    block: &B,
    now: UnixMillis,
) -> Result<BlockContext<B>, Refusal> {
    let header = block.header();
    rules.check_header::<B>(parent, header, now)?;
    let seal = SealCheck::of(header, &authorities_after(batch, runtime, parent)?)?;
    let context = rules.context::<B>(header, seal.slot);
    check_body(block, rules.block_bytes)?;
    check_all_signatures(runtime, &context, &seal, block)?;
    Ok(context)
}

/// The seal and all transfers at once.
fn check_all_signatures<B: ChainBlock, R: Runtime<B>>(
    runtime: &R,
    context: &BlockContext<B>,
    seal: &SealCheck,
    block: &B,
) -> Result<(), BlockFault> {
    let mut checks = vec![seal.signature_check().clone()];
    let mut positions = Vec::new();
    for (index, extrinsic) in block.extrinsics().iter().enumerate() {
        if let Some(payload) = runtime.signature(extrinsic, context) {
            checks.push(SignatureCheck::from(payload));
            positions.push(index);
        }
    }
    check_signatures(&checks).map_err(|bad| {
        match bad.0.checked_sub(1).and_then(|at| positions.get(at)) {
            Some(index) => BlockFault::BadSignature { index: *index },
            None => HeaderFault::BadSeal.into(),
        }
    })
}

fn execute<B: ChainBlock, R: Runtime<B>>(
    batch: &Batch<'_, B>,
    runtime: &R,
    parent: &B::Header,
    context: &BlockContext<B>,
    block: &B,
) -> Result<NewNodes, Refusal> {
    let trie = TrieState::at(batch.store, &batch.changes.nodes, *parent.state_root());
    let mut state = State::over(&trie);
    for (index, extrinsic) in block.extrinsics().iter().enumerate() {
        runtime.apply(&mut state, context, index, extrinsic)?;
        state.commit_extrinsic();
    }
    runtime.finish(&mut state, context, block.extrinsics())?;
    state.commit_extrinsic();
    let (root, nodes) = trie
        .apply(&state.into_changes())
        .map_err(ExecutionError::from)?;
    if root == *block.header().state_root() {
        Ok(nodes)
    } else {
        Err(BlockFault::WrongStateRoot.into())
    }
}
