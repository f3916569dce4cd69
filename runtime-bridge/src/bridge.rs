mod importing;
mod reading;
mod snapshots;

use crate::{
    build::{self, BuildError, Unsealed},
    chain_block::ChainBlock,
    closing::{Closing, Open},
    execute::{NewNodes, NodeSource, Runtime, StateError, StateReader, TrieState},
    genesis::Genesis,
    import::{Batch, Left, Measure, Reverted, Validation, revert},
    snapshot::{Building, Extent},
    store::{Head, LogLimit, Store, StoreError, open_folder},
    verify::{KnownSeals, Rules},
};
use chain_spec::ChainSpec;
use kvdb::KeyValueDB;
use sp_consensus_aura::{Slot, sr25519::AuthorityId};
use sp_core::H256;
use sp_runtime::traits::Header as HeaderT;
use std::{
    fmt,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};
use sync_component::{
    BlockId, Observer,
    block_id::height,
    observer::Unobserved,
    ports::{BridgeError, ChainEvent, Checker, Clock, ImportError, Vote, VoteStanding},
};
use tokio::sync::broadcast;

/// How many events a slow listener may lag behind before it misses the oldest.
const EVENT_BUFFER: usize = 1_024;

/// Why the chain could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The genesis state.
    #[error("the genesis state cannot be made: {0}")]
    Genesis(#[from] StateError),
    /// The chain spec was changed, and now rules out a block of the stored chain.
    #[error(
        "the stored chain holds block #{number} ({hash}), which the chain spec's bad blocks or checkpoints rule out; correct the chain spec, or `resync`, which keeps what is there as a backup"
    )]
    AgainstSpec {
        /// Its number.
        number: u64,
        /// Its hash.
        hash: H256,
    },
}

/// The end of a stored chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainTip {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: H256,
    /// The root of the state after it, which is in the store.
    pub state_root: H256,
}

/// The chain on disk, behind the component's ports. One writer at a time; readers never wait for it.
pub struct RuntimeBridge<B: ChainBlock, R> {
    store: Store<B>,
    runtime: R,
    rules: Rules,
    max_reorg: u64,
    measure: Measure,
    genesis: BlockId<B>,
    head: RwLock<Head<B>>,
    /// Held through every change of the chain.
    writing: Mutex<Writing<B>>,
    seals: KnownSeals,
    /// Which blocks are whole.
    extent: RwLock<Extent>,
    /// A snapshot under way; with nothing but genesis where none is. Held through every change of it, before `writing`.
    building: Mutex<Building<B>>,
    place: Place,
    /// Most headers of a snapshot that are kept without being final (`headers_ahead`).
    most_unfinal: usize,
    /// Marks what this bridge found of blocks.
    checker: Checker,
    events: broadcast::Sender<ChainEvent<B>>,
    /// The last field, so that it is dropped after the database is closed.
    open: Open,
}

/// What a chain is to its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// It runs on it.
    Live,
    /// It builds or reads it.
    Beside,
}

/// What only whoever changes the chain needs.
#[derive(Debug)]
struct Writing<B: ChainBlock> {
    /// How the vote stands, for the fork choice.
    vote: Vote<B>,
    /// What imports leave to the next one.
    left: Left,
}

impl<B: ChainBlock, R> fmt::Debug for RuntimeBridge<B, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeBridge")
            .field("genesis", &self.genesis)
            .finish_non_exhaustive()
    }
}

impl<B: ChainBlock, R: Runtime<B>> RuntimeBridge<B, R> {
    /// Opens the chain in the folder `store_dir`, or makes it there from `spec` if the folder is missing or empty. The
    /// caller holds the [`Lock`](crate::store::Lock).
    pub fn open(
        store_dir: &Path,
        spec: &ChainSpec,
        runtime: R,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        Self::open_with(LogLimit::Usual, store_dir, spec, runtime, clock)
    }

    /// The same, with a log of that length.
    pub fn open_with(
        log: LogLimit,
        store_dir: &Path,
        spec: &ChainSpec,
        runtime: R,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let genesis = Genesis::make::<R>(&runtime, spec)?;
        let name = format!("{:?}", genesis.id.hash);
        // A folder gets its place only with its genesis in it, so one without is damaged, and left alone.
        let db = open_folder(store_dir, &name, log, |db| genesis.write(db))?;
        Self::start(Arc::new(db), &genesis, spec, runtime, clock)
    }

    /// The chain in an open database of [`column::COUNT`](crate::store::column::COUNT) columns; an empty one gets its
    /// genesis. For other databases than `RocksDB`: in tests, and where the chain is to be gone with its process.
    pub fn over(
        db: Arc<dyn KeyValueDB>,
        spec: &ChainSpec,
        runtime: R,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let genesis = Genesis::make::<R>(&runtime, spec)?;
        if Store::<B>::new(Arc::clone(&db)).head()?.is_none() {
            genesis.write(db.as_ref())?;
        }
        Self::start(db, &genesis, spec, runtime, clock)
    }

    fn start(
        db: Arc<dyn KeyValueDB>,
        genesis: &Genesis<B>,
        spec: &ChainSpec,
        runtime: R,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let store = Store::new(db);
        let head = store.whole_head(genesis.id.hash)?;
        let record = store.snapshot()?;
        let extent = Extent::of(record.as_ref());
        let building = Building::of(&store, record, genesis.id)?;
        let rules = Rules::new(spec, genesis.id.hash);
        if let Some(id) = rules.forbidden(&store)? {
            return Err(OpenError::AgainstSpec {
                number: id.height(),
                hash: id.hash,
            });
        }
        Ok(Self {
            rules,
            max_reorg: spec.sync.tier2.max_reorg,
            store,
            runtime,
            measure: Measure {
                observer: Arc::new(Unobserved),
                clock,
            },
            genesis: genesis.id,
            head: RwLock::new(head),
            writing: Mutex::new(Writing {
                vote: VoteStanding::NotWithUs.into(),
                left: Left::default(),
            }),
            seals: KnownSeals::new(),
            extent: RwLock::new(extent),
            building: Mutex::new(building),
            place: Place::Beside,
            most_unfinal: usize::try_from(spec.sync.limits.headers_ahead).unwrap_or(usize::MAX),
            checker: Checker::new(),
            events: broadcast::Sender::new(EVENT_BUFFER),
            open: Open::default(),
        })
    }

    /// The same chain, which a node runs on: no snapshot is built in it.
    #[must_use]
    pub fn live(mut self) -> Self {
        self.place = Place::Live;
        self
    }

    /// The same chain, whose imports are measured from now on.
    #[must_use]
    pub fn observed_by(mut self, observer: Arc<dyn Observer>) -> Self {
        self.measure.observer = observer;
        self
    }

    /// Tells, after this is dropped, whether the store is closed.
    pub fn closing(&self) -> Closing {
        self.open.closing()
    }

    /// The runtime.
    pub fn runtime(&self) -> &R {
        &self.runtime
    }

    /// The best block and the root of the state after it.
    pub fn tip(&self) -> Result<ChainTip, StoreError> {
        let best = self.reading(|head| head.best);
        let header = self.store.header(best.hash)?;
        let header = header.ok_or(StoreError::Damaged {
            what: "the best block's header",
        })?;
        Ok(ChainTip {
            number: best.height(),
            hash: best.hash,
            state_root: *header.state_root(),
        })
    }

    fn head(&self) -> Head<B> {
        self.head
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn writing(&self) -> MutexGuard<'_, Writing<B>> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reading<T>(&self, read: impl FnOnce(&Head<B>) -> T) -> T {
        read(&self.head.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads one storage value in the state after `block`; `None` if there is none, or the block or its state is not stored.
    pub fn storage(&self, block: H256, key: &[u8]) -> Result<Option<Vec<u8>>, BridgeError> {
        let value = self.reading_state(block, |state| state.get(key))?;
        Ok(value.flatten())
    }

    /// Reads from the state after `block`; `None` if the block is not stored, or only its header.
    pub fn reading_state<T>(
        &self,
        block: H256,
        read: impl FnOnce(&dyn StateReader) -> Result<T, StateError>,
    ) -> Result<Option<T>, BridgeError> {
        let header = self.store.header(block).map_err(BridgeError::new)?;
        let extent = self.extent();
        let kept = header.filter(|header| extent.has_state(height::<B>(*header.number())));
        let Some(header) = kept else {
            return Ok(None);
        };
        self.reading_state_behind(*header.state_root(), read)
            .map(Some)
    }

    fn reading_state_behind<T>(
        &self,
        root: H256,
        read: impl FnOnce(&dyn StateReader) -> Result<T, StateError>,
    ) -> Result<T, BridgeError> {
        let nodes = NewNodes::new();
        let state = TrieState::at(NodeSource::stored(&self.store, &nodes), root);
        read(&state).map_err(BridgeError::new)
    }

    /// The authorities that the state behind `root` names.
    fn authorities_in(&self, root: H256) -> Result<Vec<AuthorityId>, BridgeError> {
        self.reading_state_behind(root, |state| self.runtime.authorities(state))
    }

    /// Builds a block for `slot` on `parent`: the runtime's inherents, then what of `extrinsics` applies and fits.
    pub fn build(
        &self,
        parent: BlockId<B>,
        slot: Slot,
        extrinsics: Vec<B::Extrinsic>,
    ) -> Result<Unsealed<B>, BuildError> {
        self.build_while(parent, slot, extrinsics, || true)
    }

    /// The same; takes extrinsics as long as `there_is_time`.
    pub fn build_while(
        &self,
        parent: BlockId<B>,
        slot: Slot,
        extrinsics: Vec<B::Extrinsic>,
        there_is_time: impl Fn() -> bool,
    ) -> Result<Unsealed<B>, BuildError> {
        let header = self.store.header(parent.hash).map_err(BridgeError::new)?;
        let header = header.ok_or(BuildError::UnknownParent)?;
        let mut context = self.rules.context::<B>(parent.number, slot);
        context.number += sp_runtime::traits::One::one();
        build::build(
            &self.store,
            &self.runtime,
            &header,
            &context,
            extrinsics.into_iter().take_while(|_| there_is_time()),
            self.rules.block_bytes,
        )
    }

    /// Takes the newest `count` blocks back, down to the final block at the lowest; one write. They are not stored any more,
    /// nor is what lies as high on other branches. For a node that is stopped: nobody is told.
    pub fn revert(&self, count: u64) -> Result<Reverted<B>, BridgeError> {
        let mut writing = self.writing();
        let mut batch = Batch::on(&self.store, self.head(), &mut writing.left);
        let reverted = revert(&mut batch, &self.runtime, count)?;
        if reverted.from != reverted.to {
            let Batch { changes, head, .. } = batch;
            self.store
                .write(&changes, &head)
                .map_err(BridgeError::new)?;
            *self.head.write().unwrap_or_else(PoisonError::into_inner) = head;
        }
        Ok(reverted)
    }

    /// Checks everything about a stored block once more: that it is the one with this hash, its header, its seal, its body, and
    /// that executing it at its parent's state gives its state root. Says which it is; `None` if it is not stored, or is block 0.
    /// [`StoreError::BelowSnapshot`] if it lies at or below a snapshot.
    pub fn check_again(&self, hash: H256) -> Result<Option<BlockId<B>>, ImportError<B>> {
        let block = self.store.block(hash).map_err(BridgeError::new)?;
        let Some(block) = block.filter(|_| hash != self.genesis.hash) else {
            self.ensure_kept(hash)?;
            return Ok(None);
        };
        let id = BlockId::of(block.header());
        if id.hash != hash {
            let what = "a block, which is not the one with its hash";
            return Err(BridgeError::new(StoreError::Damaged { what }).into());
        }
        let extent = self.extent();
        // Above 0, as block 0 has no body to check.
        if !extent.has_state(id.height().saturating_sub(1)) {
            let lowest = extent.lowest();
            return Err(BridgeError::new(StoreError::BelowSnapshot { lowest }).into());
        }
        // Of its own: what is checked once more is read once more.
        let mut left = Left::default();
        let mut batch = Batch::on(&self.store, self.head(), &mut left);
        self.validation().validate_again(&mut batch, &block)?;
        Ok(Some(id))
    }

    /// An error if of this block only the header is kept.
    pub fn ensure_kept(&self, hash: H256) -> Result<(), BridgeError> {
        let header = self.store.header(hash).map_err(BridgeError::new)?;
        let height = header.map(|header| height::<B>(*header.number()));
        let extent = self.extent();
        match height {
            Some(height) if !extent.has_state(height) => {
                let lowest = extent.lowest();
                Err(BridgeError::new(StoreError::BelowSnapshot { lowest }))
            }
            _ => Ok(()),
        }
    }

    /// What blocks are validated with, now.
    fn validation(&self) -> Validation<'_, R> {
        Validation {
            runtime: &self.runtime,
            rules: &self.rules,
            measure: &self.measure,
            now: self.measure.clock.wall(),
        }
    }
}
