//! The chain that is imported, and places to import it to.

use crate::money::{Block, Header, Money, Payment};
use chain_spec::{ChainSpec, Preset};
use runtime_bridge::{RuntimeBridge, store::column};
use sp_consensus_aura::Slot;
use sp_core::{Pair, sr25519};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use sync_component::{
    BlockId, Observer,
    observer::{BlockStage, StageEnd},
    ports::{CheckedBlocks, ImportBlocks, ReadChain, SystemClock},
};
use tempfile::TempDir;

pub(crate) type Chain = RuntimeBridge<Block, Money>;

const AUTHORITIES: u8 = 4;
const ACCOUNTS: u32 = 1_000;

/// Blocks that are checked at once, and imported at once.
pub(crate) const RUN: usize = 256;

fn pair(kind: &str, n: u32) -> sr25519::Pair {
    let mut seed = [0; 32];
    seed[..kind.len()].copy_from_slice(kind.as_bytes());
    seed[28..].copy_from_slice(&n.to_be_bytes());
    sr25519::Pair::from_seed(&seed)
}

/// Keys and rules.
pub(crate) struct World {
    spec: ChainSpec,
    authorities: Vec<sr25519::Pair>,
    accounts: Vec<sr25519::Pair>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with_accounts(ACCOUNTS)
    }

    /// With so many entries in the state.
    pub(crate) fn with_accounts(accounts: u32) -> Self {
        let authorities: Vec<_> = (0..AUTHORITIES.into()).map(|n| pair("seal", n)).collect();
        let mut spec = Preset::Dev.spec();
        spec.authorities = authorities.iter().map(|key| key.public().into()).collect();
        Self {
            spec,
            authorities,
            accounts: (0..accounts).map(|n| pair("pay", n)).collect(),
        }
    }

    fn runtime(&self) -> Money {
        Money(self.accounts.iter().map(Pair::public).collect())
    }

    /// This many blocks on genesis, with so many transfers each, between accounts all over the state.
    pub(crate) fn blocks(&self, count: usize, transfers: usize) -> Vec<Block> {
        let db = kvdb_memorydb::create(column::COUNT);
        let clock = Arc::new(SystemClock::new());
        let chain: Chain = Chain::over(Arc::new(db), &self.spec, self.runtime(), clock)
            .expect("an empty database opens");
        let mut paid = 0;
        let mut blocks = Vec::with_capacity(count);
        for slot in 1..=count {
            let calls = (0..transfers).map(|_| {
                let (round, at) = (paid / self.accounts.len(), paid % self.accounts.len());
                paid += 1;
                let to = (at * 7 + 1) % self.accounts.len();
                Payment::signed(&self.accounts[at], self.accounts[to].public(), round as u64)
            });
            let calls = calls.collect();
            let unsealed = chain
                .build(chain.best(), Slot::from(slot as u64), calls)
                .expect("the runtime builds what it accepts");
            assert!(unsealed.skipped().is_empty());
            let key = &self.authorities[slot % self.authorities.len()];
            let seal = key.sign(unsealed.pre_hash().as_ref());
            let block = unsealed.seal(seal);
            assert_eq!(chain.import(vec![block.clone()]).stored, 1);
            blocks.push(block);
        }
        blocks
    }

    /// A chain at genesis on a disk.
    pub(crate) fn place(&self) -> Place {
        let folder = tempfile::tempdir().expect("a folder for the bench");
        let clock = Arc::new(SystemClock::new());
        let chain = Chain::open(
            &folder.path().join("full"),
            &self.spec,
            self.runtime(),
            clock,
        );
        let stages = Arc::new(Stages::default());
        let chain = chain
            .expect("a new store opens")
            .observed_by(stages.clone());
        let genesis = BlockId::new(0, chain.genesis_hash());
        let header = chain.header(genesis.hash).ok().flatten();
        Place {
            chain,
            stages,
            genesis,
            header: header.expect("genesis is stored"),
            _folder: folder,
        }
    }
}

/// Time in each stage.
#[derive(Debug, Default)]
pub(crate) struct Stages(Mutex<[Duration; 5]>);

impl Stages {
    pub(crate) fn of(&self, stage: BlockStage) -> Duration {
        self.0.lock().expect("nobody panics with it")[stage as usize]
    }
}

impl Observer for Stages {
    fn stage(&self, stage: BlockStage, _: StageEnd, took: Duration) {
        self.0.lock().expect("nobody panics with it")[stage as usize] += took;
    }
}

/// Where a chain is imported to.
pub(crate) struct Place {
    pub(crate) chain: Chain,
    pub(crate) stages: Arc<Stages>,
    pub(crate) genesis: BlockId<Block>,
    header: Header,
    _folder: TempDir,
}

impl Place {
    /// Checks a chain from genesis in runs of this length.
    pub(crate) fn check(&self, blocks: &[Block], run: usize) -> Vec<CheckedBlocks<Block>> {
        let mut parent = &self.header;
        let mut checked = Vec::new();
        for run in blocks.chunks(run) {
            let report = self.chain.check(self.genesis, parent, run.to_vec());
            assert!(report.failure.is_none(), "{report:?}");
            checked.push(report.checked);
            parent = &run[run.len() - 1].header;
        }
        checked
    }

    /// Imports what was checked.
    pub(crate) fn import(&self, checked: Vec<CheckedBlocks<Block>>) {
        for run in checked {
            let report = self.chain.import_checked(run);
            assert!(report.failure.is_none(), "{report:?}");
        }
    }

    /// Verifies the headers of a chain from genesis.
    pub(crate) fn verify_headers(&self, headers: &[Header]) {
        use sync_component::ports::{UnixMillis, VerifyHeaders};
        let now = UnixMillis(u64::MAX);
        let verified = self
            .chain
            .verify_headers(self.genesis, &self.header, headers, now);
        assert!(verified.is_ok(), "{verified:?}");
    }
}
