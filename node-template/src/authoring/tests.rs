#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

use super::{Author, AuthorError, Chain, SlotLost, Slots, foreign};
use crate::{
    keystore::DevKey,
    pool::{Limits, Pool},
    runtime::{Block, TemplateRuntime},
};
use async_trait::async_trait;
use chain_spec::{ChainSpec, Preset};
use runtime_bridge::signing::{KeystoreState, Opening, Signed, SigningError};
use sp_consensus_aura::{Slot, SlotDuration};
use sp_core::Pair;
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use sync_component::{
    NetworkSyncManager, StrategyRegistry, net,
    observer::Unobserved,
    orchestrator::{Fetching, FirstAnswer, Parts, ProductionMode, SyncEvent},
    peers::Ledger,
    ports::{
        Clock, Executor, ImportError, MonoTime, ReadChain, SystemRandomness, TokioExecutor,
        UnixMillis,
    },
    status::{Duty, Note},
    wire::Roles,
};
use tempfile::TempDir;

/// A clock that stands still until it is set. Sleeping takes real time, so that a test that waits for nothing fails.
#[derive(Debug, Default)]
struct SetClock(AtomicU64);

impl SetClock {
    fn set(&self, millis: u64) {
        self.0.store(millis, Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for SetClock {
    fn wall(&self) -> UnixMillis {
        UnixMillis(self.0.load(Ordering::SeqCst))
    }

    fn now(&self) -> MonoTime {
        MonoTime(Duration::from_millis(self.0.load(Ordering::SeqCst)))
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

struct Bench {
    folder: TempDir,
    clock: Arc<SetClock>,
    length: u64,
    author: Author,
}

fn signed(path: &Path) -> Arc<Signed> {
    match Signed::open(path, KeystoreState::Empty, &[]).unwrap() {
        Opening::Ready(signed) => Arc::new(signed),
        Opening::MustWait(_) => panic!("an empty keystore has nothing to wait for"),
    }
}

/// A node of `spec` without a network, that authors with `key` and needs no votes.
fn bench(spec: &ChainSpec, key: DevKey) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SetClock::default());
    let shared: Arc<dyn Clock> = clock.clone();
    let chain = Chain::open(
        &folder.path().join("db"),
        spec,
        TemplateRuntime,
        Arc::clone(&shared),
    );
    let chain = Arc::new(chain.unwrap());
    let executor: Arc<dyn Executor> =
        Arc::new(TokioExecutor::new(tokio::runtime::Handle::current()));
    let (_, network, _) = net::new(&[0; 32], &spec.sync);
    let manager = NetworkSyncManager::<Block>::new(Parts {
        bridge: chain.clone(),
        network: Arc::new(network),
        clock: Arc::clone(&shared),
        randomness: Arc::new(SystemRandomness),
        executor: Arc::clone(&executor),
        observer: Arc::new(Unobserved),
        settings: spec.sync.clone(),
        registry: StrategyRegistry::with_builtins(),
        roles: Roles::Authority,
        production: ProductionMode::SingleAuthority(FirstAnswer::NotNeeded),
        ledger: Ledger::new(&spec.sync.limits),
        fetching: Fetching::Tier2,
    });
    let author = Author {
        manager: Arc::new(manager.unwrap()),
        pool: Arc::new(Pool::new(
            Arc::clone(&chain),
            shared.clone(),
            Limits::default(),
        )),
        chain,
        signed: signed(&folder.path().join("signed")),
        keys: vec![key.pair()].into(),
        clock: shared,
        executor,
    };
    Bench {
        length: spec.slot_duration.as_millis(),
        folder,
        clock,
        author,
    }
}

impl Bench {
    /// Authors at the start of `slot`; says the height of the new block.
    async fn author_at(&self, slot: u64) -> Result<Option<u64>, AuthorError> {
        self.clock.set(slot * self.length);
        let made = self.author.author(Slot::from(slot)).await?;
        Ok(made.map(|block| block.height()))
    }

    fn height(&self) -> u64 {
        self.author.chain.best().height()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn own_slot_that_the_gate_clears_has_a_block() {
    let bench = bench(&Preset::Dev.spec(), DevKey::Alice);
    assert_eq!(bench.author_at(1_000).await.unwrap(), Some(1));
    assert_eq!(bench.author_at(1_001).await.unwrap(), Some(2));
    assert_eq!(bench.height(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn slot_never_has_a_second_block() {
    let bench = bench(&Preset::Dev.spec(), DevKey::Alice);
    bench.author_at(1_000).await.unwrap();
    assert_eq!(bench.author_at(1_000).await.unwrap(), None);
    assert_eq!(bench.author_at(999).await.unwrap(), None);
    assert_eq!(bench.height(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn slot_that_was_sealed_before_the_blocks_were_lost_stays_empty() {
    let bench = bench(&Preset::Dev.spec(), DevKey::Alice);
    let key = DevKey::Alice.pair();
    let earlier = bench.author.signed.seal(&key, 1_000.into(), b"gone");
    earlier.unwrap();
    let refused = bench.author_at(1_000).await;
    assert!(
        matches!(
            refused,
            Err(AuthorError::Signing(SigningError::AlreadySealed { .. }))
        ),
        "{refused:?}"
    );
    assert_eq!(bench.height(), 0);
    assert_eq!(refused.unwrap_err().slot_lost(), SlotLost::ToCircumstances);
    assert_eq!(bench.author_at(1_001).await.unwrap(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn slot_far_below_the_last_seal_is_shown_as_lost_to_a_fault() {
    let bench = bench(&Preset::Dev.spec(), DevKey::Alice);
    let ahead = bench
        .author
        .signed
        .seal(&DevKey::Alice.pair(), 20_000.into(), b"ahead");
    ahead.unwrap();
    let refused = bench.author_at(1_000).await.unwrap_err();
    assert_eq!(refused.slot_lost(), SlotLost::ToAFault);
    assert!(refused.to_string().contains("slot 20000"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_of_others_and_of_strangers_are_left_alone() {
    let spec = Preset::Local.spec();
    let alice = bench(&spec, DevKey::Alice);
    let count = u64::try_from(spec.authorities.len()).unwrap();
    let mut authored = 0;
    for slot in 1_000..1_000 + count {
        if alice.author_at(slot).await.unwrap().is_some() {
            authored += 1;
        }
    }
    assert_eq!(authored, 1);
    let stranger = bench(&spec, DevKey::Ferdie);
    for slot in 1_000..1_000 + count {
        assert_eq!(stranger.author_at(slot).await.unwrap(), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slot_that_is_over_before_the_block_is_built_is_not_sealed() {
    let bench = bench(&Preset::Dev.spec(), DevKey::Alice);
    bench.clock.set(1_001 * bench.length);
    let refused = bench.author.author(Slot::from(1_000)).await;
    assert!(
        matches!(refused, Err(AuthorError::SlotOver { .. })),
        "{refused:?}"
    );
    // Nothing was sealed for it.
    assert_eq!(bench.author_at(1_000).await.unwrap(), Some(1));
}

/// The other one with our key has sealed for the same slot, and its header comes after the gate has answered.
#[tokio::test(flavor = "multi_thread")]
async fn key_that_turns_up_elsewhere_while_a_block_is_built_seals_nothing() {
    let bench = bench(&Preset::Dev.spec(), DevKey::Alice);
    bench.author_at(1_000).await.unwrap();
    let author = &bench.author;
    let (key, on) = (DevKey::Alice.pair(), author.chain.best());
    bench.clock.set(1_001 * bench.length);
    author.manager.height_sync().own_key_used_elsewhere(on);
    let refused = author.make(&key, on, 1_001.into()).unwrap_err();
    assert!(matches!(refused, AuthorError::KeyUsedElsewhere { block } if block == on));
    assert_eq!(refused.slot_lost(), SlotLost::ToAFault);
    let sealed = author.signed.last_slot(&key.public());
    assert_eq!(sealed, Some(1_000.into()));
    assert_eq!(author.chain.best(), on);
}

#[tokio::test(flavor = "multi_thread")]
async fn block_on_a_parent_that_is_no_longer_the_best_is_dropped() {
    let bench = bench(&Preset::Dev.spec(), DevKey::Alice);
    let chain = &bench.author.chain;
    let cleared = chain.best();
    bench.author_at(1_000).await.unwrap();
    let late = chain.build(cleared, 1_001.into(), Vec::new()).unwrap();
    let key = DevKey::Alice.pair();
    let seal = key.sign(late.pre_hash().as_bytes());
    let dropped = chain.import_own(late.seal(seal), cleared);
    assert!(
        matches!(dropped, Err(ImportError::ClearanceLost { .. })),
        "{dropped:?}"
    );
    assert_eq!(bench.height(), 1);
}

/// What the watch over foreign blocks says of a chain of two blocks by Alice, with this record.
async fn watch_says(bench: &Bench, record: Arc<Signed>) -> Option<u64> {
    let watch = foreign::watch(
        Arc::clone(&bench.author.chain),
        record,
        std::iter::once(DevKey::Alice.pair().public()).collect(),
        Arc::clone(&bench.author.executor),
    );
    let both = async {
        bench.author_at(1_000).await.unwrap();
        bench.author_at(1_001).await.unwrap();
    };
    tokio::pin!(watch);
    tokio::select! {
        biased;
        evidence = &mut watch => return Some(evidence.block.height()),
        () = both => {}
    }
    let rest = tokio::time::timeout(Duration::from_secs(2), watch).await;
    rest.ok().map(|evidence| evidence.block.height())
}

#[tokio::test(flavor = "multi_thread")]
async fn own_blocks_are_no_foreign_use() {
    let bench = bench(&Preset::Dev.spec(), DevKey::Alice);
    let record = Arc::clone(&bench.author.signed);
    assert_eq!(watch_says(&bench, record).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn block_that_another_node_sealed_with_our_key_is_found() {
    let bench = bench(&Preset::Dev.spec(), DevKey::Alice);
    let elsewhere = tempfile::tempdir().unwrap();
    let record = signed(&elsewhere.path().join("signed"));
    let key = DevKey::Alice.pair();
    record.seal(&key, 1_000.into(), b"our last").unwrap();
    assert_eq!(watch_says(&bench, record).await, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_block_that_was_stored_before_the_start_is_found_too() {
    let bench = bench(&Preset::Dev.spec(), DevKey::Alice);
    bench.author_at(1_000).await.unwrap();
    bench.author_at(1_001).await.unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let record = signed(&elsewhere.path().join("signed"));
    record
        .seal(&DevKey::Alice.pair(), 1_000.into(), b"our last")
        .unwrap();
    let watch = foreign::watch(
        Arc::clone(&bench.author.chain),
        record,
        std::iter::once(DevKey::Alice.pair().public()).collect(),
        Arc::clone(&bench.author.executor),
    );
    let evidence = tokio::time::timeout(Duration::from_secs(10), watch).await;
    assert_eq!(evidence.unwrap().block.height(), 2);
}

/// The notes of the status on what could not be signed.
fn not_signed(bench: &Bench) -> Vec<Note<Block>> {
    let notes = bench.author.manager.report().notes.into_iter();
    notes
        .filter(|note| matches!(note, Note::NotSigned { .. }))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn slot_lost_to_a_fault_is_told_and_shown_until_the_next_block() {
    let bench = bench(&Preset::Dev.spec(), DevKey::Alice);
    let mut events = bench.author.manager.events();
    let attempt = async |slot: u64| {
        bench.clock.set(slot * bench.length);
        let made = bench.author.author(slot.into()).await;
        bench.author.tell(slot.into(), &made);
    };
    // Where the draft of the record goes there is a folder: nothing can be written.
    let draft = bench.folder.path().join("signed.new");
    std::fs::create_dir(&draft).unwrap();
    attempt(1_000).await;
    let shown = not_signed(&bench);
    let [
        Note::NotSigned {
            duty: Duty::Block,
            why,
        },
    ] = shown.as_slice()
    else {
        panic!("{shown:?}");
    };
    assert!(why.contains("/signed "), "{why}");
    let told: Vec<_> = std::iter::from_fn(|| events.try_recv().ok()).collect();
    let is_it = |event: &SyncEvent<Block>| matches!(event, SyncEvent::NotSigned { why: told, .. } if told == why);
    assert!(told.iter().any(is_it), "{told:?}");
    // A slot that is lost to circumstances takes nothing back, and says nothing new.
    bench.clock.set(1_001 * bench.length);
    let over = bench.author.author(1_000.into()).await;
    bench.author.tell(1_000.into(), &over);
    assert_eq!(not_signed(&bench).len(), 1);
    let told: Vec<_> = std::iter::from_fn(|| events.try_recv().ok()).collect();
    assert!(!told.iter().any(is_it), "{told:?}");
    std::fs::remove_dir(&draft).unwrap();
    attempt(1_001).await;
    assert_eq!(not_signed(&bench), []);
    attempt(1_001).await;
    assert_eq!(not_signed(&bench), []);
}

#[test]
fn moments_are_counted_from_the_start_of_their_slot() {
    let slots = Slots::new(SlotDuration::from_millis(2_000));
    let start = slots.at(UnixMillis(10_000));
    assert_eq!(*start.slot, 5);
    assert_eq!(
        (start.gone, start.left),
        (Duration::ZERO, Duration::from_secs(2))
    );
    assert!(!slots.is_late(start));
    let end = slots.at(UnixMillis(11_999));
    assert_eq!(*end.slot, 5);
    assert_eq!(end.left, Duration::from_millis(1));
    assert!(slots.is_late(end));
}

#[test]
fn author_of_a_slot_goes_around() {
    let authorities = Preset::Local.spec().authorities;
    let count = u64::try_from(authorities.len()).unwrap();
    let of = |slot: u64| foreign::author_of(&authorities, slot.into());
    assert_eq!(of(0), of(count));
    assert_ne!(of(0), of(1));
    assert_eq!(foreign::author_of(&[], 7.into()), None);
}
