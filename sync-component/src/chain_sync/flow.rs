use super::SourceFault;
use sp_runtime::traits::Block as BlockT;
use std::time::Duration;

/// How much one source's chain brought in the time that was spent waiting for it, however often it was followed.
///
/// One that brings less than a single request may hold in `tier1_timeout_secs` gives way to others: one block or header at a time, and
/// late, would hold up the run for as long as the chain is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flow {
    waited: Duration,
    count: u64,
}

/// When a source is slow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Least {
    /// So many blocks or headers,
    pub(super) count: u64,
    /// in such a time.
    pub(super) within: Duration,
}

impl Flow {
    /// So many more came in that time. `Slow` if it is time to judge and that was too little.
    pub(super) fn note<B: BlockT>(
        &mut self,
        count: u64,
        took: Duration,
        least: Least,
    ) -> Result<(), SourceFault<B>> {
        self.count = self.count.saturating_add(count);
        self.waited = self.waited.saturating_add(took);
        if self.waited < least.within {
            return Ok(());
        }
        let Self { waited, count } = std::mem::take(self);
        if count < least.count {
            return Err(SourceFault::Slow {
                count,
                within: waited,
            });
        }
        Ok(())
    }
}
