use super::BenchmarkError;
use crate::block_file::Next;
use std::{future::Future, time::Duration};

/// How often a benchmark that waits asks whether it is to stop.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// How long background work may take to end when a benchmark is over.
const CLOSING: Duration = Duration::from_secs(20);

/// What a long benchmark tells of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told<'a> {
    /// It does this now.
    Doing(&'a str),
    /// So many blocks of so many are done.
    Blocks {
        /// What is done to them.
        doing: &'a str,
        /// How many are done.
        done: u64,
        /// Of how many.
        total: u64,
    },
}

/// Who watches a benchmark: is told how far it is, and says whether it is to stop.
pub trait Watch {
    /// How far it is.
    fn told(&mut self, told: Told<'_>);

    /// Whether to stop.
    fn next(&self) -> Next;
}

/// Runs `work` on threads of its own and waits until all of it has ended, so that its files can go.
pub(super) fn play<T, W: Watch + ?Sized>(
    watch: &mut W,
    work: impl AsyncFnOnce(&mut W) -> Result<T, BenchmarkError>,
) -> Result<T, BenchmarkError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(BenchmarkError::System)?;
    let result = runtime.block_on(work(watch));
    runtime.shutdown_timeout(CLOSING);
    result
}

/// Waits for `work`, unless the benchmark is to stop.
pub(super) async fn unless_stopped<T, W: Watch + ?Sized>(
    watch: &W,
    work: impl Future<Output = Result<T, BenchmarkError>>,
) -> Result<T, BenchmarkError> {
    let stopped = async {
        while watch.next() == Next::GoOn {
            tokio::time::sleep(ASK_EVERY).await;
        }
    };
    tokio::select! {
        biased;
        () = stopped => Err(BenchmarkError::Stopped),
        result = work => result,
    }
}
