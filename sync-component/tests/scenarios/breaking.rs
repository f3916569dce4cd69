//! Sessions of Tier 2 that end at any of their awaits.

use super::*;
use async_trait::async_trait;
use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll},
};
use sync_component::{
    BlockId, StrategyRegistry, SyncContext,
    block_sync::{FetchError, FetchJob, Pipelined, Sequential},
    ports::BridgeError,
    registry::FetchStrategy,
    test_kit::SLOT,
    wire::Activity,
};

#[derive(Clone, Copy, Debug)]
enum Fault {
    Panics,
    Fails,
    /// What it does is dropped, and nothing ever comes of it: only the watchdog ends it.
    IsDropped,
}

#[derive(Debug, thiserror::Error)]
#[error("the scenario breaks this session")]
struct Broken;

/// A fault of the first session, at one of its polls.
#[derive(Debug)]
struct Breakage {
    at: u64,
    how: Fault,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    sessions: usize,
    /// Of the first session.
    polls: u64,
    broken: bool,
    /// Sessions that began after it broke.
    later: usize,
}

impl Breakage {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    fn is_broken(&self) -> bool {
        self.seen().broken
    }
}

/// A strategy with a fault.
#[derive(Debug)]
struct Brittle {
    inner: Arc<dyn FetchStrategy<SmallBlock>>,
    breakage: Arc<Breakage>,
}

#[async_trait]
impl FetchStrategy<SmallBlock> for Brittle {
    async fn fetch(
        &self,
        context: &SyncContext<SmallBlock>,
        job: FetchJob<SmallBlock>,
    ) -> Result<BlockId<SmallBlock>, FetchError<SmallBlock>> {
        let is_first = {
            let mut seen = self.breakage.seen();
            seen.sessions += 1;
            seen.later += usize::from(seen.broken);
            seen.sessions == 1
        };
        let inner = self.inner.fetch(context, job);
        if !is_first {
            return inner.await;
        }
        Breaking {
            breakage: &self.breakage,
            inner: Some(inner),
        }
        .await
    }
}

struct Breaking<'a, F> {
    breakage: &'a Breakage,
    inner: Option<F>,
}

impl<F, T> Future for Breaking<'_, F>
where
    F: Future<Output = Result<T, FetchError<SmallBlock>>> + Unpin,
{
    type Output = Result<T, FetchError<SmallBlock>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Breakage { at, how, .. } = this.breakage;
        let breaks = {
            let mut seen = this.breakage.seen();
            seen.broken |= seen.polls == *at;
            seen.polls += 1;
            seen.broken
        };
        if !breaks && let Some(inner) = &mut this.inner {
            return Pin::new(inner).poll(cx);
        }
        match how {
            Fault::Panics => panic!("the scenario panics here"),
            Fault::Fails => Poll::Ready(Err(BridgeError::new(Broken).into())),
            Fault::IsDropped => {
                this.inner = None;
                Poll::Pending
            }
        }
    }
}

/// Which strategy breaks, and how: each in turn.
fn in_turn(seed: u64) -> (&'static str, Fault) {
    let how = [Fault::Panics, Fault::Fails, Fault::IsDropped][usize::try_from(seed % 3).unwrap()];
    (
        ["sequential", "pipelined"][usize::try_from(seed / 3 % 2).unwrap()],
        how,
    )
}

/// From now on nodes fetch with this strategy, which breaks so.
fn breaks(sim: &mut Sim, strategy: &'static str, breakage: &Arc<Breakage>) {
    let breakage = Arc::clone(breakage);
    sim.registry = Arc::new(move || {
        let mut registry = StrategyRegistry::with_builtins();
        let breakage = Arc::clone(&breakage);
        let factory = move |_: &_| {
            let inner: Arc<dyn FetchStrategy<SmallBlock>> = match strategy {
                "sequential" => Arc::new(Sequential),
                _ => Arc::new(Pipelined::default()),
            };
            let breakage = Arc::clone(&breakage);
            let brittle: Arc<dyn FetchStrategy<SmallBlock>> = Arc::new(Brittle { inner, breakage });
            Ok(brittle)
        };
        registry
            .register_fetch("brittle", Arc::new(factory))
            .unwrap();
        registry
    });
    sim.settings.strategies.tier2 = Some("brittle".to_owned());
}

/// A node for each await of a session, which ends there in a panic, with an error, or dropped.
#[test]
fn f09_session_that_breaks_at_any_of_its_awaits_leaves_nothing_stuck() {
    run(Setup::chain(20), async |sim| {
        sim.oracle.expect_panics();
        let (strategy, how) = in_turn(sim.seed);
        // Checks and imports are awaited, too.
        sim.import_time = Duration::from_millis(5);
        // Several requests, or there are few awaits.
        sim.settings.limits.blocks_per_request = 2;
        // After a failure there is a pause, and once a second it is looked at what may be done.
        let limits = &sim.settings.limits;
        let pause = limits.backoff_first.mul_f64(1.0 + limits.backoff_jitter) + SECOND;
        let deadline = match how {
            Fault::Panics | Fault::Fails => pause,
            Fault::IsDropped => (30 * SECOND).max(SLOT.as_duration() * 10) + SECOND + pause,
        };
        let peers = sim.servers(3, "P", 20);
        let mut awaits = 0;
        loop {
            let breakage = Arc::new(Breakage {
                at: awaits,
                how,
                seen: Mutex::default(),
            });
            breaks(sim, strategy, &breakage);
            let mut ours = sim.node(&format!("O{awaits}"), sim.chain(10));
            ours.start();
            sim.connect(&ours.id, ids(&peers));
            sim.until(10 * MINUTE, "the first session is over", || {
                breakage.is_broken() || ours.best().height() == 20
            })
            .await;
            let is_broken = breakage.is_broken();
            if is_broken {
                sim.until(deadline, "another session if one is needed", || {
                    breakage.seen().later > 0 || ours.best().height() == 20
                })
                .await;
            }
            let quick = if sim.is_calm() {
                5 * SECOND
            } else {
                10 * MINUTE
            };
            sim.until(quick, "O at 20, in sync and not syncing", || {
                let at_20 = ours.best().height() == 20;
                at_20 && ours.is_in_sync() && ours.manager().activity() != Activity::Syncing
            })
            .await;
            ours.stop();
            if !is_broken {
                break;
            }
            awaits += 1;
        }
        assert!(awaits >= 5, "{strategy} has {awaits} awaits only");
    });
}
