use crate::{
    SyncContext, SyncSettings,
    observer::Unobserved,
    orchestrator::{inbound::Inbound, proofs::Proofs},
    peers::{Ledger, PeerClient},
    ports::{Bridge, Executor, PeerId, Protocol, UnixMillis},
    serving::Told,
    test_kit::{
        Forge, MemoryNetwork, ReferenceBridge, SLOT, SeededRandomness, SmallBlock, VirtualClock,
    },
    wire::{Activity, Roles, busy_reply},
};
use futures::channel::oneshot;
use std::{
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::mpsc;

type Job = Box<dyn FnOnce() + Send>;

/// Keeps the jobs until somebody takes them.
#[derive(Default)]
struct Held(Mutex<Vec<Job>>);

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Held")
    }
}

impl Executor for Held {
    fn spawn_heavy(&self, job: Job) {
        self.jobs().push(job);
    }
}

impl Held {
    fn jobs(&self) -> MutexGuard<'_, Vec<Job>> {
        self.0.lock().expect("no test panics in between")
    }

    fn next(&self) -> Option<Job> {
        self.jobs().pop()
    }
}

#[test]
fn proofs_are_made_one_after_the_other_and_all_of_them() {
    let (held, made) = (Arc::new(Held::default()), Arc::new(AtomicUsize::new(0)));
    let proofs = Proofs::new(1, held.clone());
    for n in 0..10_u8 {
        let made = Arc::clone(&made);
        let answer = move || {
            made.fetch_add(1, Ordering::Relaxed);
        };
        proofs.make(&PeerId::from_bytes(&[n % 3]), Box::new(answer));
    }
    let mut at_once = Vec::new();
    while let Some(job) = {
        at_once.push(held.jobs().len());
        held.next()
    } {
        job();
    }
    assert_eq!(made.load(Ordering::Relaxed), 10);
    assert_eq!(at_once.pop(), Some(0));
    assert_eq!(at_once, [1; 10]);
}

#[test]
fn proof_that_panics_or_is_never_made_gives_its_turn_to_the_next_one() {
    let (held, made) = (Arc::new(Held::default()), Arc::new(AtomicUsize::new(0)));
    let proofs = Proofs::new(1, held.clone());
    let peer = PeerId::from_bytes(b"peer");
    proofs.make(&peer, Box::new(|| panic!("this is part of the test")));
    proofs.make(&peer, Box::new(|| ()));
    let counted = Arc::clone(&made);
    let answer = move || {
        counted.fetch_add(1, Ordering::Relaxed);
    };
    proofs.make(&peer, Box::new(answer));
    let panics = held.next().expect("the first begins at once");
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics));
    assert!(outcome.is_err());
    drop(held.next().expect("the second follows"));
    held.next().expect("so does the third")();
    assert_eq!(made.load(Ordering::Relaxed), 1);
}

#[test]
fn answer_that_waits_holds_no_store_open_and_is_given_all_the_same() {
    let (held, settings) = (Arc::new(Held::default()), SyncSettings::default());
    let clock = Arc::new(VirtualClock::starting_at(UnixMillis(1_000_000)));
    let chain = ReferenceBridge::<SmallBlock>::new(&Forge::new(1), SLOT, 5, clock.clone());
    let (banned, _) = mpsc::unbounded_channel();
    let (me, peer) = (PeerId::from_bytes(b"me"), PeerId::from_bytes(b"peer"));
    let bridge: Arc<dyn Bridge<SmallBlock>> = Arc::new(chain);
    let context = SyncContext {
        peers: PeerClient::new(
            Arc::new(MemoryNetwork::default().port(me)),
            clock.clone(),
            Arc::new(Unobserved),
            &settings,
            Ledger::new(&settings.limits),
            banned,
        ),
        bridge,
        clock,
        randomness: Arc::new(SeededRandomness::new(1)),
        executor: held.clone(),
        observer: Arc::new(Unobserved),
        settings: Arc::new(settings.clone()),
    };
    let store = Arc::downgrade(&context.bridge);
    let inbound = Arc::new(Inbound::new(&settings, Roles::Full, held.clone()));
    let ask = |protocol: Protocol| {
        let (reply, answer) = oneshot::channel();
        let told = Told::doing(Activity::Serving);
        inbound.serve(&context, told, &peer, protocol, Vec::new(), reply);
        (protocol, answer)
    };
    let asked = [Protocol::Blocks, Protocol::State, Protocol::State].map(ask);
    drop(context);
    assert_eq!(store.strong_count(), 0);
    while let Some(job) = held.next() {
        job();
    }
    for (protocol, mut answer) in asked {
        let busy = busy_reply(protocol, Duration::from_secs(1));
        assert_eq!(answer.try_recv(), Ok(Some(busy)), "{protocol:?}");
    }
}
