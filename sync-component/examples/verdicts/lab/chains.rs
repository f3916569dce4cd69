//! The chains of a world, and the keys that seal and attest them.

use async_trait::async_trait;
use sp_consensus_aura::Slot;
use sp_runtime::traits::Block as _;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use sync_component::{
    BlockId,
    attestation::attest,
    ports::{Clock, ImportBlocks as _, MonoTime, ReadChain as _, Signer as _, UnixMillis},
    settings::SyncSettings,
    test_kit::{Forge, ReferenceBridge, SLOT, SmallBlock, sim::SimSigner},
    wire::{ATTESTED_HASHES, Attestation},
};

pub(super) type Block = SmallBlock;
pub(super) type Id = BlockId<Block>;
pub(super) type Store = Arc<ReferenceBridge<Block>>;

/// Blocks that the branches of a world share: more than anybody lags.
pub(super) const TRUNK: u64 = 120;

/// The slot of block 1.
const FIRST_SLOT: u64 = 1_000;

/// A clock that stands still: what everybody has said by one moment is judged.
#[derive(Debug)]
pub(super) struct StillClock(UnixMillis);

#[async_trait]
impl Clock for StillClock {
    fn wall(&self) -> UnixMillis {
        self.0
    }

    fn now(&self) -> MonoTime {
        MonoTime(Duration::from_hours(1))
    }

    async fn sleep(&self, _: Duration) {
        // Whoever is asked here answers at once or fails at once.
        std::future::pending::<()>().await;
    }
}

/// Who goes on above the trunk, and how far.
#[derive(Clone, Debug, Default)]
pub(super) struct Growth {
    /// Authorities by their index; each seals in its own slots only.
    pub(super) authors: BTreeSet<usize>,
    /// The world goes on until the branch has so many blocks.
    pub(super) least: u64,
    /// It gets no more than these.
    pub(super) most: u64,
}

/// One chain.
#[derive(Debug)]
pub(super) struct Branch {
    blocks: Vec<Block>,
    stores: Mutex<BTreeMap<u64, Store>>,
}

/// Two branches over one trunk, in the slot in which the last block was sealed.
#[derive(Debug)]
pub(super) struct World {
    pub(super) forge: Forge,
    pub(super) clock: Arc<StillClock>,
    pub(super) main: Branch,
    pub(super) side: Branch,
    now: Slot,
    signers: Vec<Arc<SimSigner>>,
    words: Mutex<BTreeMap<(usize, Id), Attestation<Block>>>,
}

impl World {
    /// A world of this many authorities.
    pub(super) fn new(authorities: usize, main: &Growth, side: &Growth) -> Self {
        let forge = Forge::new(authorities);
        let genesis: Block = Forge::genesis();
        let trunk: Vec<Block> = forge.chain(genesis.header(), Slot::from(FIRST_SLOT), TRUNK, 0);
        let mut branches = [trunk.clone(), trunk];
        let mut now = FIRST_SLOT + TRUNK - 1;
        let above = |blocks: &[Block]| blocks.len() as u64 - TRUNK;
        while branches
            .iter()
            .zip([main, side])
            .any(|(blocks, growth)| above(blocks) < growth.least)
        {
            now += 1;
            let slot = Slot::from(now);
            for ((blocks, growth), salt) in branches.iter_mut().zip([main, side]).zip(1_u8..) {
                let takes_turn = growth.authors.contains(&forge.turn(slot));
                if takes_turn && above(blocks) < growth.most {
                    let parent = blocks.last().expect("the trunk is not empty");
                    let block: Block = forge.block(parent.header(), slot, &[salt]);
                    blocks.push(block);
                }
            }
        }
        Self::at(forge, branches, Slot::from(now))
    }

    /// The store of somebody who has `branch` up to `height`.
    pub(super) fn store(&self, branch: &Branch, height: u64) -> Store {
        let mut stores = lock(&branch.stores);
        let made = stores.entry(height).or_insert_with(|| {
            let max_reorg = SyncSettings::default().tier2.max_reorg;
            let store = ReferenceBridge::new(&self.forge, SLOT, max_reorg, self.clock.clone());
            let blocks = branch.up_to(height).to_vec();
            let report = store.import(blocks);
            assert!(report.failure.is_none(), "own blocks hold: {report:?}");
            assert_eq!(store.best().height(), height);
            Arc::new(store)
        });
        Arc::clone(made)
    }

    /// What `authority` signs of the blocks `ids`, the highest of which is its tip and comes first.
    pub(super) fn word(&self, authority: usize, ids: &[Id]) -> Attestation<Block> {
        let [best, below @ ..] = ids else {
            panic!("whoever attests has a tip");
        };
        let mut words = lock(&self.words);
        let made = words.entry((authority, *best)).or_insert_with(|| {
            let below: Vec<_> = below.iter().map(|id| id.hash).collect();
            let signer = self.signer(authority);
            let genesis = self.main.genesis();
            let key = self.forge.public(authority);
            attest::<Block>(signer.as_ref(), key, genesis, self.now, *best, &below)
                .expect("a simulated record takes every counter")
        });
        made.clone()
    }

    /// The signer of `authority`.
    pub(super) fn signer(&self, authority: usize) -> Arc<SimSigner> {
        let signer = self.signers.get(authority);
        let signer = Arc::clone(signer.expect("one of the authorities"));
        debug_assert_eq!(signer.keys(), [self.forge.public(authority)]);
        signer
    }

    /// The same world in the next slot of `author`, which has sealed one block on the main branch: the side branch is the main
    /// one with it.
    pub(super) fn sealed_above(self, author: usize) -> Self {
        let mut now = self.now + 1;
        while self.forge.turn(now) != author {
            now = now + 1;
        }
        let mut blocks = self.main.blocks.clone();
        let tip = blocks.last().expect("the trunk is not empty").header();
        let block: Block = self.forge.block(tip, now, &[3]);
        blocks.push(block);
        Self::at(self.forge, [self.main.blocks, blocks], now)
    }

    fn at(forge: Forge, branches: [Vec<Block>; 2], now: Slot) -> Self {
        let authorities = forge.authorities().len();
        let middle = *now * SLOT.as_millis() + SLOT.as_millis() / 2;
        let signer = |authority| Arc::new(SimSigner::new(forge.clone(), authority, now));
        let [main, side] = branches.map(Branch::new);
        Self {
            clock: Arc::new(StillClock(UnixMillis(middle))),
            signers: (0..authorities).map(signer).collect(),
            words: Mutex::default(),
            main,
            side,
            now,
            forge,
        }
    }
}

impl Branch {
    fn new(blocks: Vec<Block>) -> Self {
        Self {
            blocks,
            stores: Mutex::default(),
        }
    }

    /// Its height.
    pub(super) fn height(&self) -> u64 {
        self.blocks.len() as u64
    }

    /// Its blocks up to `height`, genesis left out.
    pub(super) fn up_to(&self, height: u64) -> &[Block] {
        let count = usize::try_from(height).expect("a short chain");
        self.blocks.get(..count).expect("no higher than its tip")
    }

    fn genesis(&self) -> <Block as sp_runtime::traits::Block>::Hash {
        let first = self.blocks.first().expect("the trunk is not empty");
        first.header().parent_hash
    }

    /// What an attestation of its block at `height` names: that block and those below, the highest first.
    pub(super) fn attested(&self, height: u64) -> Vec<Id> {
        let blocks = self.up_to(height).iter().rev();
        let ids = blocks.map(|block| Id::of(block.header()));
        ids.take(ATTESTED_HASHES + 1).collect()
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
