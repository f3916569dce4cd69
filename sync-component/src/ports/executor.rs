use futures::channel::oneshot;
use std::{fmt, num::NonZeroUsize, sync::LazyLock};

/// Runs work that would block the async threads (verification, execution, disk).
pub trait Executor: fmt::Debug + Send + Sync {
    /// Runs `job` soon, on another thread or in place. A job that panics is lost; its waiter learns of it.
    fn spawn_heavy(&self, job: Box<dyn FnOnce() + Send>);
}

/// The job ended without a result: it panicked, or the executor is shutting down. Always a local fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a background job of this node ended without a result; see the log above for its panic, and report it"
)]
pub struct JobLost;

/// Runs `job` on `executor` and waits for its result. Dropping the future abandons the result, not the job.
pub async fn heavy<R: Send + 'static>(
    executor: &dyn Executor,
    job: impl FnOnce() -> R + Send + 'static,
) -> Result<R, JobLost> {
    let (done, result) = oneshot::channel();
    executor.spawn_heavy(Box::new(move || {
        // The waiter may have been cancelled; the work is done all the same.
        let _ = done.send(job());
    }));
    result.await.map_err(|_| JobLost)
}

/// How many cores there are: more heavy jobs at once only take turns, and take them from whatever else is to be done.
pub fn cores() -> usize {
    // The system reads files of the control group for each answer.
    static CORES: LazyLock<usize> =
        LazyLock::new(|| std::thread::available_parallelism().map_or(1, NonZeroUsize::get));
    *CORES
}

/// Tokio's blocking pool.
#[derive(Clone, Debug)]
pub struct TokioExecutor(tokio::runtime::Handle);

impl TokioExecutor {
    /// Jobs go to the blocking pool of the runtime behind `handle`.
    pub fn new(handle: tokio::runtime::Handle) -> Self {
        Self(handle)
    }
}

impl Executor for TokioExecutor {
    fn spawn_heavy(&self, job: Box<dyn FnOnce() + Send>) {
        self.0.spawn_blocking(job);
    }
}
