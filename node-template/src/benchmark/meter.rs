use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use sync_component::{
    Observer,
    observer::{BlockStage, ImportOutcome, StageEnd},
    ports::Protocol,
};

/// Counts what the component measures.
#[derive(Debug, Default)]
pub(super) struct Meter {
    statuses: AtomicU64,
    /// Nanoseconds, in the order of [`BlockStage::ALL`].
    stages: [AtomicU64; BlockStage::ALL.len()],
    span: Mutex<Span>,
}

/// From when to when.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    first_request: Option<Instant>,
    first_import: Option<Instant>,
    last_import: Option<Instant>,
    imports: u64,
}

impl Meter {
    /// Answers on `sync/status/1` that came.
    pub(super) fn statuses(&self) -> u64 {
        self.statuses.load(Ordering::Acquire)
    }

    /// Time in each stage, added up over all threads and requests.
    pub(super) fn stages(&self) -> impl Iterator<Item = (BlockStage, Duration)> + '_ {
        let times = self.stages.iter();
        let times = times.map(|nanos| Duration::from_nanos(nanos.load(Ordering::Acquire)));
        BlockStage::ALL.into_iter().zip(times)
    }

    /// From the first request that was answered, when it was made, to the last import; `None` before there is one.
    pub(super) fn span(&self) -> Option<Duration> {
        let Span {
            first_request,
            last_import,
            ..
        } = *self.lock();
        Some(last_import?.saturating_duration_since(first_request?))
    }

    /// From the first request to the first import; `None` before there is one.
    pub(super) fn lead(&self) -> Option<Duration> {
        let Span {
            first_request,
            first_import,
            ..
        } = *self.lock();
        Some(first_import?.saturating_duration_since(first_request?))
    }

    /// Blocks that were imported. A moment behind the chain, which shows its tip before it says what the import took.
    pub(super) fn imports(&self) -> u64 {
        self.lock().imports
    }

    fn lock(&self) -> MutexGuard<'_, Span> {
        // It is replaced field by field, so a panic elsewhere does not spoil it.
        self.span.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Meter {
    fn answered(&self, protocol: Protocol, took: Duration) {
        if protocol == Protocol::Status {
            self.statuses.fetch_add(1, Ordering::AcqRel);
        }
        let now = Instant::now();
        let asked = now.checked_sub(took).unwrap_or(now);
        let mut span = self.lock();
        span.first_request = Some(span.first_request.map_or(asked, |first| first.min(asked)));
    }

    fn stage(&self, stage: BlockStage, _end: StageEnd, took: Duration) {
        let at = BlockStage::ALL.iter().position(|other| *other == stage);
        if let Some(nanos) = at.and_then(|at| self.stages.get(at)) {
            let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
            nanos.fetch_add(took, Ordering::AcqRel);
        }
    }

    fn imported(&self, outcome: ImportOutcome) {
        if outcome == ImportOutcome::Success {
            let mut span = self.lock();
            let now = Instant::now();
            span.first_import.get_or_insert(now);
            span.last_import = Some(now);
            span.imports = span.imports.saturating_add(1);
        }
    }
}
