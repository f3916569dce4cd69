//! A small in-memory chain of either block type.

use crate::{
    block_id::BlockId,
    ports::{BridgeError, ChainEvent, Presence, ReadChain},
};
use codec::Encode;
use sp_runtime::{
    OpaqueExtrinsic, generic,
    traits::{
        BlakeTwo256, Block as BlockT, Header as HeaderT, Keccak256, NumberFor, SaturatedConversion,
        Zero,
    },
};
use std::{collections::BTreeMap, sync::Mutex};
use tokio::sync::broadcast;

/// The template's shape.
pub(super) type Narrow = generic::Block<generic::Header<u32, BlakeTwo256>, OpaqueExtrinsic>;
/// Another shape: 64-bit numbers, another hasher.
pub(super) type Wide = generic::Block<generic::Header<u64, Keccak256>, OpaqueExtrinsic>;

/// Which branch a block is on: it goes into its state root, so that the branches' hashes differ.
pub(super) type Branch = u8;

#[derive(Debug)]
pub(super) struct TestChain<B: BlockT> {
    state: Mutex<State<B>>,
}

#[derive(Debug)]
struct State<B: BlockT> {
    blocks: BTreeMap<B::Hash, B>,
    canonical: Vec<B::Hash>,
    lowest: NumberFor<B>,
    broken: bool,
    /// Taken as the canonical chain after so many more look-ups by number.
    switch: Option<(usize, Vec<B::Hash>)>,
}

pub(super) fn block_on<B>(parent: Option<&B>, branch: Branch, body_bytes: usize) -> B
where
    B: BlockT<Extrinsic = OpaqueExtrinsic>,
{
    let (number, parent_hash) = parent.map_or((0, B::Hash::default()), |parent| {
        let number: u64 = (*parent.header().number()).saturated_into();
        (number + 1, parent.hash())
    });
    let mut root = B::Hash::default();
    root.as_mut()[0] = branch;
    let header = B::Header::new(
        number.saturated_into(),
        B::Hash::default(),
        root,
        parent_hash,
        sp_runtime::Digest::default(),
    );
    B::new(
        header,
        vec![OpaqueExtrinsic::from_blob(vec![7; body_bytes])],
    )
}

impl<B: BlockT<Extrinsic = OpaqueExtrinsic>> TestChain<B> {
    /// Genesis and `length` blocks above it, each with `body_bytes` in its body.
    pub(super) fn new(length: usize, body_bytes: usize) -> Self {
        let chain = Self {
            state: Mutex::new(State {
                blocks: BTreeMap::new(),
                canonical: Vec::new(),
                lowest: Zero::zero(),
                broken: false,
                switch: None,
            }),
        };
        let genesis = block_on::<B>(None, 0, 0);
        let branch = chain.store_branch(genesis, length, 0, body_bytes);
        chain.state.lock().unwrap().canonical = branch;
        chain
    }

    /// Stores `length` blocks on top of `base`, and returns the hashes of `base` and of them.
    pub(super) fn store_branch(
        &self,
        base: B,
        length: usize,
        branch: Branch,
        body_bytes: usize,
    ) -> Vec<B::Hash> {
        let mut state = self.state.lock().unwrap();
        let mut tip = base;
        let mut hashes = vec![tip.hash()];
        state.blocks.insert(tip.hash(), tip.clone());
        for _ in 0..length {
            tip = block_on(Some(&tip), branch, body_bytes);
            hashes.push(tip.hash());
            state.blocks.insert(tip.hash(), tip.clone());
        }
        hashes
    }

    /// The canonical block at `number`.
    pub(super) fn at(&self, number: usize) -> B {
        let state = self.state.lock().unwrap();
        state.blocks[&state.canonical[number]].clone()
    }

    /// The branch of `fork`, from the block after genesis on, becomes canonical after `look_ups` look-ups by number.
    pub(super) fn switch_after(&self, look_ups: usize, fork: Vec<B::Hash>) {
        self.state.lock().unwrap().switch = Some((look_ups, fork));
    }

    pub(super) fn serve_from(&self, lowest: NumberFor<B>) {
        self.state.lock().unwrap().lowest = lowest;
    }

    pub(super) fn break_store(&self) {
        self.state.lock().unwrap().broken = true;
    }
}

impl<B: BlockT> State<B> {
    fn check(&self) -> Result<(), BridgeError> {
        if self.broken {
            Err(BridgeError::new(std::io::Error::other("a broken disk")))
        } else {
            Ok(())
        }
    }
}

impl<B: BlockT> ReadChain<B> for TestChain<B> {
    fn genesis_hash(&self) -> B::Hash {
        self.state.lock().unwrap().canonical[0]
    }

    fn best(&self) -> BlockId<B> {
        let state = self.state.lock().unwrap();
        let hash = *state.canonical.last().unwrap();
        BlockId::of(state.blocks[&hash].header())
    }

    fn finalized(&self) -> BlockId<B> {
        let state = self.state.lock().unwrap();
        BlockId::of(state.blocks[&state.canonical[0]].header())
    }

    fn lowest_served(&self) -> NumberFor<B> {
        self.state.lock().unwrap().lowest
    }

    fn canonical_hash(&self, number: NumberFor<B>) -> Result<Option<B::Hash>, BridgeError> {
        let mut state = self.state.lock().unwrap();
        state.check()?;
        state.switch = match state.switch.take() {
            Some((0, fork)) => {
                state.canonical = fork;
                None
            }
            Some((left, fork)) => Some((left - 1, fork)),
            None => None,
        };
        let index: usize = number.saturated_into();
        Ok(state.canonical.get(index).copied())
    }

    fn header(&self, hash: B::Hash) -> Result<Option<B::Header>, BridgeError> {
        let state = self.state.lock().unwrap();
        state.check()?;
        Ok(state.blocks.get(&hash).map(|block| block.header().clone()))
    }

    fn block(&self, hash: B::Hash) -> Result<Option<B>, BridgeError> {
        let state = self.state.lock().unwrap();
        state.check()?;
        let served = |block: &&B| *block.header().number() >= state.lowest;
        Ok(state.blocks.get(&hash).filter(served).cloned())
    }

    fn presence(&self, hash: B::Hash) -> Result<Presence, BridgeError> {
        let state = self.state.lock().unwrap();
        state.check()?;
        Ok(if state.canonical.contains(&hash) {
            Presence::Canonical
        } else if state.blocks.contains_key(&hash) {
            Presence::Fork
        } else {
            Presence::Absent
        })
    }

    fn events(&self) -> broadcast::Receiver<ChainEvent<B>> {
        broadcast::channel(1).1
    }
}

/// Length of a block with `body_bytes` in its body.
pub(super) fn encoded_bytes(body_bytes: usize) -> usize {
    let genesis = block_on::<Narrow>(None, 0, 0);
    block_on(Some(&genesis), 0, body_bytes).encode().len()
}
