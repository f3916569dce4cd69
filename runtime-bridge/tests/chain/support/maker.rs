use super::{Block, Bridge, Call, Id, id, import_all, in_memory};
use chain_spec::{ChainSpec, Preset};
use codec::Encode;
use sp_consensus_aura::{Slot, sr25519::AuthoritySignature};
use sp_core::{H256, Pair, sr25519};
use sp_runtime::{
    DigestItem, OpaqueExtrinsic, StateVersion,
    traits::{BlakeTwo256, Hash, Header as _},
};
use std::{cell::RefCell, collections::HashMap, iter};
use sync_component::ports::ReadChain;

/// The chain of the tests, with this many authorities.
pub(crate) fn spec(authorities: u64, max_reorg: u64) -> ChainSpec {
    let mut spec = Preset::Dev.spec();
    spec.authorities = (0..authorities).map(|n| key(n).public().into()).collect();
    spec.sync.tier2.max_reorg = max_reorg;
    spec
}

fn key(n: u64) -> sr25519::Pair {
    sr25519::Pair::from_string(&format!("//{n}"), None).unwrap()
}

/// Makes valid blocks on any block that it made before: it keeps them all in a chain of its own, where nothing becomes
/// final.
pub(crate) struct Maker {
    chain: Bridge,
    keys: Vec<sr25519::Pair>,
    /// How often the authorities were rotated up to a block, where they were.
    rotated: RefCell<HashMap<H256, u64>>,
}

impl Maker {
    pub(crate) fn new(authorities: u64) -> Self {
        Self {
            chain: in_memory(authorities, 1_000_000),
            keys: (0..authorities).map(key).collect(),
            rotated: RefCell::default(),
        }
    }

    pub(crate) fn genesis(&self) -> Id {
        Id::new(0, self.chain.genesis_hash())
    }

    /// The key whose turn `slot` is.
    pub(crate) fn key(&self, slot: u64) -> &sr25519::Pair {
        let turn = slot % self.keys.len() as u64;
        &self.keys[usize::try_from(turn).unwrap()]
    }

    /// The key whose turn `slot` is on `parent`.
    pub(crate) fn key_on(&self, parent: H256, slot: u64) -> &sr25519::Pair {
        self.key(slot + self.rotations(parent))
    }

    fn rotations(&self, block: H256) -> u64 {
        self.rotated.borrow().get(&block).copied().unwrap_or(0)
    }

    /// A block on `parent` with these calls behind the slot.
    pub(crate) fn block(&self, parent: Id, slot: u64, calls: &[Call]) -> Block {
        let extrinsics = calls.iter().cloned().map(OpaqueExtrinsic::from).collect();
        let unsealed = self
            .chain
            .build(parent, Slot::from(slot), extrinsics)
            .unwrap();
        assert!(unsealed.skipped().is_empty(), "{:?}", unsealed.skipped());
        let key = self.key_on(parent.hash, slot);
        let signature = key.sign(unsealed.pre_hash().as_ref());
        let block = unsealed.seal(signature);
        let here = calls.iter().filter(|call| **call == Call::Rotate).count();
        let rotations = self.rotations(parent.hash) + here as u64;
        self.rotated
            .borrow_mut()
            .insert(block.header.hash(), rotations);
        import_all(&self.chain, std::slice::from_ref(&block));
        block
    }

    /// A run of blocks on `parent`, in these slots, each adding to the counter that its slot names.
    pub(crate) fn run(&self, parent: Id, slots: impl IntoIterator<Item = u64>) -> Vec<Block> {
        let mut slots = slots.into_iter();
        let block = |parent, slot: u64| {
            self.block(parent, slot, &[Call::Add(slot.to_le_bytes()[0] % 8, 1)])
        };
        let first = slots.next().map(|slot| block(parent, slot));
        iter::successors(first, |last| slots.next().map(|slot| block(id(last), slot))).collect()
    }
}

/// The block with a seal that fits its header as it is now.
pub(crate) fn reseal(mut block: Block, key: &sr25519::Pair) -> Block {
    block.header.digest_mut().pop();
    let signature = key.sign(block.header.hash().as_ref());
    let seal = sp_consensus_aura::digests::CompatibleDigestItem::aura_seal(
        AuthoritySignature::from(signature),
    );
    let seal: DigestItem = seal;
    block.header.digest_mut().push(seal);
    block
}

/// The block with another body, and the extrinsics root that fits it.
pub(crate) fn body(mut block: Block, extrinsics: Vec<OpaqueExtrinsic>) -> Block {
    let encoded = extrinsics.iter().map(Encode::encode).collect();
    block.header.extrinsics_root = BlakeTwo256::ordered_trie_root(encoded, StateVersion::V1);
    block.extrinsics = extrinsics;
    block
}
