use super::{State, StateError, StateReader};
use chain_spec::ChainSpec;
use sp_consensus_aura::{Slot, SlotDuration, sr25519::AuthorityId};
use sp_core::sr25519;
use sp_runtime::traits::{Block as BlockT, NumberFor};
use std::{collections::BTreeMap, fmt};

/// The rules of a chain: what its extrinsics do to its state. A builder brings their own; the node template has one
/// with balances and a timestamp.
///
/// Everything here must be a pure function of its arguments: all nodes have to get the same state root.
///
/// The state is one trie. There are no child tries: a snapshot takes what stands under a key, and not what a root there stands for.
/// A runtime that keeps roots of other tries under its keys (Substrate's `:child_storage:`) must not be used with the strategy
/// `snapshot`.
pub trait Runtime<B: BlockT>: fmt::Debug + Send + Sync + 'static {
    /// All storage entries of the state before block 1.
    fn genesis_state(&self, spec: &ChainSpec) -> BTreeMap<Vec<u8>, Vec<u8>>;

    /// The authorities that may seal the children of the block with this state, in slot order; never empty.
    fn authorities(&self, state: &dyn StateReader) -> Result<Vec<AuthorityId>, StateError>;

    /// Whether [`Runtime::authorities`] can change from block to block. It decides one thing: what is said of a seal by somebody
    /// else, above blocks that are not executed yet. `Fixed`: it is bad at once. `Changing`: only execution tells.
    fn authority_set(&self) -> AuthoritySet {
        AuthoritySet::Changing
    }

    /// The extrinsics that the author itself puts in front of a block (the timestamp).
    fn inherents(&self, context: &BlockContext<B>) -> Vec<B::Extrinsic>;

    /// The signature that `extrinsic` carries; `None` for an inherent. Checked before execution, many at once, on any
    /// thread; execution does not check it again.
    fn signature(
        &self,
        extrinsic: &B::Extrinsic,
        context: &BlockContext<B>,
    ) -> Option<SignedPayload>;

    /// Applies the extrinsic at `index` (from 0) of a block. On `Err` the state must be thrown away or rolled back by
    /// the caller.
    fn apply(
        &self,
        state: &mut State<'_>,
        context: &BlockContext<B>,
        index: usize,
        extrinsic: &B::Extrinsic,
    ) -> Result<(), ExecutionError>;

    /// Checks after the last extrinsic that the block is complete (that each inherent was there).
    fn finish(
        &self,
        state: &mut State<'_>,
        context: &BlockContext<B>,
        extrinsics: &[B::Extrinsic],
    ) -> Result<(), ExecutionError>;
}

/// Whether blocks can change who may seal the blocks above them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthoritySet {
    /// All states name those of the genesis state.
    Fixed,
    /// A block may name others.
    Changing,
}

/// Where in the chain a block is executed.
#[derive(Clone, Copy, Debug)]
pub struct BlockContext<B: BlockT> {
    /// The block's number.
    pub number: NumberFor<B>,
    /// Hash of block 0, for signatures that hold on one chain only.
    pub genesis: B::Hash,
    /// The block's slot.
    pub slot: Slot,
    /// Length of a slot.
    pub slot_duration: SlotDuration,
}

/// A signature with what it signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedPayload {
    /// Who signed.
    pub signer: sr25519::Public,
    /// The signed bytes.
    pub message: Vec<u8>,
    /// The signature, Substrate's signing context.
    pub signature: sr25519::Signature,
}

/// Why an extrinsic or a block does not execute.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ExecutionError {
    /// The chain's rules refuse it. The text names the rule and the values.
    #[error("{0}")]
    Refused(String),
    /// The state could not be read: our own fault.
    #[error(transparent)]
    State(#[from] StateError),
}
