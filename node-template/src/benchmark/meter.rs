use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use sync_component::{Observer, ports::Protocol};

/// Counts what the component measures.
#[derive(Debug, Default)]
pub(super) struct Meter {
    statuses: AtomicU64,
}

impl Meter {
    /// Answers on `sync/status/1` that came.
    pub(super) fn statuses(&self) -> u64 {
        self.statuses.load(Ordering::Acquire)
    }
}

impl Observer for Meter {
    fn answered(&self, protocol: Protocol, _took: Duration) {
        if protocol == Protocol::Status {
            self.statuses.fetch_add(1, Ordering::AcqRel);
        }
    }
}
