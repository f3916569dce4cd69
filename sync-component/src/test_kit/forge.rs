use super::TestBlock;
use crate::block_id::{height_of, number};
use codec::Encode;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use schnorrkel::{context::attach_rng, signing_context};
use sp_consensus_aura::{
    Slot,
    digests::CompatibleDigestItem,
    sr25519::{AuthorityId, AuthoritySignature},
};
use sp_core::{Pair, sr25519};
use sp_runtime::{
    Digest, DigestItem, StateVersion,
    traits::{BlakeTwo256, Block as BlockT, Hash as HashT, Header as HeaderT},
};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// Makes sealed blocks: the keys `//0`, `//1`, … take turns by slot. The same block always gets the same seal, so that
/// a simulated run repeats to the last hash.
#[derive(Clone)]
pub struct Forge {
    keys: Vec<sr25519::Pair>,
    rotation: Option<u64>,
}

impl std::fmt::Debug for Forge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Forge")
            .field("authorities", &self.keys.len())
            .field("rotation", &self.rotation)
            .finish()
    }
}

impl Forge {
    /// A forge of a chain with this many authorities; at least one.
    pub fn new(authorities: usize) -> Self {
        let key = |n: usize| {
            sr25519::Pair::from_string(&format!("//{n}"), None)
                .expect("a derivation path is a valid URI")
        };
        Self {
            keys: (0..authorities.max(1)).map(key).collect(),
            rotation: None,
        }
    }

    /// The same, but the block at `height` changes the authorities: above it the first one comes last.
    #[must_use]
    pub fn rotated_by(mut self, height: u64) -> Self {
        self.rotation = Some(height);
        self
    }

    /// Whether a block changes the authorities.
    pub(super) fn rotates(&self) -> bool {
        self.rotation.is_some()
    }

    /// The authorities, in slot order.
    pub fn authorities(&self) -> Vec<AuthorityId> {
        self.keys.iter().map(|key| key.public().into()).collect()
    }

    /// The authorities that may seal the children of a block at `height`, in slot order.
    pub fn authorities_above(&self, height: u64) -> Vec<AuthorityId> {
        let mut authorities = self.authorities();
        authorities.rotate_left(self.shift(height));
        authorities
    }

    fn shift(&self, height: u64) -> usize {
        let is_changed = self.rotation.is_some_and(|changed| height >= changed);
        usize::from(is_changed) % self.keys.len()
    }

    /// The index of the authority whose turn `slot` is.
    pub fn turn(&self, slot: Slot) -> usize {
        usize::try_from(*slot % self.keys.len() as u64).expect("below a usize")
    }

    /// Block 0.
    pub fn genesis<B: TestBlock>() -> B {
        let root = extrinsics_root::<B>(&[]);
        let header = B::Header::new(
            number::<B>(0),
            root,
            B::Hash::default(),
            B::Hash::default(),
            Digest::default(),
        );
        B::new(header, Vec::new())
    }

    /// A block on `parent`, sealed by the authority of `slot`, with one extrinsic of these bytes.
    pub fn block<B: TestBlock>(&self, parent: &B::Header, slot: Slot, body: &[u8]) -> B {
        let shift = self.shift(height_of::<B>(parent));
        let author = (self.turn(slot) + shift) % self.keys.len();
        self.block_sealed_by(author, parent, slot, body)
    }

    /// A block on `parent` for `slot`, sealed by the authority with this index, whoever's turn it is.
    pub fn block_sealed_by<B: TestBlock>(
        &self,
        authority: usize,
        parent: &B::Header,
        slot: Slot,
        body: &[u8],
    ) -> B {
        let extrinsics = vec![B::extrinsic(body.to_vec())];
        let height = height_of::<B>(parent) + 1;
        let pre_digest =
            <DigestItem as CompatibleDigestItem<AuthoritySignature>>::aura_pre_digest(slot);
        let digest = Digest {
            logs: vec![pre_digest],
        };
        let root = extrinsics_root::<B>(&extrinsics);
        let mut header = B::Header::new(
            number::<B>(height),
            root,
            B::Hash::default(),
            parent.hash(),
            digest,
        );
        let seal = self.seal(authority, header.hash().as_ref());
        header.digest_mut().push(DigestItem::aura_seal(seal));
        B::new(header, extrinsics)
    }

    /// The signature of the authority with this index over the hash of an unsealed header.
    pub fn seal(&self, authority: usize, pre_hash: &[u8]) -> AuthoritySignature {
        let key = self.keys.get(authority).expect("one of the authorities");
        sign(key, pre_hash).into()
    }

    /// The public key of the authority with this index.
    pub fn public(&self, authority: usize) -> sr25519::Public {
        self.keys
            .get(authority)
            .expect("one of the authorities")
            .public()
    }

    /// The signature of the authority with this index; the same for the same message.
    pub fn sign(&self, authority: usize, message: &[u8]) -> sr25519::Signature {
        let key = self.keys.get(authority).expect("one of the authorities");
        make(key, message, seed(key, message))
    }

    /// A chain of `length` blocks on `parent`, one per slot from `slot` on. `salt` tells branches apart.
    pub fn chain<B: TestBlock>(
        &self,
        parent: &B::Header,
        slot: Slot,
        length: u64,
        salt: u8,
    ) -> Vec<B> {
        let mut parent = parent.clone();
        (0..length)
            .map(|n| {
                let block: B = self.block(&parent, slot + n, &[salt]);
                parent = block.header().clone();
                block
            })
            .collect()
    }
}

/// A signature whose randomness follows from what is signed, remembered because simulated networks forge the same
/// chains again and again.
fn sign(key: &sr25519::Pair, message: &[u8]) -> sr25519::Signature {
    static MADE: Mutex<BTreeMap<[u8; 32], sr25519::Signature>> = Mutex::new(BTreeMap::new());
    let seed = seed(key, message);
    let made = || MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(signature) = made().get(&seed) {
        return *signature;
    }
    let signature = make(key, message, seed);
    made().insert(seed, signature);
    signature
}

fn seed(key: &sr25519::Pair, message: &[u8]) -> [u8; 32] {
    BlakeTwo256::hash(&(key.public(), message).encode()).0
}

fn make(key: &sr25519::Pair, message: &[u8], seed: [u8; 32]) -> sr25519::Signature {
    let transcript = signing_context(b"substrate").bytes(message);
    let keypair: &schnorrkel::Keypair = key.as_ref();
    let signature = keypair.sign(attach_rng(transcript, ChaCha20Rng::from_seed(seed)));
    sr25519::Signature::from_raw(signature.to_bytes())
}

/// The root of a body as block rules have it.
pub(super) fn extrinsics_root<B: BlockT>(extrinsics: &[B::Extrinsic]) -> B::Hash {
    let encoded = extrinsics.iter().map(Encode::encode).collect();
    <<B::Header as HeaderT>::Hashing as HashT>::ordered_trie_root(encoded, StateVersion::V1)
}
