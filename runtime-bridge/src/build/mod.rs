//! Making blocks: extrinsics are applied on the parent's state, and what comes out is sealed by whoever holds the key.

use crate::{
    chain_block::ChainBlock,
    execute::{BlockContext, ExecutionError, NewNodes, NodeSource, Runtime, State, TrieState},
    store::Store,
    verify::SignatureCheck,
};
use codec::Encode;
use sp_consensus_aura::{Slot, digests::CompatibleDigestItem, sr25519::AuthoritySignature};
use sp_core::{H256, sr25519};
use sp_runtime::{
    Digest, DigestItem,
    traits::{Header as HeaderT, One, Saturating},
};
use sync_component::ports::BridgeError;

/// Why no block was built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The parent is not stored.
    #[error("the parent to build on is not stored")]
    UnknownParent,
    /// The runtime refuses what its own inherents made: a fault in the runtime.
    #[error("the runtime refuses a block that it made itself: {0}")]
    Runtime(ExecutionError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] BridgeError),
}

/// A block without its seal.
#[derive(Debug)]
pub struct Unsealed<B: ChainBlock> {
    header: B::Header,
    extrinsics: Vec<B::Extrinsic>,
    skipped: Vec<(usize, ExecutionError)>,
}

impl<B: ChainBlock> Unsealed<B> {
    /// What the seal signs: the hash of the header without it.
    pub fn pre_hash(&self) -> H256 {
        self.header.hash()
    }

    /// What is in it, inherents included.
    pub fn extrinsics(&self) -> &[B::Extrinsic] {
        &self.extrinsics
    }

    /// Extrinsics that were left out because they do not apply, by their position in what was offered.
    pub fn skipped(&self) -> &[(usize, ExecutionError)] {
        &self.skipped
    }

    /// The block, sealed with a signature over [`Unsealed::pre_hash`].
    pub fn seal(mut self, signature: sr25519::Signature) -> B {
        self.header
            .digest_mut()
            .push(DigestItem::aura_seal(AuthoritySignature::from(signature)));
        B::new(self.header, self.extrinsics)
    }
}

/// Builds a block in `context` on `parent`, inherents first, then as many of `offered` as apply and fit into `limit`
/// encoded bytes.
pub(crate) fn build<B: ChainBlock, R: Runtime<B>>(
    store: &Store<B>,
    runtime: &R,
    parent: &B::Header,
    context: &BlockContext<B>,
    offered: impl Iterator<Item = B::Extrinsic>,
    limit: usize,
) -> Result<Unsealed<B>, BuildError> {
    let nodes = NewNodes::new();
    let trie = TrieState::at(NodeSource::stored(store, &nodes), *parent.state_root());
    let mut state = State::over(&trie);
    let mut extrinsics = runtime.inherents(context);
    for (index, inherent) in extrinsics.iter().enumerate() {
        runtime.apply(&mut state, context, index, inherent)?;
        state.commit_extrinsic();
    }
    let mut header = header_on::<B>(parent, context.slot);
    let mut bytes = B::new(header.clone(), extrinsics.clone()).encoded_size() + SEAL_BYTES;
    let mut skipped = Vec::new();
    for (position, extrinsic) in offered.enumerate() {
        let size = extrinsic.encoded_size();
        if bytes + size > limit {
            continue;
        }
        match apply(runtime, &mut state, context, extrinsics.len(), &extrinsic) {
            Ok(()) => {
                state.commit_extrinsic();
                bytes += size;
                extrinsics.push(extrinsic);
            }
            Err(error @ ExecutionError::State(_)) => return Err(error.into()),
            Err(error) => {
                state.discard_extrinsic();
                skipped.push((position, error));
            }
        }
    }
    runtime.finish(&mut state, context, &extrinsics)?;
    state.commit_extrinsic();
    let (root, _) = trie
        .apply(&state.into_changes())
        .map_err(ExecutionError::from)?;
    header.set_state_root(root);
    header.set_extrinsics_root(crate::verify::extrinsics_root::<B>(&extrinsics));
    Ok(Unsealed {
        header,
        extrinsics,
        skipped,
    })
}

/// Room for the seal and for the longer length prefixes of a full block.
const SEAL_BYTES: usize = 128;

fn apply<B: ChainBlock, R: Runtime<B>>(
    runtime: &R,
    state: &mut State<'_>,
    context: &BlockContext<B>,
    index: usize,
    extrinsic: &B::Extrinsic,
) -> Result<(), ExecutionError> {
    if let Some(payload) = runtime.signature(extrinsic, context) {
        let check = SignatureCheck::from(payload);
        crate::verify::check_signatures(&[check])
            .map_err(|_| ExecutionError::Refused("its signature is bad".to_owned()))?;
    }
    runtime.apply(state, context, index, extrinsic)
}

fn header_on<B: ChainBlock>(parent: &B::Header, slot: Slot) -> B::Header {
    let pre_digest =
        <DigestItem as CompatibleDigestItem<AuthoritySignature>>::aura_pre_digest(slot);
    let number = parent.number().saturating_add(One::one());
    let digest = Digest {
        logs: vec![pre_digest],
    };
    B::Header::new(number, H256::zero(), H256::zero(), parent.hash(), digest)
}

impl From<ExecutionError> for BuildError {
    fn from(error: ExecutionError) -> Self {
        match error {
            ExecutionError::State(error) => Self::Store(BridgeError::new(error)),
            refused @ ExecutionError::Refused(_) => Self::Runtime(refused),
        }
    }
}
